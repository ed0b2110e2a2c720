"""The worked example of `docs/how_quantization_works.md`: one made-up site, with the numbers that the real code gives.

Four channels come out of a norm, pass a Snake and enter a convolution. The style makes them 80 times apart; it is a
constant here, without shifts. The convolution's weights are as much larger as its inputs are smaller, so each channel
matters as much as any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from calibrate.ranges import Range, choose_range
from calibrate.statistics import ChannelStatistics
from calibrate.store import Channels
from export_onnx.marked_blocks import DOCS, MarkedBlock, markdown_rows
from export_onnx.proof.decibels import snr
from quantize.qdq import WEIGHT_LIMIT, weight_steps
from quantize.sound.choose_scales import choose_scales
from quantize.sound.equalize import equalize
from quantize.sound.sites import Seen, Site, Touch
from quantize.weights.gptq import round_rows

Array = NDArray[np.float64]

EXAMPLE: Final = MarkedBlock("example", DOCS / "how_quantization_works.md")
GAINS: Final = np.array([8.0, 2.0, 0.5, 0.1])  # of the style, per channel
ALPHAS: Final = np.array([0.5, 1.0, 2.0, 4.0])  # of the Snake, per channel
STEPS: Final = 512  # of time
OUTPUTS, TAPS, SMOOTH = 4, 3, 6
CONV, VALUE, OUTPUT = "/conv/Conv", "snake_out", "conv_out"
SITE: Final = Site(
    f"in {CONV}",
    len(GAINS),
    (
        Touch("constant", "/norm/Mul"),
        Touch("constant end", "/snake/Mul"),
        Touch("constant", "/snake/Mul_2"),
        Touch("conv in", CONV),
    ),
    (Seen(VALUE),),
)


@dataclass(frozen=True)
class SiteExample:
    """The site before and after rescaling, with calibration's statistics.

    Attributes:
        model: norm's style -> Snake -> convolution, float.
        scaled: the same function, rescaled.
        normed: the norm's output, [C, STEPS].
        snaked: the convolution's input in `model`, [C, STEPS].
        seen: statistics of the convolution's input and output in `model`.
        scale: of each channel, [C].
    """

    model: onnx.ModelProto
    scaled: onnx.ModelProto
    normed: Array
    snaked: Array
    seen: dict[str, Channels]
    scale: Array


@cache
def site_example(bits: int = 8) -> SiteExample:
    """The example with the scales that `choose_scales` gives for activations of so many bits."""
    random = np.random.default_rng(82)
    noise = random.standard_normal((len(GAINS), STEPS + SMOOTH - 1))
    normed = sliding_window_view(noise, SMOOTH, axis=1).mean(2)
    normed = (normed - normed.mean(1, keepdims=True)) / normed.std(1, keepdims=True)
    styled = GAINS[:, None] * normed
    snaked = styled + np.sin(ALPHAS[:, None] * styled) ** 2 / ALPHAS[:, None]
    weight = random.standard_normal((OUTPUTS, len(GAINS), 1, TAPS)) / GAINS[None, :, None, None]
    model = _model(weight.astype(np.float32))
    seen = {VALUE: _statistics(snaked), OUTPUT: _statistics(_convolved(snaked, weight))}
    scales = choose_scales(model, [SITE], seen, bits)
    scaled = equalize(model, [SITE], scales)
    return SiteExample(model, scaled, normed, snaked, seen, scales[SITE.name].scale)


def _model(weight: NDArray[np.float32]) -> onnx.ModelProto:
    """Builds the graph; nodes are named for their modules, as in exported graphs."""
    per_channel = {"gain": GAINS, "frequency": ALPHAS, "amplitude": 1 / ALPHAS}
    constants = {name: row.astype(np.float32).reshape(1, -1, 1, 1) for name, row in per_channel.items()}
    nodes = [
        helper.make_node("Mul", ["normed", "gain"], ["styled"], "/norm/Mul"),
        helper.make_node("Mul", ["styled", "frequency"], ["angle"], "/snake/Mul"),
        helper.make_node("Sin", ["angle"], ["sine"], "/snake/Sin"),
        helper.make_node("Mul", ["sine", "sine"], ["square"], "/snake/Mul_1"),
        helper.make_node("Mul", ["square", "amplitude"], ["ripple"], "/snake/Mul_2"),
        helper.make_node("Add", ["styled", "ripple"], [VALUE], "/snake/Add"),
        helper.make_node("Conv", [VALUE, "weight"], [OUTPUT], CONV, kernel_shape=[1, TAPS]),
    ]
    graph = helper.make_graph(
        nodes,
        "site",
        [helper.make_tensor_value_info("normed", TensorProto.FLOAT, [1, len(GAINS), 1, STEPS])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [1, OUTPUTS, 1, STEPS - TAPS + 1])],
        [numpy_helper.from_array(array, name) for name, array in (*constants.items(), ("weight", weight))],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def _statistics(values: Array) -> Channels:
    """Calibration's statistics of [C, L] values."""
    seen = ChannelStatistics(len(values))
    seen.add(values.astype(np.float32))
    mean = seen.total / seen.steps
    deviation = np.sqrt(seen.squares / seen.steps - mean**2)
    return Channels(seen.low, seen.high, mean, deviation, seen.exponent, seen.counts)


def _patches(values: Array) -> Array:
    """The input windows, one per output step, [C * TAPS, L]."""
    windows = sliding_window_view(values, TAPS, axis=1)
    return windows.transpose(0, 2, 1).reshape(-1, windows.shape[1])


def _convolved(values: Array, weight: Array) -> Array:
    return weight.reshape(len(weight), -1) @ _patches(values)


def _weight_of(model: onnx.ModelProto) -> tuple[str, Array]:
    """The convolution's weight by name, [O, C, 1, TAPS]."""
    name = next(node.input[1] for node in model.graph.node if node.name == CONV)
    return name, next(numpy_helper.to_array(t) for t in model.graph.initializer if t.name == name).astype(np.float64)


def chosen_range(example: SiteExample, scale: Array, bits: int) -> Range:
    """The range of the convolution's input, with its channels scaled."""
    return choose_range(example.seen[VALUE].histogram(scale), "mse", bits)


def output_snr(bits: int, rescale: bool, gptq: bool) -> float:
    """SNR in dB of the convolution's output with its input and its weights in integers, the output in float."""
    example = site_example(bits)
    scale = example.scale if rescale else np.ones(len(GAINS))
    model = example.scaled if rescale else example.model
    scaled, bounds = example.snaked * scale[:, None], chosen_range(example, scale, bits)
    step = (bounds.high - bounds.low) / (2**bits - 1)
    zero = round(-bounds.low / step)
    integers = np.clip(np.round(scaled / step) + zero, 0, 2**bits - 1)
    name, weight = _weight_of(model)
    written = example.seen[OUTPUT]
    ranges = {VALUE: bounds, OUTPUT: Range(float(written.low.min()), float(written.high.max()))}
    steps = weight_steps(model, [CONV], ranges, bits)[name].astype(np.float64)
    patches = _patches(scaled)
    moments = patches @ patches.T / patches.shape[1] + np.eye(len(patches)) * step**2 / 12 if gptq else None
    rows = round_rows(weight.reshape(OUTPUTS, -1), steps, WEIGHT_LIMIT, moments) * steps[:, None]
    return snr(_convolved(scaled, weight), _convolved((integers - zero) * step, rows.reshape(weight.shape)))


def example_tables() -> str:
    """Markdown: the channels before and after rescaling, then the gain of each part of the recipe at the output."""
    example = site_example()
    scales = (np.ones(len(GAINS)), example.scale)
    bounds = [chosen_range(example, scale, 8) for scale in scales]
    steps = [(chosen.high - chosen.low) / 255 for chosen in bounds]
    before, after = (f"{b.low:.2f} … {b.high:.2f} (a step of {s:.4f})" for b, s in zip(bounds, steps, strict=True))
    whole = f"The tensor's range is {before} before rescaling and {after} after it."
    return "\n\n".join((_channels_table(example, steps), whole, _worth_table()))


def _channels_table(example: SiteExample, steps: list[float]) -> str:
    """One row per channel, with the tensor's step before and after."""
    head = ("channel", "range of y", "steps it spans", "scale s", "range of s · y", "steps it spans", "a step, in y")
    rows: list[tuple[str, ...]] = [head, ("---",) * len(head)]
    for i, scale in enumerate(example.scale):
        low, high = example.seen[VALUE].low[i], example.seen[VALUE].high[i]
        ranges = [f"{low * s:.2f} … {high * s:.2f}" for s in (1.0, scale)]
        spans = [f"{(high - low) * s / step:.0f}" for s, step in zip((1.0, scale), steps, strict=True)]
        rows.append((str(i), ranges[0], spans[0], f"{scale:.2f}", ranges[1], spans[1], f"{steps[1] / scale:.4f}"))
    return markdown_rows(rows)


def _worth_table() -> str:
    """One row per recipe, each with one more part than the row above it."""
    rows = [("activations", "scales", "weights", "SNR of the output"), ("---",) * 4]
    for bits, rescale, gptq in ((8, False, False), (8, True, False), (16, True, False), (16, True, True)):
        words = (f"u{bits}", "chosen" if rescale else "none", "GPTQ" if gptq else "to the nearest")
        rows.append((*words, f"{output_snr(bits, rescale, gptq):.1f} dB"))
    return markdown_rows(rows)
