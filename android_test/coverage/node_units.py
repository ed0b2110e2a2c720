"""Which nodes ONNX Runtime hands to a provider as one unit: DQ -> op -> Q, or a node alone.

A provider takes or refuses whole units, so a wrong neighbour is enough to lose a node. The grouping does not
ask what the provider can do: DQ -> LeakyRelu -> Q becomes a unit that NNAPI then refuses, although it takes
each of the three nodes alone ("the sandwich").

Source: ONNX Runtime, `core/optimizer/qdq_transformer/selectors_actions/` and `core/framework/node_unit.cc`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import onnx
from onnx import TensorProto

from android_test.coverage.graph_view import Array, GraphView, attribute

# Families of ONNX Runtime's selectors. Only the operators whose unit could matter to a provider here.
DROP: Final = frozenset(
    "Gather Reshape Expand Flatten Transpose Resize Squeeze Unsqueeze Tile MaxPool".split()  # noqa: SIM905
)
UNARY: Final = frozenset(
    """AveragePool GlobalAveragePool GlobalMaxPool LeakyRelu Relu Gelu Elu HardSwish Sigmoid Tanh Softmax
    LogSoftmax ReduceMean ReduceMin ReduceMax ReduceProd ReduceSum Slice Clip CumSum LRN Ceil Floor Round
    Sqrt Exp Log Abs Neg Sign Sin Cos Asin Atan DepthToSpace SpaceToDepth""".split()  # noqa: SIM905
)
BINARY: Final = frozenset({"Add", "Div", "Mul", "Pow", "Sub", "PRelu", "GridSample"})
VARIADIC: Final = frozenset({"Concat", "Max", "Min"})
CONVOLUTION: Final = frozenset({"Conv", "ConvTranspose"})
WITH_BIAS: Final = frozenset({"InstanceNormalization", "LayerNormalization"})
OTHER: Final = frozenset({"Split", "MatMul", "Gemm", "Pad", "Where", "BatchNormalization"})
GROUPED_DOMAINS: Final = ("", "ai.onnx", "com.microsoft", "com.ms.internal.nhwc")  # the last: behind a layout step
GROUPED: Final = DROP | UNARY | BINARY | VARIADIC | CONVOLUTION | WITH_BIAS | OTHER


@dataclass(frozen=True)
class Quantization:
    """The scale and zero point (names of constants) at one door of a unit."""

    scale: str
    zero_point: str | None
    axis: int


@dataclass(frozen=True)
class Door:
    """One input or output of a unit: the quantized value where there is a Q or DQ, else the value itself."""

    name: str
    quantization: Quantization | None = None


@dataclass(frozen=True)
class NodeUnit:
    """One unit. `members` are node indices: DQs, the operator, a Relu or Clip that Q makes redundant, Qs."""

    target: int
    members: tuple[int, ...]
    inputs: tuple[Door, ...]
    outputs: tuple[Door, ...]
    quantized: bool


def node_units(view: GraphView) -> list[NodeUnit]:
    """The units of the main graph, in file order of their operators. Every node is in exactly one."""
    grouped = {index: unit for index in range(len(view.nodes)) if (unit := _group(view, index))}
    taken = {member for unit in grouped.values() for member in unit.members}
    alone = {index: _single(view, index) for index in range(len(view.nodes)) if index not in taken}
    return [unit for _, unit in sorted({**grouped, **alone}.items())]


def _quantization(node: onnx.NodeProto) -> Quantization:
    zero_point = node.input[2] if len(node.input) > 2 and node.input[2] else None
    return Quantization(node.input[1], zero_point, attribute(node, "axis", 1))


def _single(view: GraphView, index: int) -> NodeUnit:
    node = view.nodes[index]
    inputs = [Door(name) for name in node.input]
    outputs = [Door(name) for name in node.output]
    if node.op_type == "DequantizeLinear":
        inputs = [Door(node.input[0], _quantization(node))]
    elif node.op_type == "QuantizeLinear":
        inputs = [Door(node.input[0])]
        outputs = [Door(node.output[0], _quantization(node))]
    return NodeUnit(index, (index,), tuple(inputs), tuple(outputs), quantized=False)


def _group(view: GraphView, index: int) -> NodeUnit | None:
    node = view.nodes[index]
    if node.op_type not in GROUPED or node.domain not in GROUPED_DOMAINS:
        return None
    dqs = [(place, i) for place, i in _producers(view, node) if view.nodes[i].op_type == "DequantizeLinear"]
    clip = _clip_behind(view, node)
    last = view.nodes[clip] if clip is not None else node
    edges = [(name, reader) for name in last.output for reader in view.readers.get(name, [])]
    qs = [(name, reader) for name, reader in edges if view.nodes[reader].op_type == "QuantizeLinear"]
    if clip is not None and not (len(qs) == 1 and _redundant(view, last, view.nodes[qs[0][1]])):
        return None
    if not dqs or not _doors_fit(view, node, last, dqs, len(edges), [reader for _, reader in qs]):
        return None
    if not _types_fit(view, node, [i for _, i in dqs], [i for _, i in qs]):
        return None
    at = {place: view.nodes[i] for place, i in dqs}
    inputs = tuple(
        Door(at[place].input[0], _quantization(at[place])) if place in at else Door(name)
        for place, name in enumerate(node.input)
    )
    behind = {name: view.nodes[reader] for name, reader in qs}
    outputs = tuple(
        Door(behind[name].output[0], _quantization(behind[name])) if name in behind else Door(name)
        for name in last.output
    )
    middle = (index,) if clip is None else (index, clip)
    members = (*(i for _, i in dqs), *middle, *(i for _, i in qs))
    return NodeUnit(index, members, inputs, outputs, quantized=True)


def _producers(view: GraphView, node: onnx.NodeProto) -> list[tuple[int, int]]:
    return [(place, view.producer[name]) for place, name in enumerate(node.input) if name in view.producer]


def _clip_behind(view: GraphView, node: onnx.NodeProto) -> int | None:
    edges = [reader for name in node.output for reader in view.readers.get(name, [])]
    if len(edges) != 1:
        return None
    follower = view.nodes[edges[0]]
    one_way_out = len(view.readers.get(follower.output[0], [])) == 1 and follower.output[0] not in view.outputs
    return edges[0] if follower.op_type in ("Relu", "Clip") and one_way_out else None


def _redundant(view: GraphView, clip: onnx.NodeProto, q: onnx.NodeProto) -> bool:
    """Whether the range of `q` lies inside what `clip` lets through."""
    quantization = _quantization(q)
    scale = view.array(quantization.scale)
    zero = view.array(quantization.zero_point) if quantization.zero_point else None
    dtype = view.value(q.output[0]).dtype if zero is None else view.constants[quantization.zero_point or ""].data_type
    spans: dict[int, tuple[int, int]]
    spans = {TensorProto.UINT8: (0, 255), TensorProto.INT8: (-128, 127), TensorProto.UINT16: (0, 65535)}
    span = spans.get(dtype)
    if scale is None or scale.size != 1 or span is None:
        return False
    step, offset = float(scale.reshape(-1)[0]), 0 if zero is None else int(zero.reshape(-1)[0])
    low, high = step * (span[0] - offset), step * (span[1] - offset)
    if clip.op_type == "Relu":
        return low >= 0
    limits = [view.array(name) if name else None for name in (*clip.input[1:], "", "")[:2]]
    floor = float("-inf") if limits[0] is None else float(limits[0])
    ceiling = float("inf") if limits[1] is None else float(limits[1])
    return floor <= low and high <= ceiling


def _doors_fit(
    view: GraphView,
    node: onnx.NodeProto,
    last: onnx.NodeProto,
    dqs: list[tuple[int, int]],
    edges: int,
    qs: list[int],
) -> bool:
    """Counts of DQs and Qs, and that nothing but Qs reads a quantized output."""
    inputs = sum(1 for name in node.input if name)
    wanted = {"Pad": {1, 2}, "Clip": {1, 2, 3}, "Where": {2}, "BatchNormalization": {3, 4, 5}}
    usual = {1} if node.op_type in DROP | UNARY | {"Split"} else {inputs}
    if len(dqs) not in wanted.get(node.op_type, usual):
        return False
    if any(view.nodes[i].output[0] in view.outputs for _, i in dqs):
        return False
    if not qs:
        return bool(node.op_type == "Gemm")  # the one unit without a Q; providers then fail on it
    outputs = [name for name in last.output if name]
    return len(outputs) == len(qs) == edges and view.outputs.isdisjoint(outputs)


def _types_fit(view: GraphView, node: onnx.NodeProto, dqs: list[int], qs: list[int]) -> bool:
    before = [_dtype(view, view.nodes[i], side=0) for i in dqs]
    after = [_dtype(view, view.nodes[i], side=1) for i in qs]
    if any(dtype != before[0] for dtype in after):
        return False
    if node.op_type in CONVOLUTION | {"MatMul", "Gemm"}:
        if before[0] == TensorProto.INT8 and before[1] != TensorProto.INT8:
            return False
        return len(before) < 3 or (before[2] == TensorProto.INT32 and _around_zero(view, view.nodes[dqs[2]]))
    if node.op_type in WITH_BIAS:
        return len(before) < 3 or before[2] == TensorProto.INT32
    if node.op_type in DROP:
        return _same_scale(view, view.nodes[dqs[0]], view.nodes[qs[0]])
    if node.op_type == "BatchNormalization":
        return True
    return all(dtype == before[0] for dtype in before)


def _dtype(view: GraphView, node: onnx.NodeProto, side: int) -> int:
    """Type of the quantized value of a DQ (0) or Q (1); its zero point says it where the file is silent."""
    known = view.value((node.input if side == 0 else node.output)[0]).dtype
    if known != TensorProto.UNDEFINED:
        return known
    zero_point = _quantization(node).zero_point
    return view.value(zero_point).dtype if zero_point else int(TensorProto.UINT8)


def _around_zero(view: GraphView, dq: onnx.NodeProto) -> bool:
    """A bias with a zero point other than 0 belongs to no unit."""
    zero_point = _quantization(dq).zero_point
    zero = view.array(zero_point) if zero_point else None
    return zero is None or not zero.any()


def _same_scale(view: GraphView, dq: onnx.NodeProto, q: onnx.NodeProto) -> bool:
    one, two = _quantization(dq), _quantization(q)
    pairs = [(one.scale, two.scale), (one.zero_point or "", two.zero_point or "")]
    arrays = [(view.array(a), view.array(b)) for a, b in pairs]
    if any(a is None or b is None for a, b in arrays[:1]):
        return False
    return all(_equal_scalars(a, b) for a, b in arrays)


def _equal_scalars(a: Array | None, b: Array | None) -> bool:
    if a is None or b is None:
        return a is b
    return a.size == b.size == 1 and bool(a.reshape(-1)[0] == b.reshape(-1)[0])
