"""Puts the fused operator Conv into a finished graph.

Before   AdaIN -> QLinearConv -> bytes -> AdaIN or Residual, which multiplies them with the channel's factor and adds
After    AdaIN -> Conv -> floats -> AdaIN; Conv adds, and takes the place of Residual
Why      QLinearConv rounds its sums to 256 steps and clips them, which is heard. Conv hands them over as floats
Price    exact up to float32 rounding. On x86 with VNNI, Conv alone takes up to 28 % longer than QLinearConv, because
         floats are four times the bytes; README.md has figures

    1. If a QLinearConv, channels last, has one group, stride 1 and constant s8 weights above -128 with zero points 0,
       and AdaIN and Residual alone read its bytes, with its own step and zero point and with one factor, it becomes
       Conv.
    2. If one node alone reads them, Conv adds what that node added.
    3. An AdaIN reads Conv's floats as `added`, and readers of AdaIN's sum read them instead. Residual goes.

Requires the graphs of `put_channels_last` and `fuse_residual`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
import onnx_ir as ir

from export_onnx.graph.graph_ir import array_of, input_of
from quantize.ops.apply_pass import PassResult, apply_pass, take_over
from quantize.ops.channels_last import MICROSOFT
from quantize.ops.fused_ops import (
    ADAIN,
    ADAIN_INPUTS,
    ADAIN_OUTPUTS,
    CONV,
    CONV_INPUTS,
    OPS_DOMAIN,
    RESIDUAL,
    RESIDUAL_INPUTS,
)

READERS: Final = {ADAIN: ADAIN_INPUTS, RESIDUAL: RESIDUAL_INPUTS}
READ: Final = ("bytes", "byte_step", "byte_zero", "factor", "added")  # what Conv makes a reader's value of
# QLinearConv's inputs, by number
STEP, ZERO, WEIGHT, WEIGHT_STEP, WEIGHT_ZERO, OUT_STEP, OUT_ZERO, BIAS = range(1, 9)


def fuse_conv(model: onnx.ModelProto) -> PassResult:
    """A copy of `model` with Conv for every QLinearConv whose sums can stay floats."""
    return apply_pass(model, _change)


def _change(graph: ir.Graph) -> list[str]:
    changed = list[str]()
    for node in [node for node in graph if node.op_type == "QLinearConv" and node.domain == MICROSOFT]:
        if _is_plain(node) and (inputs := _read_alike(node)) is not None:
            _replace(graph, node, inputs)
            changed.append(str(node.name))
    return changed


def _is_plain(node: ir.Node) -> bool:
    """Whether Conv can compute it."""
    if numbers_of(node, "channels_last", (0,)) != (1,) or numbers_of(node, "group", (1,)) != (1,):
        return False
    if set(numbers_of(node, "strides", (1, 1))) != {1} or len(numbers_of(node, "pads", (0, 0, 0, 0))) != 4:
        return False
    constants = [input_of(node, index).const_value for index in (WEIGHT, WEIGHT_ZERO)]
    if any(value is None for value in constants):
        return False
    weight, zeros = array_of(input_of(node, WEIGHT)), array_of(input_of(node, WEIGHT_ZERO))
    fits = weight.dtype == np.int8 and weight.ndim == 4 and weight.shape[2] == 1 and weight.min(initial=0) > -128
    return bool(fits and not zeros.any())


def numbers_of(node: ir.Node, name: str, otherwise: tuple[int, ...]) -> tuple[int, ...]:
    """An attribute's integers."""
    attribute = node.attributes.get(name)
    if attribute is None:
        return otherwise
    return (attribute.as_int(),) if attribute.type == ir.AttributeType.INT else tuple(attribute.as_ints())


def _read_alike(node: ir.Node) -> dict[str, ir.Value | None] | None:
    """The factor and what is added, where AdaIN and Residual alone read the bytes, all in the same way; else None."""
    out = node.outputs[0]
    found = []
    for reader, place in out.uses():
        names = READERS.get(reader.op_type, ()) if reader.domain == OPS_DOMAIN else ()
        if not names or names[place] != "bytes":
            return None
        given = dict(zip(names, reader.inputs, strict=True))
        if not (_same(given["byte_step"], node.inputs[OUT_STEP]) and _same(given["byte_zero"], node.inputs[OUT_ZERO])):
            return None
        found.append((given["factor"], given["added"]))
    if out.is_graph_output() or not found:
        return None
    factor, added = found[0]
    if len(found) > 1 and any(other is not None or each is not factor for each, other in found):
        return None
    return {"factor": factor, "added": added}


def _same(first: ir.Value | None, second: ir.Value | None) -> bool:
    """Whether two values are one, or equal constants."""
    if first is second:
        return first is not None
    if first is None or second is None or first.const_value is None or second.const_value is None:
        return False
    return bool(np.array_equal(array_of(first), array_of(second)))


def _replace(graph: ir.Graph, node: ir.Node, inputs: dict[str, ir.Value | None]) -> None:
    given = {
        "bytes": input_of(node),
        "byte_step": input_of(node, STEP),
        "byte_zero": input_of(node, ZERO),
        "weight": input_of(node, WEIGHT),
        "weight_step": input_of(node, WEIGHT_STEP),
        "bias": node.inputs[BIAS] if len(node.inputs) > BIAS else None,
    } | inputs
    left, right = numbers_of(node, "pads", (0, 0, 0, 0))[1::2]
    numbers = {"dilation": numbers_of(node, "dilations", (1, 1))[1], "left": left, "right": right}
    attributes = [ir.AttrInt64(name, number) for name, number in numbers.items()]
    old = node.outputs[0]
    value = ir.Value(name=f"{old.name}/floats", type=ir.TensorType(ir.DataType.FLOAT), shape=old.shape)
    graph.append(
        ir.Node(OPS_DOMAIN, CONV, [given[name] for name in CONV_INPUTS], attributes, outputs=[value], name=node.name)
    )
    for reader, _ in list(old.uses()):
        if reader.op_type == RESIDUAL:
            take_over(value, reader.outputs[0])
        else:
            _read_floats(reader, value)


def _read_floats(site: ir.Node, value: ir.Value) -> None:
    """An AdaIN reads the floats, and so do the readers of its sum."""
    for name in READ:
        site.replace_input_with(ADAIN_INPUTS.index(name), value if name == "added" else None)
    for total in site.outputs[ADAIN_OUTPUTS.index("sum") :][:1]:
        if total.name:
            take_over(value, total)
            total.name = ""  # AdaIN would copy the whole tensor for nobody
