"""One scale a channel on what `bert`'s convolutions read and write, so that one u8 step fits all channels.

Before   h -> Q -> DQ -> conv -> Q -> DQ -> y: channels are ten times apart, and u8 moves durations and pitch
After    h -> Mul s -> Q -> DQ -> conv -> Q -> DQ -> Mul 1/t -> y, with weights times t over s
Why      durations move 2 to 60 times less, by query, key and value together 7 times. A vocoder's scales fold into
         norms and weights; here a residual sum reads each norm, too, and twelve layers share one weight
Price    exact; two Muls a convolution on [1, C, 1, T], and nothing in 16 bits, which have room
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from calibrate.store import Channels
from quantize.albert import Part
from quantize.equalize import Vector
from quantize.scales import ends, widest

COARSE: Final = 8  # bits that have no room for a quiet channel beside a loud one


@dataclass(frozen=True)
class Scaled:
    """Of one convolution: what its input's and its output's channels are multiplied with, [C] and [O]."""

    read: Vector
    written: Vector


def channel_scales(
    model: onnx.ModelProto, parts: Sequence[Part], seen: Mapping[str, Channels], bits: int
) -> dict[str, Scaled]:
    """Convolution -> scales, the same for all that share a weight: the largest that widen none of their values.

    Args:
        seen: calibration's statistics of what they read and write.
        bits: of activations; nothing is scaled where there are 16.
    """
    if bits != COARSE:
        return {}
    nodes = {node.name: node for node in model.graph.node if node.op_type == "Conv"}

    def shared(values: list[str]) -> Vector:
        return widest([ends(seen[value], 0, len(seen[value].low), 1) for value in values])

    scales: dict[str, Scaled] = {}
    for part in parts:
        read, written = [nodes[conv].input[0] for conv in part.convs], [nodes[conv].output[0] for conv in part.convs]
        scales |= dict.fromkeys(part.convs, Scaled(shared(read), shared(written)))
    return scales


def scale_channels(model: onnx.ModelProto, scales: Mapping[str, Scaled]) -> onnx.ModelProto:
    """A copy of `model` with those convolutions between two Muls.

    What a convolution reads becomes `<conv>/scaled`; what it writes keeps its name, `<conv>/restored` is behind it.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    shapes = {value.name: value for value in (*graph.value_info, *graph.output)}
    done: set[str] = set()
    restored: dict[str, str] = {}
    nodes = list(graph.node)
    del graph.node[:]

    def add(name: str, value: str, factor: Vector, output: str) -> None:
        tensor = numpy_helper.from_array(factor.reshape(1, -1, 1, 1).astype(np.float32), f"{output}/scale")
        graph.initializer.append(tensor)
        graph.node.append(helper.make_node("Mul", [value, tensor.name], [output], name))
        graph.value_info.append(shapes[value])
        graph.value_info[-1].name = output
        shapes[output] = graph.value_info[-1]

    for node in nodes:
        for i, value in enumerate(node.input):
            node.input[i] = restored.get(value, value)
        if node.name not in scales:
            graph.node.append(node)
            continue
        scaled, name = scales[node.name], node.name
        for i, factor in ((1, (scaled.written[:, None] / scaled.read)[:, :, None, None]), (2, scaled.written)):
            tensor = stored[node.input[i]]
            if tensor.name not in done:
                array = (numpy_helper.to_array(tensor) * factor).astype(np.float32)
                tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
                done.add(tensor.name)
        add(f"{name}/scale", node.input[0], scaled.read, f"{name}/scaled")
        node.input[0] = f"{name}/scaled"
        graph.node.append(node)
        add(f"{name}/restore", node.output[0], 1 / scaled.written, f"{name}/restored")
        restored[node.output[0]] = f"{name}/restored"
    return copy
