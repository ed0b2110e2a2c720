"""Puts the fused operator Residual into a finished graph.

Before   DQ -> (Mul by the channel's factor ->) Add of a tensor of floats
After    Residual (see README.md), between Transposes
Why      each of the four reads and writes the whole tensor; what is left of them is at the end of each residual block
Price    exact up to float32 rounding

    If a sum's term is a DQ of u8 with one step, or that times one factor per channel, and nothing else reads the term,
    and the other term has the sum's shape, this is a site.

Requires the graphs of `fuse_adain` and `put_channels_last`, which leave these.
"""

from __future__ import annotations

import onnx
import onnx_ir as ir

from export_onnx.graph.graph_ir import name_of
from quantize.ops.apply_pass import PassResult, apply_pass
from quantize.ops.fuse_adain import read_bytes
from quantize.ops.fused_ops import OPS_DOMAIN, RESIDUAL, RESIDUAL_INPUTS
from quantize.ops.turns import cancel_pairs, from_last, to_last


def fuse_residual(model: onnx.ModelProto) -> PassResult:
    """A copy of `model` with one Residual at every site."""
    return apply_pass(model, _change)


def _change(graph: ir.Graph) -> list[str]:
    sums = list[str]()
    for node in [node for node in graph if node.op_type == "Add" and node.domain == ""]:
        inputs = read_bytes(node.outputs[0])
        if "added" not in inputs or "bytes" not in inputs:
            continue
        for name in ("bytes", "added"):
            inputs[name] = to_last(graph, inputs[name])
        total, old = ir.Value(), node.outputs[0]
        sums.append(str(node.name or name_of(old)))
        ordered = [inputs.get(name) for name in RESIDUAL_INPUTS]
        graph.append(ir.Node(OPS_DOMAIN, RESIDUAL, ordered, outputs=[total], name=node.name))
        from_last(graph, total, old)
    cancel_pairs(graph)
    return sums
