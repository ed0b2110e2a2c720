"""How a graph is cut for a provider: the greedy waves of ONNX Runtime's partitioning, replayed.

A wave takes every unit that is ready and supported, and every unsupported one that does not read the wave's
own results; what remains starts the next wave. So an unsupported node costs a cut only where data passes
through it. A partition that reads nothing but constants is given back: NNAPI wants an input.
Source: ONNX Runtime, `core/providers/partitioning_utils.cc` and
`core/providers/nnapi/nnapi_builtin/nnapi_execution_provider.cc` (GetCapability).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from android_test.coverage.graph_view import GraphView
from android_test.coverage.node_units import NodeUnit


@dataclass(frozen=True)
class Cut:
    """How one graph is cut. All but `stranded` hold node indices."""

    kept: tuple[tuple[int, ...], ...]  # one entry per partition
    too_small: tuple[int, ...] = ()  # the only node of a partition that is not worth one
    constant: tuple[tuple[int, ...], ...] = ()  # partitions that read nothing but constants
    stranded: tuple[int, ...] = ()  # units whose quantized input is not made in their own partition


def partition(
    view: GraphView,
    units: Sequence[NodeUnit],
    taken: Sequence[bool],
    not_worth_one: frozenset[str],
    inside: Mapping[int, Sequence[str]],
) -> Cut:
    """Cut a graph.

    Args:
        view: the graph.
        units: its units.
        taken: whether the provider takes `units[i]`.
        not_worth_one: a partition of one node with such an operator goes back to the CPU.
        inside: unit -> values that an operator of a single node in the same partition has to make. A Q within a unit
            does not count, nor does what a graph or a partition reads from outside: it has no scale there.
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
    made: set[str] = set()
    border: set[int] = set()
    groups: list[list[int]] = []
    stranded: set[int] = set()
    while ready or later:
        if not ready:
            groups.append(group)
            group, border, made = [], set(), set()
            ready, later = later, deque()
            continue
        number = ready.popleft()
        if taken[number] and not made.issuperset(inside.get(number, ())):
            stranded.add(number)  # the provider asks once, and remembers the answer
        supported = taken[number] and number not in stranded
        if not supported and number in border:
            later.append(number)
            continue
        if supported:
            group.extend(units[number].members)
            made.update(view.nodes[units[number].target].output)
            border.discard(number)
            border.update(after[number])
        for reader in after[number]:
            waiting[reader] -= 1
            if waiting[reader] == 0:
                ready.append(reader)
    groups.append(group)

    kept, small, constant = [], [], []
    for members in filter(None, groups):
        if len(members) == 1 and view.nodes[members[0]].op_type in not_worth_one:
            small += members
        elif not _reads_something(view, members):
            constant.append(tuple(members))
        else:
            kept.append(tuple(members))
    return Cut(tuple(kept), tuple(small), tuple(constant), tuple(sorted(stranded)))


def _reads_something(view: GraphView, members: Sequence[int]) -> bool:
    made = {name for index in members for name in view.nodes[index].output}
    read = {name for index in members for name in view.nodes[index].input if name}
    return any(name not in view.constants for name in read - made)
