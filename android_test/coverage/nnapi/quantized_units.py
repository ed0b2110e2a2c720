"""What the NNAPI provider asks of quantized nodes: whole DQ..op..Q units, and Q or DQ standing alone.

Activations are uint8 with one scale; weights uint8, or int8 around zero, per channel only in Conv.
"""

from __future__ import annotations

from typing import Final

from onnx import TensorProto

from android_test.coverage.graph_view import GraphView, attribute
from android_test.coverage.nnapi.float_ops import conv_dilation, gemm_form
from android_test.coverage.node_units import Door, NodeUnit, Quantization
from android_test.coverage.rule_verdict import Limit

WEIGHTED: Final = ("Conv", "Gemm", "MatMul")


def unit_rule(view: GraphView, unit: NodeUnit, level: int) -> Limit | None:
    """The first rule that a whole unit breaks, None where it is taken."""
    op = view.nodes[unit.target].op_type
    if level < 29:
        return Limit("feature level 29 for QuantizeLinear", str(level), "Ask for Android 10.")
    if op == "Gemm" and unit.outputs[0].quantization is None:
        return Limit("a Q behind a quantized Gemm", "none", "Quantize its output.")
    inputs = unit.inputs[:1] if op in WEIGHTED else unit.inputs
    for door in (*inputs, *unit.outputs):
        if door.quantization and (broken := _activation(view, door, door.quantization)):
            return broken
    if op in WEIGHTED:
        return _weight(view, unit, level) or _bias(view, unit)
    own = {"Softmax": _softmax, "AveragePool": _average_pool, "Resize": _resize}.get(op)
    return own(view, unit) if own else None


def lone_rule(view: GraphView, unit: NodeUnit) -> Limit | None:
    """A Q or DQ outside any unit: uint8 with one scale."""
    dequantize = view.nodes[unit.target].op_type == "DequantizeLinear"
    door = (unit.inputs if dequantize else unit.outputs)[0]
    assert door.quantization
    broken = _activation(view, door, door.quantization)
    if broken is None or not dequantize:
        return broken
    hint = "Something keeps it out of a unit: a float bias, a second reader of the output, no Q behind."
    return Limit(f"{broken.rule} for a DequantizeLinear outside a unit", broken.value, hint)


def _activation(view: GraphView, door: Door, quantization: Quantization) -> Limit | None:
    dtype = _dtype(view, door, quantization)
    if dtype != TensorProto.UINT8:
        got = f"{TensorProto.DataType.Name(dtype)} {door.name}"
        return Limit("uint8 activations", got, "Quantize activations as QUInt8.")
    return _one_scale(view, quantization)


def _one_scale(view: GraphView, quantization: Quantization) -> Limit | None:
    for name in filter(None, (quantization.scale, quantization.zero_point)):
        array = view.array(name)
        if array is None:
            return Limit("a constant scale and zero point", name, "Use static quantization.")
        if array.size != 1:
            return Limit("one scale per tensor", f"{array.size} in {name}", "Only Conv weights may have more.")
    return None


def _weight(view: GraphView, unit: NodeUnit, level: int) -> Limit | None:
    door = unit.inputs[1]
    assert door.quantization
    if door.name not in view.constants:
        return Limit("a constant weight", door.name, "Leave products of two activations float.")
    if found := _weight_form(view, unit, level):
        return found
    dtype = _dtype(view, door, door.quantization)
    if dtype == TensorProto.UINT8:
        return _one_scale(view, door.quantization)
    if dtype != TensorProto.INT8:
        return Limit("uint8 or int8 weights", TensorProto.DataType.Name(dtype), "Quantize weights as QInt8.")
    zero_point = door.quantization.zero_point
    zero = view.array(zero_point) if zero_point else None
    if zero_point and zero is None:
        return Limit("a constant scale and zero point", zero_point, "Use static quantization.")
    if zero is not None and zero.any():
        return Limit("zero point 0 for int8 weights", str(zero.max()), "Quantize weights symmetrically.")
    return _per_channel(view, unit, door, door.quantization)


def _weight_form(view: GraphView, unit: NodeUnit, level: int) -> Limit | None:
    node, x, weight = view.nodes[unit.target], unit.inputs[0].name, unit.inputs[1].name
    if node.op_type == "Conv":
        if (rank := view.rank(weight)) != 4:
            hint = "Write it as a 2-D convolution with height 1."
            return Limit("a weight of rank 4 (2-D convolution)", f"rank {rank}", hint)
        return conv_dilation(view, node, weight, level)
    if node.op_type == "Gemm":
        return gemm_form(view, node, x, weight, unit.inputs[2].name if len(unit.inputs) > 2 else None, level)
    ranks = [view.rank(x), view.rank(weight)]
    return None if ranks == [2, 2] else Limit("2-D x constant 2-D when quantized", f"ranks {ranks}", "Reshape.")


def _per_channel(view: GraphView, unit: NodeUnit, door: Door, quantization: Quantization) -> Limit | None:
    scale = view.array(quantization.scale)
    if scale is None:
        return Limit("a constant scale and zero point", quantization.scale, "Use static quantization.")
    op = view.nodes[unit.target].op_type
    if scale.size == 1:
        return None
    if op == "MatMul":
        return Limit("one scale for a MatMul weight", str(scale.size), "Quantize it per tensor.")
    if op == "Gemm":
        hint = "Quantize it per tensor: the provider takes it, and then uses the first scale for every column."
        return Limit("one scale for a Gemm weight", str(scale.size), hint, "inferred")
    channels = (view.value(door.name).shape or (None,))[0]
    if quantization.axis != 0 or scale.size != channels:
        got = f"axis {quantization.axis}, {scale.size} scales for {channels} channels"
        return Limit("per-channel scales on axis 0", got, "Quantize along the output channels.")
    return None


def _bias(view: GraphView, unit: NodeUnit) -> Limit | None:
    if len(unit.inputs) < 3 or not unit.inputs[2].name:
        return None
    bias = unit.inputs[2]
    quantization = bias.quantization
    if quantization is None or _dtype(view, bias, quantization) != TensorProto.INT32 or bias.name not in view.constants:
        return Limit("a constant int32 bias behind a DQ", bias.name, "Quantize the bias as well.")
    if view.array(quantization.scale) is None:
        return Limit("a constant scale", quantization.scale, "Use static quantization.")
    return None


def scale_and_zero(view: GraphView, door: Door) -> tuple[float, int]:
    """Both as numbers; the rule for activations has seen that they are constants."""
    assert door.quantization
    scale = view.array(door.quantization.scale)
    zero = view.array(door.quantization.zero_point) if door.quantization.zero_point else None
    assert scale is not None
    return float(scale.reshape(-1)[0]), 0 if zero is None else int(zero.reshape(-1)[0])


def _softmax(view: GraphView, unit: NodeUnit) -> Limit | None:
    scale, zero = scale_and_zero(view, unit.outputs[0])
    if (scale, zero) == (1 / 256, 0):
        return None
    hint = "`quantize_static` writes 1/255: leave Softmax float."
    return Limit("scale 1/256 and zero point 0 behind Softmax", f"{scale:.8f} and {zero}", hint)


def _average_pool(view: GraphView, unit: NodeUnit) -> Limit | None:
    before, after = (scale_and_zero(view, door) for door in (unit.inputs[0], unit.outputs[0]))
    if before == after:
        return None
    return Limit("the same scale on both sides of a pool", f"{before} and {after}", "Share one.")


def _resize(view: GraphView, unit: NodeUnit) -> Limit | None:
    mode = attribute(view.nodes[unit.target], "mode", "nearest")
    return None if mode == "nearest" else Limit("mode nearest in a quantized Resize", mode, "Leave it float.")


def _dtype(view: GraphView, door: Door, quantization: Quantization) -> int:
    dtype = view.value(door.name).dtype
    if dtype != TensorProto.UNDEFINED:
        return dtype
    return view.value(quantization.zero_point).dtype if quantization.zero_point else int(TensorProto.UINT8)
