"""Puts the fused operator FloatConv into a finished graph.

Before   Conv of floats, whose 16-bit weights a Cast, a Mul and a Reshape unpack, and an Add behind it
After    FloatConv, which reads the 16-bit weights
Why      with VNNI, integers of 16 bits take about half the time of floats, and the convolutions that a block-list keeps
         from INT8 still take 12 % of the fused generator's time (Kokoro-82M, 5 s, one thread)
Price    weights and inputs are rounded to about 12 bits: 60 dB and more, where INT8 reaches 40

    1. If a Conv of rank 4 over the last axis has one group, stride 1, at least LEAST_CHANNELS output channels, a
       constant bias or none, and weights that are s16 rows times one step per row, it becomes FloatConv.
    2. If an Add alone reads it, and the other term has the same shape, FloatConv adds it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
import onnx_ir as ir

from export_onnx.graph.graph_ir import array_of, input_of
from quantize.ops.adain_sites import made_by, other_input
from quantize.ops.apply_pass import PassResult, apply_pass
from quantize.ops.fuse_adain import same_shape
from quantize.ops.fuse_conv import numbers_of
from quantize.ops.fused_ops import FLOAT_CONV, FLOAT_CONV_INPUTS, OPS_DOMAIN
from quantize.ops.turns import cancel_pairs, from_last, to_last

LEAST_CHANNELS: Final = 48  # kernels compute 64 channels at once


def fuse_float_conv(model: onnx.ModelProto) -> PassResult:
    """A copy of `model` with FloatConv for every Conv of floats with 16-bit weights."""
    return apply_pass(model, _change)


def _change(graph: ir.Graph) -> list[str]:
    changed = list[str]()
    for node in [node for node in graph if node.op_type == "Conv" and node.domain == ""]:
        weight = _stored(node)
        if weight is not None:
            _replace(graph, node, *weight)
            changed.append(str(node.name))
    cancel_pairs(graph)
    return changed


def _stored(node: ir.Node) -> tuple[ir.Value, ir.Value] | None:
    """The 16-bit weights, [C out, C * K], and their steps, where FloatConv can compute the node."""
    kernel = numbers_of(node, "kernel_shape", ())
    if numbers_of(node, "group", (1,)) != (1,) or len(kernel) != 2 or kernel[0] != 1:
        return None
    if set(numbers_of(node, "strides", (1, 1))) != {1} or "auto_pad" in node.attributes:
        return None
    unpacked = made_by(node.inputs[1], "Reshape")
    scaled = made_by(None if unpacked is None else unpacked.inputs[0], "Mul")
    whole = made_by(None if scaled is None else scaled.inputs[0], "Cast")
    if unpacked is None or scaled is None or whole is None:
        return None
    constants = [input_of(unpacked, 1), input_of(whole), input_of(scaled, 1), *list(node.inputs)[2:3]]
    if any(value is None or value.const_value is None for value in constants):
        return None
    shape, rows, steps = (array_of(value) for value in constants[:3] if value is not None)
    if rows.dtype != np.int16 or rows.ndim != 2 or rows.shape[0] < LEAST_CHANNELS or steps.shape != (rows.shape[0], 1):
        return None
    if len(shape) != 4 or shape[0] != rows.shape[0] or shape[2] != 1 or shape[1] * shape[3] != rows.shape[1]:
        return None
    return input_of(whole), input_of(scaled, 1)


def _replace(graph: ir.Graph, node: ir.Node, weight: ir.Value, steps: ir.Value) -> None:
    value = ir.Value()
    old = node.outputs[0]
    added = None
    readers = list(old.consumers())
    if len(readers) == 1 and readers[0].op_type == "Add" and not old.is_graph_output():
        other = other_input(readers[0], old)
        if other is not None and other is not old and same_shape(other, readers[0].outputs[0]):
            added, old = other, readers[0].outputs[0]
    given = {
        "floats": to_last(graph, input_of(node)),
        "weight": weight,
        "weight_step": steps,
        "bias": node.inputs[2] if len(node.inputs) > 2 else None,
        "added": None if added is None else to_last(graph, added),
    }
    left, right = numbers_of(node, "pads", (0, 0, 0, 0))[1::2]
    numbers = {
        "taps": numbers_of(node, "kernel_shape", ())[1],
        "dilation": numbers_of(node, "dilations", (1, 1))[1],
        "left": left,
        "right": right,
    }
    attributes = [ir.AttrInt64(name, number) for name, number in numbers.items()]
    inputs = [given[name] for name in FLOAT_CONV_INPUTS]
    graph.append(ir.Node(OPS_DOMAIN, FLOAT_CONV, inputs, attributes, outputs=[value], name=node.name))
    from_last(graph, value, old)
