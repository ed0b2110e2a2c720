"""Finds the sites of AdaIN in a graph by structure: a norm over time with a style, and the activation behind it.

Rules 1 and 2 of `fuse_adain.py`. A node's name plays no part, and shapes may be symbolic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import onnx_ir as ir

from export_onnx.graph.graph_ir import array_of, input_of


@dataclass(frozen=True)
class AdainNorm:
    """A norm: its value, its mask or None, and what it is made with."""

    value: ir.Value
    mask: ir.Value | None
    gain: ir.Value
    shift: ir.Value
    epsilon: ir.Value
    result: ir.Value


@dataclass(frozen=True)
class AdainActivation:
    """An activation's result, and its inputs or attribute."""

    result: ir.Value
    inputs: dict[str, ir.Value]
    slope: float | None


def next_site(root: ir.Node, done: list[ir.Value]) -> tuple[AdainNorm, AdainActivation] | None:
    """The first site behind a deviation that is not done yet.

    Fusing one replaces the value that the others read, so that they are searched again.
    """
    for norm in _norms(root):
        activation = _activation(norm.result)
        if activation is not None and not any(norm.result is result for result in done):
            return norm, activation
    return None


def made_by(value: ir.Value | None, kind: str) -> ir.Node | None:
    """The node that makes the value, if it is of this kind."""
    node = None if value is None else value.producer()
    return node if node is not None and node.op_type == kind and node.domain == "" else None


def readers_of(value: ir.Value, kind: str) -> list[ir.Node]:
    """The nodes of one kind that read the value, each once."""
    return [node for node in dict.fromkeys(value.consumers()) if node.op_type == kind]


def other_input(node: ir.Node, value: ir.Value | None) -> ir.Value | None:
    """The second factor or term beside `value`."""
    first, second = node.inputs
    return second if first is value else first if second is value else None


def per_channel(value: ir.Value) -> bool:
    """Whether it is [1, C, 1, 1], or one number."""
    if value.shape is None:
        return False
    dims = list(value.shape)
    return not dims or (len(dims) == 4 and all(dims[axis] == 1 for axis in (0, 2, 3)))


def _mean_over_time(value: ir.Value | None, mask: ir.Value | None) -> ir.Value | None:
    """x, where the value is mean(x * mask) / mean(mask), or mean(x) without a mask."""
    if mask is not None:
        part = made_by(value, "Div")
        if part is None or _plain_mean(part.inputs[1]) is not mask:
            return None
        product = made_by(_plain_mean(part.inputs[0]), "Mul")
        return None if product is None else other_input(product, mask)
    return _plain_mean(value)


def _plain_mean(value: ir.Value | None) -> ir.Value | None:
    mean = made_by(value, "ReduceMean")
    if mean is None:
        return None
    if "axes" in mean.attributes:
        axes = list(mean.attributes["axes"].as_ints())
    else:
        given = mean.inputs[1] if len(mean.inputs) > 1 else None
        if given is None or given.const_value is None:
            return None
        axes = [int(axis) for axis in array_of(given)]
    return mean.inputs[0] if axes in ([3], [-1]) else None


def _norms(root: ir.Node) -> Iterator[AdainNorm]:
    """The norms that divide by one deviation; several styles may share it."""
    safe = made_by(root.inputs[0], "Add")
    if safe is None:
        return
    for variance, epsilon in (safe.inputs, reversed(safe.inputs)):
        found = _centered(variance)
        if found is None or epsilon is None or not per_channel(epsilon):
            continue
        centered, value, mask = found
        for division in readers_of(root.outputs[0], "Div"):
            gain = division.inputs[0]
            for product in readers_of(division.outputs[0], "Mul"):
                if gain is None or other_input(product, division.outputs[0]) is not centered:
                    continue
                for sum_ in readers_of(product.outputs[0], "Add"):
                    shift = other_input(sum_, product.outputs[0])
                    result = _masked(sum_.outputs[0], mask)
                    if shift is not None and result is not None and per_channel(shift) and per_channel(gain):
                        yield AdainNorm(value, mask, gain, shift, epsilon, result)
        return


def _centered(variance: ir.Value | None) -> tuple[ir.Value, ir.Value, ir.Value | None] | None:
    """The value minus its mean, the value, and the mask, where a value's variance over time is given."""
    division = made_by(variance, "Div")
    mask = None if division is None else _plain_mean(division.inputs[1])
    mean = variance if division is None else division.inputs[0]
    square = made_by(_plain_mean(mean), "Mul")
    if square is None or square.inputs[0] is not square.inputs[1]:
        return None
    centered = input_of(square)
    difference = made_by(centered, "Sub")
    if mask is not None:
        product = made_by(centered, "Mul")
        difference = None if product is None else made_by(other_input(product, mask), "Sub")
    if difference is None:
        return None
    value = input_of(difference)
    return (centered, value, mask) if _mean_over_time(difference.inputs[1], mask) is value else None


def _masked(value: ir.Value, mask: ir.Value | None) -> ir.Value | None:
    """The value times the mask, where there is one; None if something else reads it unmasked."""
    if mask is None:
        return value
    products = [node for node in readers_of(value, "Mul") if other_input(node, value) is mask]
    return products[0].outputs[0] if len(products) == 1 and len(list(value.consumers())) == 1 else None


def _activation(value: ir.Value) -> AdainActivation | None:
    readers = list(dict.fromkeys(value.consumers()))
    if value.is_graph_output():
        return None
    if len(readers) == 1 and readers[0].op_type == "LeakyRelu":
        slope = readers[0].attributes["alpha"].as_float() if "alpha" in readers[0].attributes else 0.01
        return AdainActivation(readers[0].outputs[0], {}, slope)
    if sorted(node.op_type for node in readers) != ["Add", "Mul"]:
        return None
    for angle in readers_of(value, "Mul"):
        frequency = other_input(angle, value)
        for sine in readers_of(angle.outputs[0], "Sin"):
            for power in readers_of(sine.outputs[0], "Mul"):
                for wave in readers_of(power.outputs[0], "Mul"):
                    amplitude = other_input(wave, power.outputs[0])
                    for end in readers_of(wave.outputs[0], "Add"):
                        factors = (frequency, amplitude)
                        whole = power.inputs[0] is power.inputs[1] and other_input(end, wave.outputs[0]) is value
                        if whole and frequency and amplitude and all(f and per_channel(f) for f in factors):
                            return AdainActivation(
                                end.outputs[0], {"frequency": frequency, "amplitude": amplitude}, None
                            )
    return None
