"""A few output channels of a convolution in float beside the rest in integers.

Before   y = conv(x); in integers, four of 256 channels carry nearly all of the error
After    y = conv'(x) + scatter(conv_k(x)): conv' has zero weights and biases for the k channels and becomes integers;
         conv_k, [k, C, 1, taps], stays float; scatter is a 1x1 convolution of zeros and ones, [O, k, 1, 1], that puts
         each channel in its place
Why      one step per tensor has to serve them all. A channel that everything behind listens to is not cured by a scale
         of its own: 8 bits are too few for it. On Kokoro-82M four channels of resblocks.1's last convolution take the
         error of its rounded output from 27 to 46 dB; leaving the whole convolution in float costs 1.4 % of the
         vocoder's multiply-adds, the four channels 0.02 %
Price    exact in float; two small convolutions and an addition

Runs on the rescaled float graph, before quantization. Both kinds of NPU take every node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

FloatChannels = Mapping[str, tuple[int, ...]]  # convolution -> its output channels in float


def split_channels(model: onnx.ModelProto, floats: FloatChannels) -> onnx.ModelProto:
    """A copy of `model` with those channels in float; each convolution keeps its name, its output and its shape."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in graph.value_info}
    nodes = list(graph.node)
    readers = Counter(name for node in nodes for name in node.input)
    del graph.node[:]
    whole: dict[str, str] = {}  # a convolution's output -> the sum that its readers read
    for node in nodes:
        for i, value in enumerate(node.input):
            node.input[i] = whole.get(value, value)
        graph.node.append(node)
        if node.op_type == "Conv" and node.name in floats:
            whole[node.output[0]] = _split(graph, graph.node[-1], floats[node.name], stored, shapes, readers)
    return copy


def _split(
    graph: onnx.GraphProto,
    conv: onnx.NodeProto,
    channels: Sequence[int],
    stored: Mapping[str, onnx.TensorProto],
    shapes: Mapping[str, list[int]],
    readers: Mapping[str, int],
) -> str:
    """Parts one convolution; the name of the sum."""
    picked, value = list(channels), conv.output[0]
    inputs = [conv.input[0]]
    for position, kind in ((1, "weight"), (2, "bias")):
        if position < len(conv.input):
            name = conv.input[position]
            array = numpy_helper.to_array(stored[name]).copy()
            inputs.append(_store(graph, f"{conv.name}/floats.{kind}", array[picked]))
            array[picked] = 0
            if readers[name] == 1:  # what is known of it is known by its name
                stored[name].CopyFrom(numpy_helper.from_array(array, name))
            else:
                conv.input[position] = _store(graph, f"{conv.name}/integers.{kind}", array)
    places = np.zeros((shapes[value][1], len(picked), 1, 1), np.float32)
    places[picked, range(len(picked)), 0, 0] = 1
    few, back, total = (f"{value}/{part}" for part in ("floats", "scattered", "whole"))
    part = onnx.NodeProto()
    part.CopyFrom(conv)
    part.name, part.input[:], part.output[:] = f"{conv.name}/floats", inputs, [few]
    scatter = [few, _store(graph, f"{conv.name}/places", places)]
    graph.node.extend(
        [
            part,
            helper.make_node("Conv", scatter, [back], f"{conv.name}/scatter", kernel_shape=[1, 1]),
            helper.make_node("Add", [value, back], [total], f"{conv.name}/Add"),
        ]
    )
    batch, outputs, *steps = shapes[value]
    for name, width in ((few, len(picked)), (back, outputs), (total, outputs)):
        graph.value_info.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [batch, width, *steps]))
    return total


def _store(graph: onnx.GraphProto, name: str, array: np.ndarray) -> str:
    graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
    return name
