"""Rules for patterns in a file that Qualcomm's HTP compiler refuses, or takes and gets wrong.

The compiler itself is run as well (`htp_host.py`), and its numbers are compared (`simulate.py`). These rules are
quicker, and state what to write instead. Those with basis `inferred` were found in measurements on this model's
blocks: the compiler reports nothing and the result is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import onnx
from onnx import TensorProto

from android_test.coverage.graph_view import GraphView
from android_test.coverage.htp.half_precision import UNCHECKED, Extremes, lost_epsilon, overflowing_square
from android_test.coverage.htp.silent_miscompiles import SILENT, WEIGHT_AXIS
from android_test.coverage.node_units import NodeUnit, node_units
from android_test.coverage.rule_verdict import Limit, Refusal, Verdict

KNOWN: Final = frozenset(
    """Add Mul Sub Div Conv ConvTranspose Gemm MatMul Concat Reshape Flatten Transpose Squeeze Unsqueeze Identity
    Slice Split Pad Gather Cast Relu LeakyRelu PRelu Sigmoid Tanh Elu Gelu HardSwish Clip Softmax LogSoftmax
    Abs Exp Log Neg Sin Cos Sqrt Floor Ceil Round Sign Pow Max Min ReduceMean ReduceSum ReduceMax ReduceMin
    AveragePool MaxPool GlobalAveragePool GlobalMaxPool BatchNormalization InstanceNormalization
    LayerNormalization DepthToSpace SpaceToDepth Resize Where Equal Greater Less Expand Tile LSTM
    QuantizeLinear DequantizeLinear""".split()  # noqa: SIM905
)
CONTRIBUTED: Final = ("QuantizeLinear", "DequantizeLinear")  # 16-bit ones, below opset 21
MAX_LSTM_STEPS: Final = 64  # 64 steps compiled in 2.4 s, 600 in 365 s: they are unrolled, always in half precision


def check_qnn(view: GraphView, extremes: Extremes | None = None) -> Verdict:
    """Gives the static verdict on one graph, which does not prove that it compiles.

    Args:
        extremes: the largest absolute values that calibration saw, see `read_extremes`. Without them no square is
            checked for half precision, and a condition of the verdict says so.
    """
    units = node_units(view)
    refusals = []
    for unit in units:
        node = view.nodes[unit.target]
        found = next((limit for rule in RULES if (limit := rule(view, unit, node))), None)
        if found is None and extremes is not None:
            found = overflowing_square(view, node, extremes)
        if found:
            refusals.append(
                Refusal(view.label(unit.target), node.op_type, found.rule, found.value, found.hint, found.basis)
            )
    refused = len({refusal.node for refusal in refusals})
    partitions = (len(view.nodes),) if not refused else (len(view.nodes) - refused,)
    squares = any(node.op_type == "Mul" and node.input[0] == node.input[1] for node in view.nodes)
    conditions = (UNCHECKED,) if squares and extremes is None else ()
    return Verdict(len(view.nodes), partitions, tuple(refusals), conditions=conditions)


def _known(view: GraphView, unit: NodeUnit, node: onnx.NodeProto) -> Limit | None:
    if node.domain in ("", "ai.onnx") and node.op_type in KNOWN:
        return None
    if node.domain == "com.microsoft" and node.op_type in CONTRIBUTED:
        return None
    name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
    return Limit("an operator the provider knows", name, "Rewrite it, or move it to a CPU stage.")


def _fixed(view: GraphView, unit: NodeUnit, node: onnx.NodeProto) -> Limit | None:
    for name in (*node.input, *node.output):
        if name and name not in view.constants and not view.value(name).fixed:
            shape = view.value(name).shape
            got = f"no value_info for {name}" if shape is None else f"{name} {list(shape)}"
            return Limit("a declared shape with fixed dimensions", got, "Export one file per bucket, with shapes.")
    return None


def _whole_unit(view: GraphView, unit: NodeUnit, node: onnx.NodeProto) -> Limit | None:
    """Checks that a dense operator is a full DQ..op..Q unit or float; weight-only quantization is refused."""
    if node.op_type not in WEIGHT_AXIS and node.op_type != "Gemm":
        return None
    makers = [view.nodes[view.producer[name]] for name in node.input if name in view.producer]
    quantized = [maker for maker in makers if maker.op_type == "DequantizeLinear"]
    if unit.quantized or not any(maker.input[0] in view.constants for maker in quantized):
        return None
    got = f"{len(quantized)} of {len([name for name in node.input if name])} inputs behind a DQ"
    return Limit("a whole unit DQ..op..Q around a quantized weight", got, "Quantize bias and output as well.")


def _activations(view: GraphView, unit: NodeUnit, node: onnx.NodeProto) -> Limit | None:
    weight = 1 if node.op_type in (*WEIGHT_AXIS, "Gemm") else None
    inputs = [door for place, door in enumerate(unit.inputs) if weight is None or place == 0]
    for door in (*inputs, *unit.outputs):
        dtype = view.value(door.name).dtype
        if door.quantization and door.name not in view.constants and dtype in (TensorProto.INT8, TensorProto.INT16):
            got = f"{TensorProto.DataType.Name(dtype)} {door.name}"
            return Limit("uint8 or uint16 activations", got, "Quantize activations unsigned.")
    return None


def _weights(view: GraphView, unit: NodeUnit, node: onnx.NodeProto) -> Limit | None:
    if not unit.quantized or node.op_type not in (*WEIGHT_AXIS, "Gemm"):
        return None
    activation, weight = unit.inputs[:2]
    dtype = view.value(weight.name).dtype
    if weight.name not in view.constants or weight.quantization is None:
        if view.value(activation.name).dtype == TensorProto.UINT16:
            hint = "48 dB were measured: leave products of two activations float."
            return Limit("no uint16 product of two activations", weight.name, hint, "inferred")
        return None
    if dtype != TensorProto.INT8:
        hint = "uint8 weights under uint16 activations were 40 times worse, 16-bit ones gave 34 dB."
        return Limit("int8 weights", TensorProto.DataType.Name(dtype), hint, "inferred")
    zero = view.array(weight.quantization.zero_point) if weight.quantization.zero_point else None
    if zero is not None and zero.any():
        return Limit("zero point 0 for int8 weights", str(zero.max()), "Quantize weights symmetrically.")
    scale = view.array(weight.quantization.scale)
    wanted = WEIGHT_AXIS.get(node.op_type)
    if scale is not None and scale.size > 1 and wanted is not None and weight.quantization.axis != wanted:
        return Limit(f"per-channel scales on axis {wanted}", str(weight.quantization.axis), "Change the axis.")
    return None


def _sequence(view: GraphView, unit: NodeUnit, node: onnx.NodeProto) -> Limit | None:
    if node.op_type != "LSTM":
        return None
    steps = (view.value(node.input[0]).shape or (0,))[0] or 0
    if steps <= MAX_LSTM_STEPS:
        return None
    hint = "Keep recurrent layers in a CPU stage: they are unrolled, 600 steps took 365 s to compile."
    return Limit(f"at most {MAX_LSTM_STEPS} steps of LSTM", str(steps), hint, "inferred")


RULES: Final[tuple[Callable[[GraphView, NodeUnit, onnx.NodeProto], Limit | None], ...]] = (
    _known,
    _fixed,
    _whole_unit,
    _activations,
    _weights,
    *SILENT,
    lost_epsilon,
    _sequence,
)
