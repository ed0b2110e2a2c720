"""AdaIN takes the statistics of its input from the convolution that makes it.

Before   Conv -> AdaIN, which reads the whole tensor twice: for its mean and deviation, and for the rest
After    Conv -> AdaIN, to which Conv hands the mean and the squared distances of each tile while it is in the registers
Why      a tensor of the last stage is 12 MB at 5 s, and so comes from the third cache or from memory each time
Price    float32 rounding in another order

    If AdaIN's value is the result of a Conv or FloatConv and nothing else, and it has no mask, it reads that node's
    moments.

Requires the graph of `sink_turns`, in which an AdaIN meets its convolution.
"""

from __future__ import annotations

import onnx
import onnx_ir as ir

from quantize.ops.apply_pass import PassResult, apply_pass
from quantize.ops.fused_ops import ADAIN, ADAIN_INPUTS, CONV, CONV_OUTPUTS, FLOAT_CONV, OPS_DOMAIN


def share_moments(model: onnx.ModelProto) -> PassResult:
    """A copy of `model`; `changed` names the AdaIN that read moments."""
    return apply_pass(model, _change)


def _change(graph: ir.Graph) -> list[str]:
    changed = list[str]()
    for site in [node for node in graph if node.op_type == ADAIN and node.domain == OPS_DOMAIN]:
        given = dict(zip(ADAIN_INPUTS, site.inputs, strict=True))
        added = given["added"]
        conv = None if added is None else added.producer()
        if conv is None or conv.domain != OPS_DOMAIN or conv.op_type not in (CONV, FLOAT_CONV):
            continue
        if given["bytes"] is None and given["mask"] is None:
            site.replace_input_with(ADAIN_INPUTS.index("moments"), _moments(conv))
            changed.append(str(site.name))
    return changed


def _moments(conv: ir.Node) -> ir.Value:
    """The node's second output, which it gets if it has none."""
    place = CONV_OUTPUTS.index("moments")
    if len(conv.outputs) == place:
        conv.resize_outputs(place + 1)
        conv.outputs[place].name = f"{conv.outputs[0].name}/moments"
        conv.outputs[place].type = ir.TensorType(ir.DataType.FLOAT)
    return conv.outputs[place]
