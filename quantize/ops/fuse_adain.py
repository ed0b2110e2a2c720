"""Puts the fused operator AdaIN into a finished graph.

Before   DQ -> (Mul by the channel's factor -> Add) -> mean, Sub, square, mean, Sqrt, Mul, Add -> Snake or LeakyReLU
         -> Q: about 20 operators, most of which read and write the whole tensor; with a mask, four Mul more
After    AdaIN (see README.md): bytes in, bytes out, and the sum where another node reads it, each between Transposes,
         because AdaIN works channels last
Why      at full size, 5 s, two thirds of the INT8 generator's time is outside of the convolutions, and ONNX Runtime
         computes Sin on one thread
Price    a byte may fall on the other side of a tie between two steps. tests/quantize/test_fuse_adain.py measures a
         vocoder with random weights, and `python -m quantize.ops` a build's own files

Sites are found by structure, from the Sqrt of a norm's deviation; names play no part. Shapes may be symbolic.

    1. If a Sqrt's value divides a gain, and its argument is the variance (plus epsilon) of a value minus its mean over
       time, masked twice or not at all, this is a norm of that value.
    2. If gain and shift are followed by Snake or LeakyReLU, it is a site; a value without activation stays as it is.
    3. If the activated value is rounded to u8 with one step, the site gives the bytes; other readers get floats.
    4. If the norm's value is a DQ, a DQ times one factor per channel, or the sum of that and another value, the site
       reads the bytes, and gives the sum to the value's other readers.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
import onnx_ir as ir

from export_onnx.graph.graph_ir import array_of, input_of, producer_of
from quantize.ops.adain_sites import (
    AdainActivation,
    AdainNorm,
    made_by,
    next_site,
    other_input,
    per_channel,
    readers_of,
)
from quantize.ops.apply_pass import PassResult, apply_pass
from quantize.ops.fused_ops import ADAIN, ADAIN_INPUTS, OPS_DOMAIN
from quantize.ops.turns import cancel_pairs, from_last, to_last

READERS_IN_NORM: Final = 2  # its mean, and the difference from it
TURNED: Final = ("bytes", "added")  # the inputs that AdaIN reads channels last


def fuse_adain(model: onnx.ModelProto) -> PassResult:
    """A copy of `model` with one AdaIN at every site; the sites may be none."""
    return apply_pass(model, _change)


def _change(graph: ir.Graph) -> list[str]:
    sites = list[str]()
    for root in [node for node in graph if node.op_type == "Sqrt"]:
        done: list[ir.Value] = []
        while found := next_site(root, done):
            norm, activation = found
            done.append(norm.result)
            sites.append(_fuse(graph, norm, activation))
    cancel_pairs(graph)
    return sites


def _fuse(graph: ir.Graph, norm: AdainNorm, activation: AdainActivation) -> str:
    """Adds the node; its name is that of the norm's last node."""
    inputs: dict[str, ir.Value] = {"gain": norm.gain, "shift": norm.shift, "epsilon": norm.epsilon}
    inputs |= activation.inputs
    if norm.mask is not None:
        inputs["mask"] = norm.mask
    source = read_bytes(norm.value)
    inputs |= source
    rounded = [node for node in readers_of(activation.result, "QuantizeLinear") if holds_bytes(node)]
    out, total, active = ir.Value(), ir.Value(), ir.Value()
    for name in TURNED:
        if name in inputs:
            inputs[name] = to_last(graph, inputs[name])
    ends = rounded[:1]
    if ends:
        inputs |= {"step": input_of(ends[0], 1), "zero": input_of(ends[0], 2)}
        from_last(graph, out, ends[0].outputs[0])
    floats_read = activation.result.is_graph_output() or len(list(activation.result.consumers())) > len(ends)
    if floats_read:
        from_last(graph, active, activation.result)
    # What reads the value outside of this norm reads the sum from now on; where the value is a plain DQ, it stays.
    scaled_read = "factor" in source and len(set(norm.value.consumers())) > READERS_IN_NORM
    sum_read = "bytes" in source and ("added" in source or scaled_read or norm.value.is_graph_output())
    if sum_read:
        from_last(graph, total, norm.value)
    attributes = [] if activation.slope is None else [ir.AttrFloat32("slope", activation.slope)]
    outputs = ((out, bool(ends)), (total, sum_read), (active, floats_read))
    name = str(producer_of(norm.result).name)
    node = ir.Node(
        OPS_DOMAIN,
        ADAIN,
        [inputs.get(name) for name in ADAIN_INPUTS],
        attributes,
        outputs=[value if read else ir.Value(name="") for value, read in outputs],
        name=name,
    )
    graph.append(node)
    return name


def read_bytes(value: ir.Value) -> dict[str, ir.Value]:
    """The inputs from which a fused operator makes the value: bytes, or bytes and `added`, or `added` alone."""
    bytes_ = _dequantized(value)
    if bytes_:
        return bytes_
    total = made_by(value, "Add")
    if total is not None:
        for term in total.inputs:
            added = other_input(total, term)
            bytes_ = _dequantized(term) if term is not None and len(list(term.consumers())) == 1 else {}
            if bytes_ and added is not None and same_shape(added, value):
                return bytes_ | {"added": added}
    return {"added": value}


def same_shape(first: ir.Value, second: ir.Value) -> bool:
    """Whether two values of rank 4 have one shape, where two symbols may mean the same number of columns.

    If they do not, AdaIN refuses them when it runs.
    """
    if first.shape is None or second.shape is None or len(first.shape) != 4 or len(second.shape) != 4:
        return False
    symbolic = not isinstance(first.shape[3], int) and not isinstance(second.shape[3], int)
    return list(first.shape)[:3] == list(second.shape)[:3] and (symbolic or first.shape[3] == second.shape[3])


def _dequantized(value: ir.Value) -> dict[str, ir.Value]:
    """The inputs for DQ, or DQ times a factor per channel; none where the value is neither."""
    factor: dict[str, ir.Value] = {}
    product = made_by(value, "Mul")
    if product is not None:
        for term in product.inputs:
            other = other_input(product, term)
            if term is not None and other is not None and made_by(term, "DequantizeLinear") and per_channel(other):
                value, factor = term, {"factor": other}
    node = made_by(value, "DequantizeLinear")
    if node is None or not holds_bytes(node):
        return {}
    return {"bytes": input_of(node), "byte_step": input_of(node, 1), "byte_zero": input_of(node, 2)} | factor


def holds_bytes(node: ir.Node) -> bool:
    """Whether a Q or DQ has u8 and one step."""
    if len(node.inputs) < 3 or node.inputs[2] is None or node.inputs[2].const_value is None:
        return False
    zero = array_of(input_of(node, 2))
    return zero.dtype == np.uint8 and zero.size == 1
