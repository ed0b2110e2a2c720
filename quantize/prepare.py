"""From a float graph, what calibration saw and a list of groups to the quantized graph: the whole recipe in order.

    choose scales -> rescale -> choose ranges of what is quantized -> round weights -> DQ-Conv-Q units

Scales, ranges and integers are chosen once, on one bucket's graph, and used for every bucket: the weights are the
same, and statistics do not depend on padding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from onnx import numpy_helper

from calibrate.ranges import Method, Range, choose
from calibrate.store import Channels
from export_onnx import console
from quantize.equalize import Affine, Vector, changed_values, equalize
from quantize.moments import Moments
from quantize.qdq import WEIGHT_LIMIT, Plan, Rounded, quantize_convolutions, weight_steps
from quantize.rounding import round_rows
from quantize.scales import choose_scales
from quantize.sites import vocoder_sites

METHOD: Final[Method] = "mse"


@dataclass(frozen=True)
class Prepared:
    """Everything that one vocoder's integers follow from."""

    scales: Mapping[str, Affine]  # by site
    plan: Plan


def prepare(
    model: onnx.ModelProto,
    seen: Mapping[str, Channels],
    nodes: tuple[str, ...],
    bits: int,
    method: Method = METHOD,
    rescale: bool = True,
    moments: Moments | None = None,
) -> Prepared:
    """Chooses scales, ranges and integers.

    Args:
        model: the vocoder's float graph of any bucket.
        seen: calibration's statistics of its values.
        nodes: convolutions to quantize.
        bits: of activations, 8 or 16.
        method: of ranges.
        rescale: whether to equalize first; without, for comparison.
        moments: of what the weights are multiplied with; without them each goes to the nearest integer.
    """
    values = quantized_values(model, nodes)
    wanted = {value: seen[value] for value in values}
    sites = vocoder_sites(model)
    scales = choose_scales(model, sites, wanted, bits) if rescale else {}
    changed = changed_values(sites, scales, {value: len(channels.low) for value, channels in seen.items()})
    ranges = {
        value: choose(channels.histogram(changed[value].scale, changed[value].shift), method, bits)
        for value, channels in wanted.items()
    }
    if moments is None:
        return Prepared(scales, Plan(nodes, ranges, bits))
    scaled = equalize(model, sites, scales)
    follow = {value: changed[value].scale for value in values}
    return Prepared(scales, Plan(nodes, ranges, bits, round_weights(scaled, nodes, ranges, bits, moments, follow)))


def round_weights(
    model: onnx.ModelProto,
    nodes: Sequence[str],
    ranges: Mapping[str, Range],
    bits: int,
    moments: Moments,
    follow: Mapping[str, Vector],
) -> dict[str, Rounded]:
    """The weights of `nodes` in integers whose errors cancel, by initializer.

    Args:
        model: the graph with the weights as they are to be rounded.
        moments: of the inputs as calibration saw them.
        follow: what has become of those inputs' channels since, by value, [C] each.
    """
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    steps = weight_steps(model, nodes, ranges, bits)
    rounded: dict[str, Rounded] = {}
    with console.progress("round weights", len(steps)) as advance:
        for node in model.graph.node:
            name = node.input[1] if node.name in nodes else ""
            if not name or name in rounded or name not in moments:
                continue
            advance(name)
            weight, value = numpy_helper.to_array(weights[name]), node.input[0]
            noise = ((ranges[value].high - ranges[value].low) / (2**bits - 1)) ** 2 / 12
            scale = np.repeat(follow[value], weight.shape[3])
            met = moments[name][0] * np.outer(scale, scale) + np.eye(len(scale)) * noise
            rows = weight.reshape(len(weight), -1).astype(np.float64)
            integers = round_rows(rows, steps[name].astype(np.float64), WEIGHT_LIMIT, met)
            rounded[name] = Rounded(steps[name], integers.reshape(weight.shape))
    return rounded


def quantized_values(model: onnx.ModelProto, nodes: tuple[str, ...]) -> tuple[str, ...]:
    """Inputs and outputs of the convolutions `nodes`."""
    convs = {node.name: node for node in model.graph.node if node.op_type == "Conv"}
    return tuple(dict.fromkeys(v for name in nodes for v in (convs[name].input[0], convs[name].output[0])))


def apply(model: onnx.ModelProto, prepared: Prepared) -> onnx.ModelProto:
    """The quantized graph of one bucket."""
    scaled = equalize(model, vocoder_sites(model), prepared.scales) if prepared.scales else model
    return quantize_convolutions(scaled, prepared.plan)
