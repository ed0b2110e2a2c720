"""Second moments E[x x'] of each layer's inputs over the calibration sentences: GPTQ's Hessian (see `gptq.py`).

1. `uses` lists every node that multiplies a value with a weight. A row of a convolution's weight is multiplied with a
   window of the input, [C * k]; a row of an LSTM's weights with one step of its input or of its own output, [C].
2. The float graph runs on each calibration sentence and keeps these values. Padding is cut off.
3. If a sentence has more than `WINDOWS` windows for one weight, `WINDOWS` of them are drawn at random, because more of
   one sentence add little to the mean.
4. The products x x' are added up per weight and divided by their number.

An example: a convolution reads two channels with a kernel of three, so x has 2 * 3 = 6 elements, ordered by channel and
then by tap, and E[x x'] is [6, 6]. 16 sentences give at most 16 * 512 = 8,192 such windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from calibrate.capture import OPENED, real_steps
from calibrate.speech import Sample
from export_onnx import console
from export_onnx.buckets import Bucket
from export_onnx.graph.open_values import with_outputs
from export_onnx.graph.shared_weights import load
from export_onnx.run.sessions import cpu_session, run_session

Moments = Mapping[str, tuple[NDArray[np.float32], ...]]  # weight -> E[x x'] per equal part of its rows

WINDOWS: Final = 512  # per sentence and weight


@dataclass(frozen=True)
class Use:
    """One node that multiplies a value with a weight.

    Attributes:
        value: the value's name; a convolution's is channels by steps, an LSTM's has its steps first.
        part: which equal part of the weight's rows; None if all rows are multiplied with the value.
        window: kernel, dilation and stride of a convolution; None for an LSTM.
    """

    weight: str
    value: str
    part: int | None
    window: tuple[int, int, int] | None


def uses(model: onnx.ModelProto) -> tuple[Use, ...]:
    """The uses of each dense convolution's weight and each LSTM's two weights; no embeddings, no style layers."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    found: list[Use] = []
    for node in model.graph.node:
        settings = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Conv" and settings.get("group", 1) == 1 and node.input[1] in shapes:
            window = (shapes[node.input[1]][-1], settings.get("dilations", [1])[-1], settings.get("strides", [1])[-1])
            found.append(Use(node.input[1], node.input[0], None, window))
        if node.op_type == "LSTM":
            found.append(Use(node.input[1], node.input[0], None, None))
            found += [Use(node.input[2], node.output[0], direction, None) for direction in (0, 1)]
    return tuple(found)


def second_moments(folder: Path, stage: str, bucket: Bucket, samples: Sequence[Sample]) -> Moments:
    """Runs a stage's float graph on each sample and averages x x' per weight.

    Args:
        folder: the export step's folder.
        samples: of calibration's part, with the inputs of `stage`.
    """
    model = load(folder / f"{stage}_{bucket.name}.onnx")
    read = uses(model)
    sums: dict[tuple[str, int], NDArray[np.float32]] = {}
    counts: dict[tuple[str, int], int] = {}
    rng = np.random.default_rng(0)
    with console.progress(f"second moments of {stage}", len(samples)) as advance:
        for sample, values in zip(samples, _values(model, read, samples), strict=True):
            advance(sample.utterance.voice)
            for use in read:
                met = _met(use, values[use.value], stage, bucket, sample, rng)
                key = (use.weight, use.part or 0)
                counts[key] = counts.get(key, 0) + met.shape[1]
                sums[key] = sums.get(key, np.zeros((), np.float32)) + met @ met.T
    names = dict.fromkeys(use.weight for use in read)
    return {
        name: tuple(
            sums[key] / np.float32(max(counts[key], 1)) for key in sorted(key for key in sums if key[0] == name)
        )
        for name in names
    }


def _values(
    model: onnx.ModelProto, read: Sequence[Use], samples: Sequence[Sample]
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """The values that `read` names, one sample after another."""
    inputs = {value.name for value in model.graph.input}
    names = list(dict.fromkeys(use.value for use in read))
    inside = [name for name in names if name not in inputs]
    session = cpu_session(with_outputs(model, inside), OPENED)
    for sample in samples:
        values = sample.values | run_session(session, sample.values, inside)
        yield {name: np.asarray(values[name], np.float32) for name in names}


def _met(
    use: Use, array: NDArray[np.float32], stage: str, bucket: Bucket, sample: Sample, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The vectors that the weight's rows are multiplied with, one per column: [C, N]."""
    if use.window is None:  # [T, 1, C] goes in, [T, 2, 1, H] comes out
        steps = array if use.part is None else array[:, use.part]
        return real_steps(np.moveaxis(steps, 0, -1), stage, bucket, sample)
    kernel, dilation, stride = use.window
    real = real_steps(array, stage, bucket, sample)
    starts = np.arange(0, real.shape[1] - (kernel - 1) * dilation, stride)
    if len(starts) > WINDOWS:
        starts = rng.choice(starts, WINDOWS, replace=False)
    windows = np.stack([real[:, starts + tap * dilation] for tap in range(kernel)], 1)  # [C, k, N]
    return windows.reshape(-1, len(starts))
