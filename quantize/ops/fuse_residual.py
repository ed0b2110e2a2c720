"""Puts the fused operator Residual into a finished graph.

Before   (Transpose ->) DQ -> (Mul by the channel's factor ->) Add of a tensor of floats
After    Residual (see README.md)
Why      each of the four reads and writes the whole tensor; what is left of them is at the end of each residual block
Price    exact up to float32 rounding

    If a sum's term is a DQ of u8 with one step, or that times one factor per channel, and nothing else reads the term,
    and the other term has the sum's shape, this is a site. A Transpose in front of the DQ belongs to it.

Requires the graphs of `fuse_adain` and `put_channels_last`, which leave these.
"""

from __future__ import annotations

import onnx
import onnx_ir as ir

from export_onnx.graph.graph_ir import name_of
from quantize.ops.adain_sites import made_by
from quantize.ops.apply_pass import PassResult, apply_pass, take_over
from quantize.ops.channels_last import FROM_LAST
from quantize.ops.fuse_adain import read_bytes
from quantize.ops.fused_ops import LAST_IN, OPS_DOMAIN, RESIDUAL, RESIDUAL_INPUTS


def fuse_residual(model: onnx.ModelProto) -> PassResult:
    """A copy of `model` with one Residual at every site."""
    return apply_pass(model, _change)


def _change(graph: ir.Graph) -> list[str]:
    sums = list[str]()
    for node in [node for node in graph if node.op_type == "Add" and node.domain == ""]:
        inputs = read_bytes(node.outputs[0])
        if "added" not in inputs or "bytes" not in inputs:
            continue
        attributes = []
        turned = made_by(inputs["bytes"], "Transpose")
        if turned is not None and list(turned.attributes["perm"].as_ints()) == list(FROM_LAST) and turned.inputs[0]:
            inputs["bytes"] = turned.inputs[0]
            attributes.append(ir.AttrInt64(LAST_IN, 1))
        total = ir.Value()
        take_over(total, node.outputs[0])
        ordered_inputs = [inputs.get(name) for name in RESIDUAL_INPUTS]
        graph.append(ir.Node(OPS_DOMAIN, RESIDUAL, ordered_inputs, attributes, outputs=[total], name=node.name))
        sums.append(str(node.name or name_of(total)))
    return sums
