"""Inputs of NPU stages as they are in use: a sentence that calibration spoke in float and kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from android_test.coverage.htp.time_crop import CROP_FRAMES
from calibrate.speech import in_bucket, read_samples
from export_onnx.buckets import Bucket
from export_onnx.errors import CoverageError
from export_onnx.geometry import SAMPLES_PER_FRAME
from export_onnx.run.chain import Chain
from export_onnx.run.padding import Tensors


def speech_values(floats: Path, calibrated: Path, bucket: Bucket) -> Tensors:
    """Every tensor that a stage takes, for the first held-out sentence that fits `bucket`, padded to it.

    Args:
        floats: the folder of the float stages: the decoder's output is computed here.
        calibrated: calibration's folder, which holds the sentence.

    Raises:
        CoverageError: the folder of the float stages lacks the checkpoint's config.
        ContractError: calibration kept no speech, or the bucket is shorter than every sentence.
    """
    config = floats / "config.json"
    if not config.is_file():
        raise CoverageError(str(floats), expected="config.json", got="none", todo="Run `python -m export_onnx`.")
    kept = read_samples(calibrated, "held_out")
    fitting = (one for one in kept if one.tokens <= bucket.tokens and one.frames <= bucket.frames)
    sample = in_bucket(next(fitting, kept[0]), json.loads(config.read_text(encoding="utf-8")), bucket)
    return sample.values | Chain(floats, bucket).run("decoder", sample.values)


def loudest(values: Tensors) -> int:
    """The frame at which the loudest `CROP_FRAMES` real frames start: a crop of silence would prove little."""
    samples = np.asarray(values["waveform"], np.float64)  # natural length
    power = np.square(samples).reshape(-1, SAMPLES_PER_FRAME).sum(1)
    windows = np.convolve(power, np.ones(CROP_FRAMES), "valid")
    return int(windows.argmax()) if len(power) >= CROP_FRAMES else 0
