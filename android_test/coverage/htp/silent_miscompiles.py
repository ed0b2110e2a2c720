"""Rules for patterns in a file that Qualcomm's HTP compiler takes and gets wrong without an error.

Each pattern was found when the simulation's numbers disagreed with the CPU's. It has a test with the bad pattern, which
the numbers must reject, and with the rewrite, which must pass: tests/android_test/test_silent_miscompiles.py. Sizes
matter: some patterns are computed correctly on larger or smaller tensors, so a rule may refuse more than is wrong.
"""

from __future__ import annotations

from typing import Final

import onnx
from onnx import TensorProto

from android_test.coverage.graph_view import GraphView, attribute
from android_test.coverage.node_units import NodeUnit
from android_test.coverage.rule_verdict import Limit

WEIGHT_AXIS: Final = {"Conv": 0, "ConvTranspose": 1, "MatMul": 1}  # per channel
SMALLEST_FACTOR: Final = 2.0**-22  # 2^-23.6 was right, 2^-24.5 wrong


def _requantization(view: GraphView, unit: NodeUnit, node: onnx.NodeProto) -> Limit | None:
    """With 16 bits, checks that no channel's factor from an integer product to the output's steps underflows."""
    if not unit.quantized or node.op_type not in WEIGHT_AXIS or len(unit.inputs) < 2:
        return None
    source, weight, target = unit.inputs[0].quantization, unit.inputs[1].quantization, unit.outputs[0].quantization
    if view.value(unit.inputs[0].name).dtype != TensorProto.UINT16 or not (source and weight and target):
        return None
    steps = [step for one in (source, weight, target) if (step := view.array(one.scale)) is not None]
    if len(steps) < 3:
        return None
    factor = float((steps[0] * steps[1] / steps[2]).min())
    if factor >= SMALLEST_FACTOR:
        return None
    hint = "Give the channel a larger step: below 2^-24 the whole convolution came out wrong (-1 dB)."
    where = f"input step * weight step / output step of at least {SMALLEST_FACTOR:.1e}"
    return Limit(where, f"{factor:.1e}", hint, "inferred")


def _square(view: GraphView, unit: NodeUnit, node: onnx.NodeProto) -> Limit | None:
    if node.op_type != "Pow":
        return None
    exponent = view.array(node.input[1])
    got = "a computed exponent" if exponent is None else f"exponent {float(exponent.reshape(-1)[0]):g}"
    return Limit("no Pow", got, "Mul(x, x): Snake with Pow was at 27 dB, with Mul at 66.", "inferred")


def _depthwise_transpose(view: GraphView, unit: NodeUnit, node: onnx.NodeProto) -> Limit | None:
    if node.op_type != "ConvTranspose":
        return None
    padding = attribute(node, "output_padding", [])
    if not any(padding) or attribute(node, "group", 1) == 1:
        return None
    hint = "Add a zero tap (kernel 4, no output padding), or write it as polyphase: it came out shifted by one."
    return Limit("no output_padding on a depthwise ConvTranspose", str(padding), hint, "inferred")


def _mask_after_snake(view: GraphView, unit: NodeUnit, node: onnx.NodeProto) -> Limit | None:
    """norm -> Snake -> mask -> quantized Conv: 0.6 dB. Snake(0) = 0, so the mask can be applied before it."""
    if node.op_type != "Mul" or not _feeds_quantized_conv(view, node):
        return None
    for name, maker in _makers(view, node):
        if maker.op_type == "Add" and _is_snake(view, maker):
            hint = "Mask before Snake: Snake(0) = 0, so it is the same."
            return Limit("no mask between Snake and a quantized convolution", name, hint, "inferred")
    return None


def _masked_shift(view: GraphView, unit: NodeUnit, node: onnx.NodeProto) -> Limit | None:
    """a + shift * mask -> LeakyRelu -> quantized Conv: -5 dB. Masking the whole sum is equal and comes out right."""
    if node.op_type != "Add" or not _feeds_leaky_conv(view, node):
        return None
    for name, maker in _makers(view, node):
        if maker.op_type == "Mul" and _outer_product(view, maker):
            hint = "Mask the sum: (a + shift) * mask."
            return Limit("no masked shift before LeakyRelu and a quantized convolution", name, hint, "inferred")
    return None


def _multiplied_sum(view: GraphView, unit: NodeUnit, node: onnx.NodeProto) -> Limit | None:
    """(conv + b) * factors -> quantized Conv, LeakyRelu between or not: -1 dB if there is one factor per channel."""
    if node.op_type != "Mul" or not (_feeds_leaky_conv(view, node) or _feeds_quantized_conv(view, node)):
        return None
    for name, maker in _makers(view, node):
        factors = node.input[1 - list(node.input).index(name)]
        several = any(size != 1 for size in view.value(factors).shape or ())
        if several and maker.op_type == "Add" and _adds_rounded(view, maker):
            hint = "Multiply what is added, a * f + b * f, or put the factors into weights."
            return Limit(
                "no sum of rounded values times factors before a quantized convolution", name, hint, "inferred"
            )
    return None


def _makers(view: GraphView, node: onnx.NodeProto) -> list[tuple[str, onnx.NodeProto]]:
    """The inputs that other nodes make, with these nodes."""
    return [(name, view.nodes[view.producer[name]]) for name in node.input if name in view.producer]


def _adds_rounded(view: GraphView, add: onnx.NodeProto) -> bool:
    """Whether a DequantizeLinear's output is part of the sum, Adds of Adds included."""
    makers = [maker for _, maker in _makers(view, add)]
    return any(m.op_type == "DequantizeLinear" or (m.op_type == "Add" and _adds_rounded(view, m)) for m in makers)


def _outer_product(view: GraphView, mul: onnx.NodeProto) -> bool:
    """Whether it multiplies [1, C, 1, 1] by [1, 1, 1, L]: each side is 1 on the axis on which the other is long."""
    left, right = (view.value(name).shape or () for name in mul.input)
    return (
        len(left) == len(right) == 4
        and all(1 in pair for pair in zip(left, right, strict=True))
        and view.value(mul.output[0]).shape not in (left, right)
    )


def _feeds_quantized_conv(view: GraphView, node: onnx.NodeProto) -> bool:
    for reader in view.readers.get(node.output[0], []):
        if view.nodes[reader].op_type == "QuantizeLinear":
            behind = [view.nodes[i] for i in view.readers.get(view.nodes[reader].output[0], [])]
            ends = [view.nodes[i] for dq in behind for i in view.readers.get(dq.output[0], [])]
            if any(end.op_type == "Conv" for end in ends):
                return True
    return False


def _feeds_leaky_conv(view: GraphView, node: onnx.NodeProto) -> bool:
    readers = [view.nodes[i] for i in view.readers.get(node.output[0], [])]
    return any(reader.op_type == "LeakyRelu" and _feeds_quantized_conv(view, reader) for reader in readers)


def _is_snake(view: GraphView, add: onnx.NodeProto) -> bool:
    """x + c * sin(a * x) ** 2, the square as Mul or Pow: a Sin at most two steps above one side of the Add."""
    names = list(add.input)
    for _ in range(3):
        makers = [view.nodes[view.producer[name]] for name in names if name in view.producer]
        if any(maker.op_type == "Sin" for maker in makers):
            return True
        names = [name for maker in makers if maker.op_type in ("Mul", "Pow") for name in maker.input]
    return False


SILENT: Final = (
    _requantization,
    _square,
    _depthwise_transpose,
    _mask_after_snake,
    _masked_shift,
    _multiplied_sum,
)
