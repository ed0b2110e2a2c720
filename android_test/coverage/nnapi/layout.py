"""The layout step between the provider's two looks at a graph: NNAPI's own operators want channels last.

    Before:  Q -> DQ -> Transpose -> Relu -> Q -> DQ
    After:   Q -> DQ -> Relu -> Q -> DQ -> Transpose -> Q -> DQ

    Before:  Q -> DQ -> Conv -> Q -> DQ
    After:   Q -> DQ -> Transpose -> Q -> DQ -> Conv' -> Q -> DQ -> Transpose -> Q -> DQ

1. Every convolution, pool, Resize, ... that the provider took gets a Transpose before and behind it.
2. The transpose optimizer pushes all Transposes of the graph, those of the file too, towards the outputs. It pushes
   between channels first and channels last always (but for Concat), others where it estimates a gain. In the first
   graph above, Relu now stands alone between DQ and Q: the sandwich, which the provider refuses in its second look,
   although it took DQ, Transpose, Relu and Q one by one in its first.
3. A Transpose that is left beside a DQ or Q is made a unit of its own by one more pair of Q and DQ.

Source: ONNX Runtime, `core/optimizer/layout_transformation/layout_transformation.cc` (TransformLayoutForEP),
`core/optimizer/transpose_optimization/onnx_transpose_optimization.cc` (OptimizeImpl, FixQDQNodeUnits) and
`core/framework/graph_partitioner.cc` (GetCapabilityForEP).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from android_test.coverage.graph_view import GraphView
from android_test.coverage.nnapi.layout_graph import NHWC, EditedView, LayoutGraph, Perm, inverse
from android_test.coverage.nnapi.layout_moves import (
    dq_of_constant,
    insert_pair,
    pair_before,
    perm_of,
    transpose_input,
    transpose_output,
)
from android_test.coverage.nnapi.layout_push import Push
from android_test.coverage.nnapi.layout_ways import Way, way_of

LAYOUT_SENSITIVE: Final = frozenset(
    """Conv ConvTranspose AveragePool MaxPool LpPool GlobalAveragePool GlobalMaxPool GlobalLpPool BatchNormalization
    InstanceNormalization LRN DepthToSpace SpaceToDepth GridSample Resize""".split()  # noqa: SIM905
)


def laid_out(view: GraphView, taken: Collection[int]) -> GraphView:
    """The graph as the provider sees it in its second look.

    Args:
        view: the graph of the first look.
        taken: indices of the nodes in the partitions of the first look.
    """
    graph = LayoutGraph.of(view)
    for index in graph.topological():
        node = graph.node(index)
        if index in taken and node.op_type in LAYOUT_SENSITIVE and node.domain in ("", "ai.onnx"):
            _wrap(graph, index)
    _push_all(graph)
    return EditedView(view.model, view.folder, graph)


def first_to_last(rank: int) -> Perm:
    """The permutation from channels first to channels last."""
    return (0, *range(2, rank), 1) if rank > 1 else ()


def _wrap(graph: LayoutGraph, index: int) -> None:
    node = graph.node(index)
    shape = graph.shape(node.input[0])
    if shape is None or len(shape) < 2:
        return
    perm = first_to_last(len(shape))
    places = [0]
    if node.op_type == "Resize":  # its scales or sizes are per axis
        places += [p for p in range(2, len(node.input)) if graph.shape(node.input[p]) == (4,)]
    for place in places:
        transpose_input(graph, index, place, perm)
    transpose_output(graph, index, 0, inverse(perm))
    node.domain = NHWC


def _push_all(graph: LayoutGraph) -> None:
    order = graph.topological()
    leading = _leading_to_transpose(graph, order)
    quantized = any(graph.node(index).op_type == "DequantizeLinear" for index in order)
    for index in order:
        if graph.nodes[index] is None:
            continue
        for place, name in enumerate(list(graph.node(index).input)):
            before = graph.maker_of_type(name, "Transpose")
            perm = None if before is None else perm_of(graph, before)
            if before is not None and perm is not None and _push(graph, before, index, place, perm, leading):
                break
    if quantized:
        for index in graph.topological():
            _fold(graph, index)
        _repair_units(graph)


def _leading_to_transpose(graph: LayoutGraph, order: list[int]) -> set[str]:
    """Values from which a Transpose can be reached through operators that let one pass."""
    leading: set[str] = set()
    for index in reversed(order):
        node = graph.node(index)
        if graph.is_op(index, "Transpose"):
            leading.add(node.input[0])
        elif any(name in leading for name in node.output):
            way = way_of(graph, index)
            if way is not None and way.moves_outputs:
                leading.update(node.input[place] for place in way.places(graph, index))
    return leading


def _push(graph: LayoutGraph, before: int, index: int, place: int, perm: Perm, leading: set[str]) -> bool:
    way = way_of(graph, index)
    if way is None:
        return False
    places = way.places(graph, index)
    if place not in places:
        return False
    node = graph.node(index)
    always = node.op_type != "Concat" and perm in (first_to_last(len(perm)), inverse(first_to_last(len(perm))))
    if not (always or graph.is_op(index, "Transpose") or _cost(graph, index, perm, way, places, leading) < 0):
        return False
    return way.handler(Push(graph, before, index, perm, places))


def _cost(graph: LayoutGraph, index: int, perm: Perm, way: Way, places: tuple[int, ...], leading: set[str]) -> int:
    """Transposed dimensions above 1 that a push adds; below zero where it takes some away."""
    node = graph.node(index)
    cost = sum(_input_cost(graph, node.input[place], perm) for place in places)
    if cost < 0 and way.moves_outputs and not any(name in leading for name in node.output):
        cost += max(_size(graph, name) for name in node.output)
    return cost


def _input_cost(graph: LayoutGraph, name: str, perm: Perm) -> int:
    maker = graph.maker(name)
    if maker is None:
        return 0 if name in graph.constants else _size(graph, name)
    node = graph.node(maker)
    if node.op_type == "DequantizeLinear":
        if dq_of_constant(graph, name) is not None:
            return 0
        above = graph.maker(node.input[0])
        if above is not None and graph.node(above).op_type == "Squeeze":
            above = graph.maker_of_type(graph.node(above).input[0], "Transpose")
        maker = maker if above is None else above
    if not graph.is_op(maker, "Transpose") or (found := perm_of(graph, maker)) is None:
        return _size(graph, name)
    output = graph.node(maker).output[0]
    gone = graph.known_readers(output) and all(way_of(graph, one) is not None for one in graph.readers(output))
    return -_size(graph, name) if found == perm and gone else 0


def _size(graph: LayoutGraph, name: str) -> int:
    shape = graph.shape(name) if name else ()
    return 5 if shape is None else sum(size != 1 for size in shape)


def _fold(graph: LayoutGraph, index: int) -> None:
    """A Transpose or Squeeze of a constant becomes a constant."""
    if graph.nodes[index] is None or graph.node(index).op_type not in ("Transpose", "Squeeze"):
        return
    node = graph.node(index)
    name, source = node.output[0], node.input[0]
    shape = graph.shape(name)
    if source not in graph.constants or shape is None or not (readers := graph.readers(name)):
        return
    new = graph.fresh(source)
    graph.constants[new] = graph.constants[source]
    graph.reshape_constant(new, shape, perm_of(graph, index) if node.op_type == "Transpose" else None)
    graph.replace_reads(readers, name, new)
    if not graph.read_at_all(name):
        graph.remove(index)


def _repair_units(graph: LayoutGraph) -> None:
    """What the pushes left: an empty DQ -> Q goes away, a Transpose beside one of them gets the other."""
    for index in graph.topological():
        if graph.nodes[index] is None:
            continue
        node = graph.node(index)
        if node.op_type == "QuantizeLinear":
            _drop_empty_pair(graph, index)
        elif node.op_type == "Transpose":
            _complete_unit(graph, index)


def _complete_unit(graph: LayoutGraph, transpose: int) -> None:
    """DQ -> Transpose gets a Q and DQ behind it; op -> Transpose -> Q gets them before it."""
    source, name = graph.node(transpose).input[0], graph.node(transpose).output[0]
    above, readers = graph.maker(source), graph.readers(name)
    quantized = [graph.node(reader).op_type == "QuantizeLinear" for reader in readers]
    if above is None:
        return
    if graph.node(above).op_type == "DequantizeLinear":
        if quantized in ([], [False]):
            insert_pair(graph, above)
    elif quantized == [True] and graph.known_readers(name) and graph.readers(source) == [transpose]:
        pair_before(graph, transpose, readers[0])


def _drop_empty_pair(graph: LayoutGraph, q: int) -> None:
    """Before:  a -> DQ -> Q -> op, both of one scale        After:  a -> op"""
    dq = graph.maker(graph.node(q).input[0])
    if dq is None or graph.node(dq).op_type != "DequantizeLinear":
        return
    if graph.only_reader(graph.node(dq).output[0]) is None or not _same_pair(graph, dq, q):
        return
    source, name = graph.node(dq).input[0], graph.node(q).output[0]
    reader, maker = graph.only_reader(name), graph.maker(source)
    if reader is not None:
        graph.replace_reads([reader], name, source)
    elif not graph.readers(name) and maker is not None and graph.only_reader(source) == dq:
        graph.set_input(dq, 0, "")
        graph.move_output(q, 0, maker, list(graph.node(maker).output).index(source))
    else:
        return
    graph.remove(q)
    graph.remove(dq)


def _same_pair(graph: LayoutGraph, dq: int, q: int) -> bool:
    one, two = graph.node(dq), graph.node(q)
    if one.domain != two.domain or graph.values[one.input[0]].dtype != graph.values[two.output[0]].dtype:
        return False
    for place in (1, 2):
        a, b = ((*node.input, "", "")[place] for node in (one, two))
        if a == b:
            continue
        arrays = [array for name in (a, b) if (array := graph.array(name)) is not None]
        if len(arrays) != sum(bool(name) for name in (a, b)):
            return False
        if len(arrays) == 2 and arrays[0].tobytes() != arrays[1].tobytes():
            return False
        if len(arrays) == 1 and arrays[0].any():
            return False
    return True
