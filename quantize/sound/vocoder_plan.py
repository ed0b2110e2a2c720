"""The plan that quantizes the vocoder: frozen, made once on one bucket's graph, applied to every bucket's.

    make_plan      1. find the sites            where channels may be rescaled (`sites.py`)
                   2. choose the scales         one per channel and site (`choose_scales.py`)
                   3. choose the ranges         one per quantized value (`calibrate/ranges.py`)
                   4. round the weights         with GPTQ, where second moments are given (`gptq.py`)
    apply          rescale -> split off float channels -> DQ-Conv-Q units (`equalize.py`, `split_channels.py`, `qdq.py`)

One plan serves every bucket: the weights are the same, and calibration's statistics do not depend on padding. For a
graph of free lengths, `transfer_plan.py` gives the plan that graph's names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from onnx import numpy_helper

from calibrate.ranges import Method, Range, choose_range
from calibrate.store import Channels
from export_onnx import console
from quantize.qdq import WEIGHT_LIMIT, QdqPlan, Rounded, quantize_convolutions, weight_steps
from quantize.sound.choose_scales import choose_scales
from quantize.sound.clipping import weight_of_clipping
from quantize.sound.equalize import Affine, Vector, changed_values, equalize
from quantize.sound.sites import Site, vocoder_sites
from quantize.sound.split_channels import FloatChannels, split_channels
from quantize.weights.gptq import round_rows
from quantize.weights.second_moments import Moments

METHOD: Final[Method] = "mse"


@dataclass(frozen=True)
class VocoderPlan:
    """Every choice that determines one vocoder's integers.

    Attributes:
        sites: all places where channels may be rescaled.
        scales: the chosen scales, by the site's name.
        floats: output channels of quantized convolutions that stay in float.
        qdq: the quantized convolutions, the ranges of their inputs and outputs, and their rounded weights.
    """

    sites: tuple[Site, ...]
    scales: Mapping[str, Affine]
    floats: FloatChannels
    qdq: QdqPlan

    def rescaled(self, model: onnx.ModelProto) -> onnx.ModelProto:
        """The float graph of one bucket with its channels rescaled."""
        return equalize(model, self.sites, self.scales)

    def changed(self, sizes: Mapping[str, int]) -> dict[str, Affine]:
        """How rescaling changes each quantized value; `sizes` has the values' numbers of channels."""
        return changed_values(self.sites, self.scales, sizes)


def make_plan(
    model: onnx.ModelProto,
    seen: Mapping[str, Channels],
    nodes: tuple[str, ...],
    bits: int,
    method: Method = METHOD,
    rescale: bool = True,
    moments: Moments | None = None,
    floats: FloatChannels | None = None,
) -> VocoderPlan:
    """Chooses scales, ranges and integers.

    Args:
        model: the vocoder's float graph of any bucket.
        seen: calibration's statistics of its values.
        nodes: convolutions to quantize.
        bits: of activations, 8 or 16.
        method: by which ranges are chosen.
        rescale: whether to rescale channels first; False is for comparison.
        moments: second moments of the weights' inputs; without them each weight is rounded to the nearest integer.
        floats: output channels of quantized convolutions that stay in float.
    """
    conv_of, apart = quantized_values(model, nodes), {k: v for k, v in (floats or {}).items() if k in nodes}
    wanted = {value: seen[value] for value in conv_of}
    sites = vocoder_sites(model)
    scales = choose_scales(model, sites, wanted, bits) if rescale else {}
    changed = changed_values(sites, scales, {value: len(channels.low) for value, channels in seen.items()})
    empty = {node.output[0]: apart[node.name] for node in model.graph.node if node.name in apart}
    ranges = {}
    for value, channels in wanted.items():
        scale = changed[value].scale.copy()
        shift = changed[value].shift.copy()
        for channel in empty.get(value, ()):  # always zero in the quantized part
            scale[channel] = shift[channel] = 0
        ranges[value] = choose_range(channels.histogram(scale, shift), method, bits, weight_of_clipping(conv_of[value]))
    plan = VocoderPlan(sites, scales, apart, QdqPlan(nodes, ranges, bits))
    if moments is None:
        return plan
    scaled = split_channels(plan.rescaled(model), apart)
    follow = {value: changed[value].scale for value in conv_of}
    rounded = round_weights(scaled, nodes, ranges, bits, moments, follow)
    return VocoderPlan(sites, scales, apart, QdqPlan(nodes, ranges, bits, rounded))


def apply(plan: VocoderPlan, model: onnx.ModelProto) -> onnx.ModelProto:
    """The quantized graph of one bucket.

    Args:
        model: the vocoder's float graph; it is not changed.

    Raises:
        ContractError: the graph lacks a node or a value of the plan.
    """
    return quantize_convolutions(split_channels(plan.rescaled(model), plan.floats), plan.qdq)


def round_weights(
    model: onnx.ModelProto,
    nodes: Sequence[str],
    ranges: Mapping[str, Range],
    bits: int,
    moments: Moments,
    follow: Mapping[str, Vector],
) -> dict[str, Rounded]:
    """The weights of `nodes` in integers, rounded with GPTQ, by initializer.

    Args:
        model: the graph with the weights as they are to be rounded.
        moments: of the inputs as calibration saw them.
        follow: the scales by which those inputs' channels were multiplied since, by value, [C] each.
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


def quantized_values(model: onnx.ModelProto, nodes: Sequence[str]) -> dict[str, str]:
    """Inputs and outputs of the convolutions `nodes`, each with the first of them that reads or writes it."""
    convs = {node.name: node for node in model.graph.node if node.op_type == "Conv"}
    result: dict[str, str] = {}
    for name in nodes:
        for value in (convs[name].input[0], convs[name].output[0]):
            result.setdefault(value, name)
    return result
