"""Rescales the channels of a float graph so that one step per tensor fits them all: exact in float, free at run time.

Before   channels of one tensor that are 10 to 1,000 times apart share one u8 step: the small ones span a few steps
After    every site of `sites.py` has a scale s per channel: the quantized value becomes s * x (plus a shift if a norm
         takes it out again), and the nodes around it undo the scale
Why      8 bits need a range per channel, and no NPU takes one for activations
Price    exact in exact arithmetic; >= 100 dB in float32. Muls on four graph inputs: har, asr, gains and shifts; in
         8 bits one behind each convolution that is added to a residual sum
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray

from export_onnx.errors import ContractError
from export_onnx.graph.graph_ir import (
    add_constant,
    array_of,
    constants_of,
    dims_of,
    input_of,
    name_of,
    new_value,
    nodes_by_name,
    producer_of,
    read_graph,
    size_of,
    write_graph,
)
from quantize.sound.sites import Site, Touch

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Affine:
    """How a value's channels x are changed: scale * x + shift, [C] each."""

    scale: Vector
    shift: Vector


def equalize(model: onnx.ModelProto, sites: Sequence[Site], chosen: Mapping[str, Affine]) -> onnx.ModelProto:
    """A copy of `model` with every chosen site rescaled. Sites without a choice stay as they are."""
    whole = read_graph(model)
    graph = _Rescaled(whole.graph)
    for site in sites:
        if site.name in chosen:
            for touch in site.touches:
                _follow(graph, touch, chosen[site.name])
    graph.write()
    return write_graph(whole)


def changed_values(sites: Sequence[Site], chosen: Mapping[str, Affine], sizes: Mapping[str, int]) -> dict[str, Affine]:
    """How all chosen sites together change each quantized value.

    Args:
        sizes: value -> how many channels it has.
    """
    changed = {value: Affine(np.ones(size), np.zeros(size)) for value, size in sizes.items()}
    for site in sites:
        if site.name in chosen:
            for seen in site.seen:
                part = slice(seen.start, seen.start + site.channels * seen.repeat)
                changed[seen.value].scale[part] *= np.repeat(chosen[site.name].scale, seen.repeat)
                changed[seen.value].shift[part] += np.repeat(chosen[site.name].shift, seen.repeat)
    return changed


def _follow(graph: _Rescaled, touch: Touch, affine: Affine) -> None:
    """Changes one node so that it follows a scale; `sites.Follow` lists the ways."""
    scale, row = affine.scale, affine.scale.reshape(1, -1, 1, 1)
    match touch.follow:
        case "conv out":
            graph.scale_outputs(touch, affine)
        case "conv in":
            graph.array(touch.node, 1)[:, touch.start : touch.start + len(scale)] /= row
        case "depthwise in":
            graph.array(touch.node, 1)[:] /= np.repeat(scale, touch.repeat)[:, None, None, None]
        case "style":
            graph.scale_slice(touch.node, scale)
        case "norm in":
            epsilon = graph.per_channel(touch.node)
            epsilon[0, touch.start : touch.start + len(scale), 0, 0] *= scale**2
        case "constant":
            graph.multiply(touch.node, row)
        case "constant end":
            graph.multiply(touch.node, 1 / row)
        case "new factor" | "factor behind":
            graph.scale_for_all_readers(touch.node, row)
        case "taken back":
            graph.scale_behind(touch.node, 1 / row)
        case _:
            assert_never(touch.follow)


class _Rescaled:
    """A graph whose constants are in float64 while they are changed; `write` rounds each once."""

    def __init__(self, graph: ir.Graph) -> None:
        self.graph = graph
        self.nodes = nodes_by_name(graph)
        self.values = {name_of(value): value for node in graph for value in node.outputs}
        self.arrays: dict[str, NDArray[np.float64]] = {}

    def node(self, name: str) -> ir.Node:
        if name not in self.nodes:
            raise ContractError("equalization", expected=f"a node {name}", got="none", todo="Export again.")
        return self.nodes[name]

    def array(self, name: str, position: int) -> NDArray[np.float64]:
        """The constant at an input of a node; if other nodes read it, the node gets a copy."""
        node = self.node(name)
        constant = input_of(node, position)
        if len(constant.uses()) > 1:
            constant = add_constant(self.graph, f"{name}:{position}", array_of(constant))
            node.replace_input_with(position, constant)
        key = name_of(constant)
        if key not in self.arrays:
            self.arrays[key] = array_of(constant).astype(np.float64)
        return self.arrays[key]

    def multiply(self, name: str, row: NDArray[np.float64]) -> None:
        """Multiplies the constant of an elementwise node by one number per channel, [1, C, 1, 1]."""
        position = next(constants_of(self.node(name)))
        changed = self.array(name, position) * row
        self.arrays[name_of(input_of(self.node(name), position))] = changed

    def per_channel(self, name: str) -> NDArray[np.float64]:
        """The constant of an elementwise node, spread over the node's output."""
        position = next(constants_of(self.node(name)))
        spread = self.array(name, position) * np.ones(dims_of(self.node(name).outputs[0]))
        self.arrays[name_of(input_of(self.node(name), position))] = spread
        return spread

    def scale_outputs(self, touch: Touch, affine: Affine) -> None:
        """Scales a convolution's output channels: its weights times s, its bias times s plus the shift."""
        scale, shift = (np.repeat(vector, touch.repeat) for vector in (affine.scale, affine.shift))
        self.array(touch.node, 1)[:] *= scale[:, None, None, None]
        if len(self.node(touch.node).inputs) > 2:
            bias = self.array(touch.node, 2)
            bias[:] = bias * scale + shift
        else:
            assert not shift.any()

    def scale_slice(self, name: str, scale: Vector) -> None:
        """Scales one norm's slice in the factor of all gains, or of all shifts, at the graph's input."""
        node = self.node(name)
        whole, start, stop = (input_of(node, position) for position in range(3))
        factor = f"{name_of(whole)}/scale"
        if factor not in self.arrays:
            self.scale_for_all_readers(name_of(whole), np.ones((1, size_of(whole, 1), 1, 1)))
        first, last = (int(array_of(edge).reshape(-1)[0]) for edge in (start, stop))
        self.arrays[factor][0, first:last, 0, 0] *= scale

    def scale_for_all_readers(self, name: str, row: NDArray[np.float64]) -> None:
        """Adds a Mul behind the node that makes a value; all readers read the product, which keeps the value's name."""
        if self._was_scaled(f"{name}/scale", row):
            return
        value = self.values[name]
        readers = list(value.uses())
        product = new_value(name, value)
        value.name = f"{name}/unscaled"
        self._insert_factor(value, product, f"{name}/Mul", f"{name}/scale", row)
        for reader, position in readers:
            reader.replace_input_with(position, product)
        self.values[name] = product

    def scale_behind(self, conv: str, row: NDArray[np.float64]) -> None:
        """Adds a Mul behind a convolution for all its readers; the convolution's output keeps its name."""
        value = self.node(conv).outputs[0]
        name = name_of(value)
        if self._was_scaled(f"{name}/restore", row):
            return
        readers = list(value.uses())
        product = new_value(f"{name}/restored", value)
        self._insert_factor(value, product, f"{name}/restore/Mul", f"{name}/restore", row)
        for reader, position in readers:
            reader.replace_input_with(position, product)

    def _was_scaled(self, factor: str, row: NDArray[np.float64]) -> bool:
        """Whether an earlier site or pass made that factor; if so, it is multiplied by the new one."""
        known = self.graph.initializers.get(factor)
        if known is None:
            return False
        before = self.arrays.get(factor)
        self.arrays[factor] = (array_of(known).astype(np.float64) if before is None else before) * row
        return True

    def _insert_factor(
        self, value: ir.Value, product: ir.Value, node: str, factor: str, row: NDArray[np.float64]
    ) -> None:
        constant = add_constant(self.graph, factor, row.astype(np.float32))
        self.arrays[factor] = row
        self.graph.insert_after(producer_of(value), ir.Node("", "Mul", [value, constant], outputs=[product], name=node))

    def write(self) -> None:
        """Writes the changed constants into the graph in float32."""
        for name, array in self.arrays.items():
            value = self.graph.initializers[name]
            value.const_value = ir.tensor(np.ascontiguousarray(array, np.float32), name=name)
            value.shape = ir.Shape(array.shape)
