"""Computes a few output channels of a convolution in float and the others in integers.

Before   y = conv(x); in integers, four of 256 channels carry nearly all of the error
After    y = conv'(x) + scatter(conv_k(x)): conv' has zero weights and biases for the k channels and becomes integers;
         conv_k, [k, C, 1, taps], stays float; scatter is a 1x1 convolution of zeros and ones, [O, k, 1, 1], that puts
         each channel in its place
Why      one step per tensor has to serve all channels. If every later layer reads a channel, a scale of its own does
         not help: 8 bits are too few for it. On Kokoro-82M, four channels of resblocks.1's last convolution in float
         take the error of its rounded output from 27 to 46 dB. The whole convolution in float would cost 1.4 % of the
         vocoder's multiply-adds, the four channels cost 0.02 %
Price    exact in float; two small convolutions and an addition

Runs on the rescaled float graph, before quantization. Both kinds of NPU take every node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnx_ir as ir

from export_onnx.graph.graph_ir import (
    add_constant,
    array_of,
    input_of,
    name_of,
    new_value,
    nodes_by_name,
    read_graph,
    size_of,
    write_graph,
)

FloatChannels = Mapping[str, tuple[int, ...]]  # convolution -> its output channels in float


def split_channels(model: onnx.ModelProto, floats: FloatChannels) -> onnx.ModelProto:
    """A copy of `model` with those channels in float; each convolution keeps its name, its output and its shape."""
    whole = read_graph(model)
    nodes = nodes_by_name(whole.graph)
    for name, channels in floats.items():
        _split(whole.graph, nodes[name], channels)
    return write_graph(whole)


def _split(graph: ir.Graph, conv: ir.Node, channels: Sequence[int]) -> None:
    """Splits one convolution into two; its readers read the sum of both."""
    picked, value = list(channels), conv.outputs[0]
    readers, name = list(value.uses()), name_of(value)
    inputs = [input_of(conv)]
    for position, kind in list(enumerate(("", "weight", "bias")))[1 : len(conv.inputs)]:
        constant = input_of(conv, position)
        array = array_of(constant).copy()
        inputs.append(add_constant(graph, f"{conv.name}/floats.{kind}", array[picked]))
        array[picked] = 0
        if len(constant.uses()) == 1:  # keeps its name, by which its second moments are found
            constant.const_value = ir.tensor(array, name=name_of(constant))
        else:
            conv.replace_input_with(position, add_constant(graph, f"{conv.name}/integers.{kind}", array))
    places = np.zeros((size_of(value, 1), len(picked), 1, 1), np.float32)
    places[picked, range(len(picked)), 0, 0] = 1
    few = new_value(f"{name}/floats", value)
    if value.shape is not None:  # whose other sizes need not be numbers
        few.shape = ir.Shape([len(picked) if axis == 1 else size for axis, size in enumerate(value.shape)])
    back, total = (new_value(f"{name}/{part}", value) for part in ("scattered", "whole"))
    scatter = [few, add_constant(graph, f"{conv.name}/places", places)]
    graph.insert_after(
        conv,
        [
            ir.Node("", "Conv", inputs, conv.attributes.values(), outputs=[few], name=f"{conv.name}/floats"),
            ir.Node(
                "",
                "Conv",
                scatter,
                [ir.AttrInt64s("kernel_shape", [1, 1])],
                outputs=[back],
                name=f"{conv.name}/scatter",
            ),
            ir.Node("", "Add", [value, back], outputs=[total], name=f"{conv.name}/Add"),
        ],
    )
    for reader, position in readers:
        reader.replace_input_with(position, total)
