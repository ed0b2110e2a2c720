"""Chooses each site's scales: those with the least noise, computed from calibration's statistics and the weights.

Noise at a convolution's output o, relative to that output's standard deviation, with inputs scaled by s:

    activations   step_x**2 * sum_i |w_oi|**2 / s_i**2        step_x from the widest scaled channel
    weights       step_o**2 * k * sum_i s_i**2 * E[x_i**2]    step_o from the largest scaled weight of the channel

1. If a site allows a shift per channel, its channels are centered on zero and made equally wide, and that is all.
2. If values on one side of zero are wider than on the other, a ratio of both sides that serves all channels is chosen
   first, by the activations' noise.
3. Eleven candidates are made. The first is s_i = (largest weight of channel i), which is best for coarse weights; the
   last is s_i = 1 / (range of channel i), which is best for coarse activations; the others are their weighted
   geometric means. All are divided by their own geometric mean.
4. The candidate with the least sum of both noises at all convolutions that read the site is the site's scale.

An example: two channels reach from -8 to 8 and from -0.5 to 0.5, their mean squares are 4 and 0.0156, and one weight of
1 reads each. The first candidate is (1, 1), the last one (0.25, 4). With u8 activations the noise is 0.0081 at (1, 1)
and 0.0044 at (0.25, 4); it is least, 0.0043, at the eighth candidate, (0.38, 2.64). With u16 activations the weights'
noise is nearly all, and (1, 1) is best.

A norm's epsilon follows the square of its scale, and with 16-bit activations norms run in half precision: a site whose
smallest epsilon would vanish there has all its scales lifted by one factor. Channels keep their ratios, so no step gets
coarser against its values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from calibrate.store import Channels
from quantize.sound.equalize import Affine, Vector
from quantize.sound.sites import Site, Touch

COSTLY: Final = ("taken back", "factor behind")  # each adds one node
BLENDS: Final = np.linspace(0, 1, 11)  # 1: only the ranges count, 0: only the weights count
RATIOS: Final = np.geomspace(0.1, 10, 21)  # of the negative side to the positive one
TAIL: Final = 1e-4  # share of a channel's values that may be outside the range that equalization uses
WEIGHT_STEPS: Final = 127
SMALLEST: Final = 1e-6  # of the widest channel: a narrower one, such as a dead channel, counts as that wide
LARGEST_SCALE: Final = 1e4
SMALLEST_EPSILON: Final = 6e-8  # of a norm in half precision, whose smallest number is 2**-24 = 5.96e-8


@dataclass(frozen=True)
class ReadingConv:
    """A convolution that reads a site's channels.

    Attributes:
        power: squared weights, divided by each output's variance, summed over outputs and taps, [C].
        largest: the largest weight per output and input channel, divided by the output's deviation, [O, C].
        taps: the kernel's length.
    """

    power: Vector
    largest: NDArray[np.float64]
    taps: int


def choose_scales(
    model: onnx.ModelProto, sites: Sequence[Site], seen: Mapping[str, Channels], bits: int
) -> dict[str, Affine]:
    """The best scales of each site, by the site's name.

    Args:
        model: the float graph that calibration ran.
        seen: calibration's statistics of the values that will be quantized; a site without such a value gets no scale.
        bits: of activations.
    """
    nodes = {node.name: node for node in model.graph.node}
    weights = {t.name: t for t in model.graph.initializer}
    chosen: dict[str, Affine] = {}
    for whole in sites:
        site = replace(whole, seen=tuple(value for value in whole.seen if value.value in seen))
        if not site.seen or (bits == 16 and any(touch.follow in COSTLY for touch in site.touches)):
            continue  # 16 bits are fine enough for quiet channels beside loud ones without an additional node
        readers = [
            _reader(touch, site, nodes, weights, seen)
            for touch in site.touches
            if touch.follow == "conv in" and nodes[touch.node].output[0] in seen
        ]
        affine = _choose(site, readers, seen, bits)
        chosen[site.name] = lifted(affine, _epsilons(site, nodes, weights)) if bits == 16 else affine
    return chosen


def lifted(affine: Affine, epsilons: Vector) -> Affine:
    """The same with all channels times one factor, the least with which half precision holds every epsilon.

    Args:
        epsilons: the least that each channel's norms add, [C]; infinite where no norm follows.
    """
    least = float((epsilons * affine.scale**2).min())
    factor = float(np.sqrt(max(1.0, SMALLEST_EPSILON / least)))
    return affine if factor == 1 else Affine(affine.scale * factor, affine.shift * factor)


def _epsilons(site: Site, nodes: Mapping[str, onnx.NodeProto], weights: Mapping[str, onnx.TensorProto]) -> Vector:
    least = np.full(site.channels, np.inf)
    for touch in site.touches:
        if touch.follow == "norm in":
            constant = next(weights[name] for name in nodes[touch.node].input if name in weights)
            epsilon = numpy_helper.to_array(constant).astype(np.float64).reshape(-1)
            own = epsilon if epsilon.size == 1 else epsilon[touch.start : touch.start + site.channels]
            least = np.minimum(least, own)
    return least


def _reader(
    touch: Touch,
    site: Site,
    nodes: Mapping[str, onnx.NodeProto],
    weights: Mapping[str, onnx.TensorProto],
    seen: Mapping[str, Channels],
) -> ReadingConv:
    node = nodes[touch.node]
    weight = numpy_helper.to_array(weights[node.input[1]])[:, touch.start : touch.start + site.channels, 0]
    relative = weight / np.maximum(seen[node.output[0]].deviation, 1e-12)[:, None, None]  # [O, C, k]
    return ReadingConv(np.square(relative).sum((0, 2)), np.abs(relative).max(2), weight.shape[2])


def _choose(site: Site, readers: Sequence[ReadingConv], seen: Mapping[str, Channels], bits: int) -> Affine:
    parts = [ends(seen[value.value], value.start, site.channels, value.repeat) for value in site.seen]
    shift = np.zeros(site.channels)
    if site.shifts:
        centre = (parts[0][0] + parts[0][1]) / 2
        parts = [(low - centre, high - centre) for low, high in parts]
        by_range = widest(parts)
        return Affine(by_range, -centre * by_range)
    by_range = widest(parts)
    if not readers or not all(reader.power.any() for reader in readers):
        return Affine(by_range, shift)
    first = site.seen[0]
    moments = _moments(seen[first.value], first.start, site.channels, first.repeat)
    by_range = (
        min(
            (_sided(parts, ratio) for ratio in RATIOS),
            key=lambda s: _activation_noise(s, parts, readers, bits),
        )
        if len(parts) == 1
        else by_range
    )
    by_weight = _limited(np.sqrt(sum(np.square(r.largest).mean(0) for r in readers)))
    candidates = [_limited(by_range**blend * by_weight ** (1 - blend)) for blend in BLENDS]
    best = min(candidates, key=lambda s: _noise(s, parts, readers, moments, bits))
    return Affine(best / np.exp(np.log(best).mean()), shift)


Ends = tuple[Vector, Vector]


def ends(channels: Channels, start: int, count: int, repeat: int) -> Ends:
    """The lowest and highest value of each of the site's channels, without its tails; zero is always inside."""
    low, high = channels.ends(TAIL)
    part = slice(start, start + count * repeat)
    return (
        np.minimum(0, low[part].reshape(count, repeat).min(1)),
        np.maximum(0, high[part].reshape(count, repeat).max(1)),
    )


def _moments(channels: Channels, start: int, count: int, repeat: int) -> Vector:
    part = slice(start, start + count * repeat)
    return (channels.mean**2 + channels.deviation**2)[part].reshape(count, repeat).mean(1)


def widest(parts: Sequence[Ends]) -> Vector:
    """The largest scale per channel that makes no channel wider than its value's widest channel."""
    spans = _spans(parts)
    return _within(spans, np.array([span.max() for span in spans]))


def _spans(parts: Sequence[Ends]) -> list[Vector]:
    return [np.maximum(-low, high) for low, high in parts]


def _within(spans: Sequence[Vector], limits: Vector) -> Vector:
    """The largest scale under which no value leaves its limit."""
    ratios = [limit / np.maximum(span, span.max() * SMALLEST) for span, limit in zip(spans, limits, strict=True)]
    return _limited(np.min(ratios, axis=0))


def _sided(parts: Sequence[Ends], ratio: float) -> Vector:
    low, high = parts[0]
    span = np.maximum(-low / ratio, high)
    return _limited(span.max() / np.maximum(span, span.max() * SMALLEST))


def _limited(scale: Vector) -> Vector:
    centred: Vector = scale / np.exp(np.log(np.maximum(scale, 1e-30)).mean())
    return np.clip(centred, 1 / LARGEST_SCALE, LARGEST_SCALE)


def _activation_noise(scale: Vector, parts: Sequence[Ends], readers: Sequence[ReadingConv], bits: int) -> float:
    span = max(float((high * scale).max() - (low * scale).min()) for low, high in parts)
    step = span / (2**bits - 1)
    return float(sum(step**2 * (reader.power / scale**2).sum() for reader in readers))


def _noise(scale: Vector, parts: Sequence[Ends], readers: Sequence[ReadingConv], moments: Vector, bits: int) -> float:
    total = _activation_noise(scale, parts, readers, bits)
    for reader in readers:
        steps = (reader.largest / scale).max(1) / WEIGHT_STEPS
        total += float((steps**2).sum() * reader.taps * (scale**2 * moments).sum())
    return total
