"""From a float graph, what calibration saw and a list of groups to the quantized graph: the whole recipe in order.

    choose scales -> rescale -> choose ranges of what is quantized -> DQ-Conv-Q units

Scales and ranges are chosen once, on one bucket's graph, and used for every bucket: the weights are the same, and
statistics do not depend on padding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import onnx

from calibrate.ranges import Method, choose
from calibrate.store import Channels
from quantize.equalize import Affine, changed_values, equalize
from quantize.qdq import Plan, quantize_convolutions
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
) -> Prepared:
    """Chooses scales and ranges.

    Args:
        model: the vocoder's float graph of any bucket.
        seen: calibration's statistics of its values.
        nodes: convolutions to quantize.
        bits: of activations, 8 or 16.
        method: of ranges.
        rescale: whether to equalize first; without, for comparison.
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
    return Prepared(scales, Plan(nodes, ranges, bits, {}))


def quantized_values(model: onnx.ModelProto, nodes: tuple[str, ...]) -> tuple[str, ...]:
    """Inputs and outputs of the convolutions `nodes`."""
    convs = {node.name: node for node in model.graph.node if node.op_type == "Conv"}
    return tuple(dict.fromkeys(v for name in nodes for v in (convs[name].input[0], convs[name].output[0])))


def apply(model: onnx.ModelProto, prepared: Prepared) -> onnx.ModelProto:
    """The quantized graph of one bucket."""
    scaled = equalize(model, vocoder_sites(model), prepared.scales) if prepared.scales else model
    return quantize_convolutions(scaled, prepared.plan)
