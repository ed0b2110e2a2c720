"""How a graph is cut for a provider: the greedy waves of ONNX Runtime's partitioning, replayed.

A wave takes every unit that is ready and supported, and every unsupported one that does not read the wave's
own results; what remains starts the next wave. So an unsupported node costs a cut only where data passes
through it. Source: ONNX Runtime, `core/providers/partitioning_utils.cc`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from android_test.coverage.graph_view import GraphView
from android_test.coverage.node_units import NodeUnit


def partition(
    view: GraphView, units: Sequence[NodeUnit], taken: Sequence[bool], too_small: frozenset[str]
) -> tuple[list[list[int]], list[list[int]]]:
    """Node indices of each partition that is kept, and of each that is dropped.

    `taken[i]` says whether the provider takes `units[i]`. A partition of one node whose operator is in
    `too_small` is dropped.
    """
    unit_of = {member: number for number, unit in enumerate(units) for member in unit.members}
    after: list[list[int]] = [[] for _ in units]
    waiting = [0] * len(units)
    for number, unit in enumerate(units):
        for member in unit.members:
            for name in view.nodes[member].input:
                maker = unit_of.get(view.producer.get(name, -1))
                if maker is not None and maker != number:
                    after[maker].append(number)
                    waiting[number] += 1

    ready = deque(number for number, count in enumerate(waiting) if count == 0)
    later: deque[int] = deque()
    group: list[int] = []
    border: set[int] = set()
    groups: list[list[int]] = []
    while ready or later:
        if not ready:
            groups.append(group)
            group, border = [], set()
            ready, later = later, deque()
            continue
        number = ready.popleft()
        if not taken[number] and number in border:
            later.append(number)
            continue
        if taken[number]:
            group.extend(units[number].members)
            border.discard(number)
            border.update(after[number])
        for reader in after[number]:
            waiting[reader] -= 1
            if waiting[reader] == 0:
                ready.append(reader)
    groups.append(group)

    filled = [members for members in groups if members]
    lone = [len(members) == 1 and view.nodes[members[0]].op_type in too_small for members in filled]
    kept = [members for members, small in zip(filled, lone, strict=True) if not small]
    dropped = [members for members, small in zip(filled, lone, strict=True) if small]
    return kept, dropped
