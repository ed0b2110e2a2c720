"""Two Transposes in a row become one, or none where they cancel.

    Before:  x -> Transpose -> Transpose -> op       After:  x -> op, or x -> Transpose -> op

A Reshape that only moves dimensions of 1 counts as a Transpose.

Source: ONNX Runtime, `core/optimizer/transpose_optimization/onnx_transpose_optimization.cc` (HandleTransposeImpl,
RemoveCancelingTransposeNodes, HandleReshape).
"""

from __future__ import annotations

from android_test.coverage.nnapi.layout_graph import LayoutGraph, Perm, inverse
from android_test.coverage.nnapi.layout_moves import perm_of, set_attribute
from android_test.coverage.nnapi.layout_push import Push


def transpose(push: Push) -> bool:
    """The second of two Transposes."""
    second = perm_of(push.graph, push.node)
    return second is not None and len(second) == len(push.perm) and _joined(push, second)


def _joined(push: Push, second: Perm) -> bool:
    """Two Transposes in a row: none where they cancel, else one."""
    graph, first, node = push.graph, push.transpose, push.node
    source = graph.node(first).input[0]
    if inverse(push.perm) == second:
        _bypass(push, source)
    else:
        both = [push.perm[axis] for axis in second]
        if graph.is_op(node, "Transpose"):
            graph.set_input(node, 0, source)
            set_attribute(graph, node, "perm", both)
        else:
            new = graph.add("Transpose", [source], stem=source, perm=both)
            graph.move_output(node, 0, new)
            graph.remove(node)
    _drop(graph, first)
    return True


def _bypass(push: Push, source: str) -> None:
    """Let everybody who reads `node` read `source`; a graph output keeps its name, by an Identity if need be."""
    graph, node = push.graph, push.node
    name = graph.node(node).output[0]
    maker = graph.maker(source)
    if graph.known_readers(name):
        graph.replace_reads(graph.readers(name), name, source)
    elif maker is not None and graph.known_readers(source):
        graph.set_input(node, 0, "")
        graph.replace_reads(graph.readers(source), source, name)
        graph.move_output(node, 0, maker, list(graph.node(maker).output).index(source))
    else:
        identity = graph.add("Identity", [""], stem=name)
        graph.move_output(node, 0, identity)
        graph.set_input(identity, 0, source)
    graph.remove(node)


def _drop(graph: LayoutGraph, index: int) -> None:
    if graph.nodes[index] is not None and not graph.read_at_all(graph.node(index).output[0]):
        graph.remove(index)


def reshape(push: Push) -> bool:
    """A Reshape that keeps the order of all dimensions above 1 is a Transpose by another name."""
    graph, node = push.graph, push.proto
    before = graph.shape(graph.node(push.transpose).output[0])
    after = graph.shape(node.output[0])
    wanted = graph.ints(node.input[1])
    if before is None or after is None or not wanted or len(before) != len(wanted) or len(after) != len(before):
        return False
    left = list(enumerate(before))
    perm = []
    for size in after:
        for number, (place, one) in enumerate(left):
            if one == size:
                perm.append(place)
                del left[number]
                break
            if one != 1 and size != 1:
                return False
        else:
            return False
    return _joined(push, tuple(perm))
