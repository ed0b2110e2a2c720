"""Keeps bytes channels last between AdaIN and the convolutions.

Before   AdaIN -> Transpose -> DQ -> Conv -> Q -> Transpose -> AdaIN
After    AdaIN -> com.microsoft.QLinearConv with `channels_last` -> AdaIN, whose bytes are [1, 1, T, C]
Why      ONNX Runtime's integer convolution works channels last, and would put Transposes around itself
Price    exact: the same integers

    1. If every reader of an AdaIN's bytes is the DQ of a convolution with s8 weights, one group and a Q behind it,
       those convolutions become QLinearConv.
    2. An AdaIN that reads such a convolution's bytes reads them channels last. Other readers get a Transpose.

Requires the graph of `fuse_adain`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
import onnx_ir as ir

from export_onnx.graph.graph_ir import array_of, input_of
from quantize.ops.adain_sites import made_by
from quantize.ops.apply_pass import PassResult, apply_pass
from quantize.ops.fuse_adain import holds_bytes
from quantize.ops.fused_ops import ADAIN, OPS_DOMAIN
from quantize.ops.turns import FROM_LAST, cancel_pairs, from_last, is_turn

MICROSOFT: Final = "com.microsoft"
SAME_STEP: Final = 1e-4  # relative; a bias's step is the product of two steps, rounded to float


@dataclass(frozen=True)
class _Unit:
    """A convolution between its DQ and its Q."""

    bytes: ir.Node  # the DQ of its input
    conv: ir.Node
    weight: ir.Node
    bias: ir.Node | None
    rounded: ir.Node


def put_channels_last(model: onnx.ModelProto) -> PassResult:
    """A copy of `model` with every convolution channels last that only AdaIN feeds."""
    return apply_pass(model, _change, MICROSOFT, 1)


def _change(graph: ir.Graph) -> list[str]:
    changed = list[str]()
    for site in [node for node in graph if node.op_type == ADAIN and node.domain == OPS_DOMAIN]:
        for turn in [node for node in site.outputs[0].consumers() if is_turn(node, FROM_LAST)]:
            for unit in _units_behind(turn.outputs[0]):
                _replace(graph, unit, site.outputs[0])
                changed.append(str(unit.conv.name))
    cancel_pairs(graph)
    return changed


def _units_behind(value: ir.Value) -> Sequence[_Unit]:
    """The convolutions that read the bytes; none if anything else reads them, too."""
    units = []
    for reader in value.consumers():
        convs = list(reader.outputs[0].consumers()) if reader.op_type == "DequantizeLinear" else []
        found = [_unit(reader, conv) for conv in convs]
        if not found or value.is_graph_output():
            return []
        for unit in found:
            if unit is None:
                return []
            units.append(unit)
    return units


def _unit(bytes_: ir.Node, conv: ir.Node) -> _Unit | None:
    readers = list(conv.outputs[0].consumers())
    if conv.op_type != "Conv" or len(readers) != 1 or not holds_bytes(bytes_) or not holds_bytes(readers[0]):
        return None
    if "group" in conv.attributes and conv.attributes["group"].as_int() != 1:
        return None
    weight = made_by(conv.inputs[1], "DequantizeLinear")
    if weight is None or input_of(weight).const_value is None or array_of(input_of(weight)).dtype != np.int8:
        return None
    bias = made_by(conv.inputs[2], "DequantizeLinear") if len(conv.inputs) > 2 else None
    if len(conv.inputs) > 2 and (bias is None or not _is_product(input_of(bias, 1), input_of(bytes_, 1), weight)):
        return None
    return _Unit(bytes_, conv, weight, bias, readers[0])


def _is_product(step: ir.Value, of_bytes: ir.Value, weight: ir.Node) -> bool:
    """Whether a bias counts in the input's step times the weight's, as QLinearConv takes for granted."""
    steps = [value.const_value for value in (step, of_bytes, input_of(weight, 1))]
    if any(value is None for value in steps):
        return False
    bias, bytes_, rows = (np.asarray(value.numpy(), np.float64) for value in steps if value is not None)
    return bool(np.allclose(bias, bytes_ * rows, rtol=SAME_STEP, atol=0))


def _replace(graph: ir.Graph, unit: _Unit, bytes_: ir.Value) -> None:
    inputs = [bytes_, *unit.bytes.inputs[1:], *unit.weight.inputs, *unit.rounded.inputs[1:3]]
    inputs += [input_of(unit.bias)] if unit.bias else []
    attributes = [*unit.conv.attributes.values(), ir.AttrInt64("channels_last", 1)]
    last = ir.Value()
    graph.append(ir.Node(MICROSOFT, "QLinearConv", inputs, attributes, outputs=[last], name=unit.conv.name))
    from_last(graph, last, unit.rounded.outputs[0])
