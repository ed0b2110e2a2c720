"""Keeps bytes channels last between AdaIN and the convolutions.

Before   AdaIN -> DQ -> Conv -> Q -> AdaIN, which ONNX Runtime computes as Transpose -> QLinearConv -> Transpose
After    AdaIN -> com.microsoft.QLinearConv with `channels_last` -> AdaIN, whose bytes are [1, 1, T, C]
Why      ONNX Runtime's integer convolution works channels last. Its Transposes take as long as all AdaIN of the fused
         generator; AdaIN turns tiles of 16 x 16 bytes in vector registers, in a fifth of that time
Price    exact: the same integers

    1. If every reader of an AdaIN's bytes is the DQ of a convolution with s8 weights, one group and a Q behind it,
       those convolutions become QLinearConv, and the AdaIN writes channels last.
    2. If an AdaIN reads such a convolution's bytes, it reads them channels last. Other readers get a Transpose.

Requires the graph of `fuse_adain`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
import onnx_ir as ir

from export_onnx.graph.graph_ir import array_of, input_of, name_of
from quantize.ops.adain_sites import made_by
from quantize.ops.apply_pass import PassResult, apply_pass
from quantize.ops.fuse_adain import holds_bytes
from quantize.ops.fused_ops import ADAIN, ADAIN_INPUTS, LAST_IN, LAST_OUT, OPS_DOMAIN

MICROSOFT: Final = "com.microsoft"
TO_LAST: Final = (0, 2, 3, 1)
FROM_LAST: Final = (0, 3, 1, 2)
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
    sites = [node for node in graph if node.op_type == ADAIN and node.domain == OPS_DOMAIN]
    changed = list[str]()
    for site in sites:
        units = _units_behind(site.outputs[0])
        if not units:
            continue
        site.attributes[LAST_OUT] = ir.AttrInt64(LAST_OUT, 1)
        _turn(site.outputs[0])
        for unit in units:
            _replace(graph, unit)
            changed.append(str(unit.conv.name))
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


def _replace(graph: ir.Graph, unit: _Unit) -> None:
    old = unit.rounded.outputs[0]
    inputs = [*unit.bytes.inputs, *unit.weight.inputs, *unit.rounded.inputs[1:3]]
    inputs += [input_of(unit.bias)] if unit.bias else []
    attributes = [*unit.conv.attributes.values(), ir.AttrInt64("channels_last", 1)]
    new = ir.Value(name=name_of(old), type=old.type, shape=old.shape)
    node = ir.Node(MICROSOFT, "QLinearConv", inputs, attributes, outputs=[new], name=unit.conv.name)
    old.name = f"{new.name}/unfused"
    graph.append(node)
    others = []
    for user, place in list(old.uses()):
        if user.op_type == ADAIN and user.domain == OPS_DOMAIN and ADAIN_INPUTS[place] == "bytes":
            user.replace_input_with(place, new)
            user.attributes[LAST_IN] = ir.AttrInt64(LAST_IN, 1)
        else:
            others.append((user, place))
    if others or old.is_graph_output():
        first = ir.Value(name=f"{new.name}/first", type=old.type, shape=old.shape)
        graph.append(ir.Node("", "Transpose", [new], [ir.AttrInt64s("perm", FROM_LAST)], outputs=[first]))
        for user, place in others:
            user.replace_input_with(place, first)
        if old.is_graph_output():
            first.name, new.name = new.name, f"{new.name}/last"
            graph.outputs[graph.outputs.index(old)] = first
    _turn(new)


def _turn(value: ir.Value) -> None:
    if value.shape is not None:
        value.shape = ir.Shape([value.shape[axis] for axis in TO_LAST])
