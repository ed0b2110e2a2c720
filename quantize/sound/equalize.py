"""Rescales channels of a float graph so that one step a tensor fits them all: exact in float, free at run time.

Before   channels of one tensor 10 to 1,000 times apart share one u8 step: the small ones are a few steps high
After    every site of `sites.py` has a scale s a channel: what is quantized becomes s * x (plus a shift where a norm
         takes it out again), and the nodes around it undo it
Why      per-channel ranges are what 8 bits need, and no NPU takes them on activations
Price    exact in exact arithmetic; >= 100 dB in float32. Muls on four graph inputs: har, asr, gains and shifts; in
         8 bits one behind each convolution that is added to a residual sum
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from export_onnx.errors import ContractError
from quantize.sound.sites import Site, Touch

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Affine:
    """What becomes of a value's channels: scale * x + shift."""

    scale: Vector
    shift: Vector


def equalize(model: onnx.ModelProto, sites: Sequence[Site], chosen: Mapping[str, Affine]) -> onnx.ModelProto:
    """A copy of `model` with every chosen site rescaled. Sites without a choice stay as they are."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = _Graph(copy)
    for site in sites:
        if site.name in chosen:
            for touch in site.touches:
                _FOLLOWERS[touch.follow](graph, touch, chosen[site.name])
    graph.write()
    return copy


def changed_values(sites: Sequence[Site], chosen: Mapping[str, Affine], sizes: Mapping[str, int]) -> dict[str, Affine]:
    """What the choice does to each quantized value, all sites together.

    Args:
        sizes: value -> its channels.
    """
    changed = {value: Affine(np.ones(size), np.zeros(size)) for value, size in sizes.items()}
    for site in sites:
        if site.name in chosen:
            for seen in site.seen:
                part = slice(seen.start, seen.start + site.channels * seen.repeat)
                changed[seen.value].scale[part] *= np.repeat(chosen[site.name].scale, seen.repeat)
                changed[seen.value].shift[part] += np.repeat(chosen[site.name].shift, seen.repeat)
    return changed


class _Graph:
    """Constants of a graph by node, in float64 while they are changed; written back once."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.nodes = {node.name: node for node in model.graph.node}
        self.stored = {tensor.name: tensor for tensor in model.graph.initializer}
        self.readers: dict[str, int] = {}
        for node in model.graph.node:
            for name in node.input:
                self.readers[name] = self.readers.get(name, 0) + 1
        self.shapes = {value.name: _shape(value) for value in model.graph.value_info}
        self.arrays: dict[str, NDArray[np.float64]] = {}

    def node(self, name: str) -> onnx.NodeProto:
        if name not in self.nodes:
            raise ContractError("equalization", expected=f"a node {name}", got="none", todo="Export again.")
        return self.nodes[name]

    def constant(self, name: str, position: int) -> str:
        """The constant at an input of a node, made the node's own."""
        node = self.node(name)
        tensor = node.input[position]
        if self.readers[tensor] > 1:
            own = f"{name}:{position}"
            copy = self.model.graph.initializer.add()
            copy.CopyFrom(self.stored[tensor])
            copy.name = own
            self.readers[tensor] -= 1
            self.readers[own] = 1
            self.stored[own] = copy
            node.input[position] = own
            tensor = own
        if tensor not in self.arrays:
            self.arrays[tensor] = numpy_helper.to_array(self.stored[tensor]).astype(np.float64)
        return str(tensor)

    def factor(self, name: str) -> str:
        """The constant of an elementwise node, at whichever side it stands."""
        position = next(i for i, tensor in enumerate(self.node(name).input) if tensor in self.stored)
        return self.constant(name, position)

    def factor_of_all_readers(self, value: str, scale: NDArray[np.float64]) -> None:
        """A Mul behind the node that makes `value`; its constant is `<value>/scale`."""
        graph, before, name = self.model.graph, f"{value}/unscaled", f"{value}/scale"
        if self.multiplied_before(name, scale):
            return
        place = next(i for i, node in enumerate(graph.node) if value in node.output)
        graph.node[place].output[list(graph.node[place].output).index(value)] = before
        graph.node.insert(place + 1, helper.make_node("Mul", [before, name], [value], f"{value}/Mul"))
        graph.value_info.append(helper.make_tensor_value_info(before, onnx.TensorProto.FLOAT, self.shapes[value]))
        self.stored[name] = graph.initializer.add()
        self.arrays[name] = scale

    def multiplied_before(self, name: str, scale: NDArray[np.float64]) -> bool:
        """Whether a pass before this one made that constant; it takes `scale`, too."""
        if name not in self.stored:
            return False
        known = self.arrays.get(name, numpy_helper.to_array(self.stored[name]).astype(np.float64))
        self.arrays[name] = known * scale
        return True

    def factor_behind(self, conv: str, scale: NDArray[np.float64]) -> None:
        """A Mul behind a convolution, for all its readers; the convolution's output keeps its name."""
        graph, value = self.model.graph, self.node(conv).output[0]
        behind, name = f"{value}/restored", f"{value}/restore"
        if self.multiplied_before(name, scale):
            return
        for node in graph.node:
            for i, tensor in enumerate(node.input):
                if tensor == value:
                    node.input[i] = behind
        place = next(i for i, node in enumerate(graph.node) if value in node.output)
        graph.node.insert(place + 1, helper.make_node("Mul", [value, name], [behind], f"{value}/restore/Mul"))
        graph.value_info.append(helper.make_tensor_value_info(behind, onnx.TensorProto.FLOAT, self.shapes[value]))
        self.stored[name] = graph.initializer.add()
        self.arrays[name] = scale

    def write(self) -> None:
        for name, array in self.arrays.items():
            self.stored[name].CopyFrom(numpy_helper.from_array(array.astype(np.float32), name))


def _conv_out(graph: _Graph, touch: Touch, affine: Affine) -> None:
    scale, shift = (np.repeat(v, touch.repeat) for v in (affine.scale, affine.shift))
    graph.arrays[graph.constant(touch.node, 1)] *= scale[:, None, None, None]
    if len(graph.node(touch.node).input) > 2:
        bias = graph.constant(touch.node, 2)
        graph.arrays[bias] = graph.arrays[bias] * scale + shift
    else:
        assert not shift.any()


def _conv_in(graph: _Graph, touch: Touch, affine: Affine) -> None:
    part = slice(touch.start, touch.start + len(affine.scale))
    graph.arrays[graph.constant(touch.node, 1)][:, part] /= affine.scale[None, :, None, None]


def _depthwise_in(graph: _Graph, touch: Touch, affine: Affine) -> None:
    graph.arrays[graph.constant(touch.node, 1)] /= np.repeat(affine.scale, touch.repeat)[:, None, None, None]


def _style(graph: _Graph, touch: Touch, affine: Affine) -> None:
    """One factor for all gains and one for all shifts, where they enter; norms read slices of them."""
    for slicing in ("Slice", "Slice_1"):
        node = graph.node(f"{touch.node}/style/{slicing}")
        factor = f"{node.input[0]}/scale"
        if factor not in graph.arrays:
            channels = graph.shapes[node.input[0]][1]
            graph.factor_of_all_readers(node.input[0], np.ones((1, channels, 1, 1)))
        start, stop = (int(numpy_helper.to_array(graph.stored[name])[0]) for name in node.input[1:3])
        graph.arrays[factor][0, start:stop, 0, 0] *= affine.scale


def _norm_in(graph: _Graph, touch: Touch, affine: Affine) -> None:
    name = graph.factor(touch.node)
    epsilon = graph.arrays[name] * np.ones(graph.shapes[graph.node(touch.node).output[0]])  # [1, C, 1, 1]
    epsilon[0, touch.start : touch.start + len(affine.scale), 0, 0] *= affine.scale**2
    graph.arrays[name] = epsilon


def _snake(graph: _Graph, touch: Touch, affine: Affine) -> None:
    graph.arrays[graph.factor(f"{touch.node}/Mul")] /= affine.scale[None, :, None, None]
    graph.arrays[graph.factor(f"{touch.node}/Mul_2")] *= affine.scale[None, :, None, None]


def _constant(graph: _Graph, touch: Touch, affine: Affine) -> None:
    name = graph.factor(touch.node)
    graph.arrays[name] = graph.arrays[name] * affine.scale[None, :, None, None]


def _constant_end(graph: _Graph, touch: Touch, affine: Affine) -> None:
    name = graph.factor(touch.node)
    graph.arrays[name] = graph.arrays[name] / affine.scale[None, :, None, None]


def _new_factor(graph: _Graph, touch: Touch, affine: Affine) -> None:
    """All readers of the value read it times s. It keeps its name, so that ranges find it."""
    graph.factor_of_all_readers(touch.node, affine.scale.reshape(1, -1, 1, 1))


def _taken_back(graph: _Graph, touch: Touch, affine: Affine) -> None:
    graph.factor_behind(touch.node, 1 / affine.scale.reshape(1, -1, 1, 1))


def _shape(value: onnx.ValueInfoProto) -> list[int]:
    return [d.dim_value for d in value.type.tensor_type.shape.dim]


_FOLLOWERS: dict[str, Any] = {
    "conv out": _conv_out,
    "conv in": _conv_in,
    "depthwise in": _depthwise_in,
    "style": _style,
    "norm in": _norm_in,
    "snake": _snake,
    "constant": _constant,
    "constant end": _constant_end,
    "new factor": _new_factor,
    "factor behind": _new_factor,
    "taken back": _taken_back,
}
