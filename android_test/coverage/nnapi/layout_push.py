"""How a Transpose is pushed through one operator: op(Transpose(x)) becomes Transpose(op'(x)).

    Before:  x -> Transpose -> op                   After:  x -> op' -> Transpose

op' is the operator with its axes permuted; its other inputs are transposed the other way. Two Transposes in a row
become one, or none where they cancel; a Reshape that only moves dimensions of 1 counts as a Transpose.

Source: ONNX Runtime, `core/optimizer/transpose_optimization/onnx_transpose_optimization.cc` (handler_map) and
`ort_transpose_optimization.cc` (OrtExtendedHandlers).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from onnx import onnx_pb

from android_test.coverage.graph_view import attribute
from android_test.coverage.nnapi.layout_graph import LayoutGraph, Perm, inverse
from android_test.coverage.nnapi.layout_moves import (
    per_axis,
    perm_of,
    permuted_list,
    set_attribute,
    transpose_input,
    transpose_outputs,
    unsqueeze_input,
)


@dataclass(frozen=True, eq=False)
class Push:
    """One attempt: `node` reads `transpose`, which permutes by `perm`."""

    graph: LayoutGraph
    transpose: int
    node: int
    perm: Perm
    inputs: tuple[int, ...]  # places that have to be transposed the other way

    @property
    def proto(self) -> onnx_pb.NodeProto:
        """The node that is pushed through."""
        return self.graph.node(self.node)

    def axis(self, default: int | None) -> int | None:
        """The node's axis, counted from the front; None where there is none or it is out of range."""
        axis = attribute(self.proto, "axis", default)
        if axis is None:
            return None
        axis = int(axis) + (len(self.perm) if axis < 0 else 0)
        return axis if 0 <= axis < len(self.perm) else None

    def axes(self, values: list[int] | None, rank: int) -> list[int] | None:
        """Axes counted from the front; None where one is out of range or named twice."""
        if values is None:
            return None
        found = [one + rank if one < 0 else one for one in values]
        return found if len(set(found)) == len(found) and all(0 <= one < rank for one in found) else None


Handler = Callable[[Push], bool]


def through(push: Push, behind: Perm | None = None) -> bool:
    """Transpose all inputs that need it, and all outputs by `behind` (the pushed permutation if not given)."""
    for place in push.inputs:
        transpose_input(push.graph, push.node, place, inverse(push.perm))
    transpose_outputs(push.graph, push.node, push.perm if behind is None else behind)
    return True


def _broadcast(push: Push) -> bool:
    shapes = [push.graph.shape(push.proto.input[place]) for place in push.inputs]
    if any(shape is None or len(shape) > len(push.perm) for shape in shapes):
        return False
    for place, shape in zip(push.inputs, shapes, strict=True):
        if missing := len(push.perm) - len(shape or ()):
            unsqueeze_input(push.graph, push.node, place, missing)
    return through(push)


def _with_axis(default: int | None) -> Handler:
    def handle(push: Push) -> bool:
        axis = push.axis(default)
        if axis is None:
            return False
        through(push)
        set_attribute(push.graph, push.node, "axis", push.perm[axis])
        return True

    return handle


def _softmax(push: Push) -> bool:
    if push.graph.opset >= 13:
        return _with_axis(-1)(push)
    axis = push.axis(1)
    if axis is None or any((place < axis) != (source < axis) for place, source in enumerate(push.perm)):
        return False
    return through(push)


def _pad(push: Push) -> bool:
    rank = len(push.perm)
    order = inverse(push.perm)
    pads = push.proto.input[1] if len(push.proto.input) > 1 else ""
    if push.graph.ints(pads) is None or push.graph.shape(pads) != (2 * rank,):
        return False
    both = (*order, *(place + rank for place in order))
    push.graph.set_input(push.node, 1, permuted_list(push.graph, pads, both))
    return through(push)


def _reduce(push: Push) -> bool:
    graph, node = push.graph, push.proto
    since = 13 if node.op_type == "ReduceSum" else 18
    kept = bool(attribute(node, "keepdims", 1))
    by_input = graph.opset >= since
    source = node.input[1] if by_input and len(node.input) > 1 else ""
    values = graph.ints(source) if by_input else attribute(node, "axes", None)
    if source and values is None:
        return False
    if not values and (by_input or values is None):
        same = kept or (by_input and bool(attribute(node, "noop_with_empty_axes", 0)))
        return through(push, push.perm if same else ())
    axes = push.axes(list(values or []), len(push.perm))
    if axes is None:
        return False
    moved = sorted(push.perm[axis] for axis in axes)
    if by_input:
        graph.set_input(push.node, 1, graph.add_ints(source, moved))
    else:
        set_attribute(graph, push.node, "axes", moved)
    return through(push, push.perm if kept else _squeezed(moved, push.perm))


def _squeezed(axes: list[int], perm: Perm) -> Perm:
    """The permutation of what is left where `axes` (of its input) are taken away."""
    left = [axis for axis in range(len(perm)) if axis not in axes]
    return tuple(left.index(axis) for axis in perm if axis not in axes)


def _squeeze(push: Push) -> bool:
    graph, node = push.graph, push.proto
    by_input = graph.opset >= 13
    source = node.input[1] if by_input and len(node.input) > 1 else ""
    values = graph.ints(source) if by_input else attribute(node, "axes", None)
    axes = push.axes(values, len(push.perm))
    if axes is None:
        return False
    moved = sorted(push.perm[axis] for axis in axes)
    if by_input:
        graph.set_input(push.node, 1, graph.add_ints(source, moved))
    else:
        set_attribute(graph, push.node, "axes", moved)
    return through(push, _squeezed(moved, push.perm))


def _unsqueeze(push: Push) -> bool:
    graph, node = push.graph, push.proto
    source = node.input[1] if graph.opset >= 13 and len(node.input) > 1 else ""
    values = graph.ints(source) if graph.opset >= 13 else attribute(node, "axes", None)
    axes = push.axes(values, len(push.perm) + len(values or ()))
    if axes is None:
        return False
    old = [axis for axis in range(len(push.perm) + len(axes)) if axis not in axes]
    sources = iter(push.perm)
    behind = tuple(axis if axis in axes else old[next(sources)] for axis in range(len(push.perm) + len(axes)))
    return through(push, behind)


def _slice(push: Push) -> bool:
    graph, node = push.graph, push.proto
    if graph.opset < 10:
        return False
    if len(node.input) > 3 and node.input[3]:
        axes = push.axes(graph.ints(node.input[3]), len(push.perm))
    else:
        starts = graph.shape(node.input[1])
        axes = None if starts is None or len(starts) != 1 else list(range(starts[0]))
    if axes is None:
        return False
    graph.set_input(push.node, 3, graph.add_ints(node.input[1], [push.perm[axis] for axis in axes]))
    return through(push)


def _quantize(push: Push) -> bool:
    if push.graph.opset >= 13 and push.graph.shape(push.proto.input[1]) != ():
        axis = push.axis(1)
        if axis is None:
            return False
        if per_axis(push.graph, push.node) != -1:
            set_attribute(push.graph, push.node, "axis", push.perm[axis])
    return through(push)


def _transpose(push: Push) -> bool:
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


def _reshape(push: Push) -> bool:
    """A Reshape that keeps the order of all dimensions above 1 is a Transpose by another name."""
    graph, node = push.graph, push.proto
    before = graph.shape(graph.node(push.transpose).output[0])
    after = graph.shape(node.output[0])
    wanted = graph.ints(node.input[1])
    if before is None or after is None or not wanted or len(before) != len(wanted) or len(after) != len(before):
        return False
    free: list[int | None] = list(before)
    perm = []
    for size in after:
        for place, one in enumerate(free):
            if one == size:
                break
            if one not in (None, 1) and size != 1:
                return False
        else:
            return False
        perm.append(place)
        free[place] = None
    return _joined(push, tuple(perm))


def _never(push: Push) -> bool:
    return False  # known to the optimizer, but moved for the CPU provider only


@dataclass(frozen=True)
class Way:
    """How one operator lets a Transpose through: which inputs take part, what is done, and whether outputs move."""

    handler: Handler
    inputs: str = "first"  # first | all | with dimensions
    moves_outputs: bool = True

    def places(self, graph: LayoutGraph, index: int) -> tuple[int, ...]:
        """The inputs that take part."""
        node = graph.node(index)
        if self.inputs == "first":
            return (0,)
        every = range(len(node.input))
        return tuple(p for p in every if self.inputs == "all" or graph.shape(node.input[p]) != ())


ALIKE: Final = """Cast Exp Gelu Identity LeakyRelu Log Reciprocal Relu Sigmoid Sqrt Tanh Abs Not Ceil Floor Neg Erf
    HardSigmoid Round IsInf IsNaN Selu Shrink Sign Softplus Softsign ThresholdedRelu Celu HardSwish Sin Cos Tan Sinh
    Cosh Asin Acos Atan Asinh Acosh Atanh Clip CastLike"""
BROADCAST: Final = """Add Max Min Mul Sub Div And Or Xor Mod PRelu BitShift Equal Greater Less GreaterOrEqual
    LessOrEqual Mean Sum Pow Where"""
REDUCE: Final = """ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
    ReduceL1 ReduceL2"""

WAYS: Final[dict[str, Way]] = {
    **dict.fromkeys(ALIKE.split(), Way(through)),
    **dict.fromkeys(BROADCAST.split(), Way(_broadcast, "with dimensions")),
    **dict.fromkeys(REDUCE.split(), Way(_reduce)),
    **dict.fromkeys(("Softmax", "Hardmax", "LogSoftmax"), Way(_softmax)),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear"), Way(_quantize)),
    **dict.fromkeys(("com.microsoft.QuantizeLinear", "com.microsoft.DequantizeLinear"), Way(_quantize)),
    **dict.fromkeys(("MaxPool", "Resize"), Way(_never)),
    "Transpose": Way(_transpose, moves_outputs=False),
    "Reshape": Way(_reshape, moves_outputs=False),
    "Concat": Way(_with_axis(None), "all"),
    "Split": Way(_with_axis(0)),
    "Pad": Way(_pad),
    "Squeeze": Way(_squeeze),
    "Unsqueeze": Way(_unsqueeze),
    "Slice": Way(_slice),
}


def way_of(graph: LayoutGraph, index: int) -> Way | None:
    """How the optimizer pushes through this node, None where it does not."""
    node = graph.node(index)
    return WAYS.get(node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}")
