"""Inputs of NPU stages as they are in use: one sentence through the float stages, on the CPU."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from android_test.coverage.htp.time_crop import CROP_FRAMES
from export_onnx.contracts import Bucket
from export_onnx.errors import CoverageError
from export_onnx.geometry import frames_to_samples
from export_onnx.run.chain import Chain
from export_onnx.run.padding import Tensors
from export_onnx.run.text import PAD
from selector.package.golden import PHONEMES


def speech_values(folder: Path, bucket: Bucket) -> Tensors:
    """Every stage's inputs and outputs for one sentence in `bucket`; `folder` has the float stages.

    Raises:
        CoverageError: the folder lacks the checkpoint's vocabulary or voices.
    """
    config, voices = folder / "config.json", sorted((folder / "voices").glob("*.npy"))
    if not config.is_file() or not voices:
        raise CoverageError(
            str(folder), expected="config.json and voices/*.npy", got="nothing", todo="Run `python -m export_onnx`."
        )
    vocabulary = json.loads(config.read_text(encoding="utf-8"))["vocab"]
    ids = (PAD, *(vocabulary[symbol] for symbol in PHONEMES if symbol in vocabulary), PAD)
    style: NDArray[np.float32] = np.load(voices[0])[len(ids) - 3][None]
    return Chain(folder, bucket).speak(ids, style)


def loudest(values: Tensors) -> int:
    """The frame at which the loudest `CROP_FRAMES` real frames start: a crop of silence would prove little."""
    frames = int(values["n_frames"][0])
    samples = np.asarray(values["waveform"], np.float64)[0, : frames_to_samples(frames)].reshape(frames, -1)
    power = np.convolve((samples**2).sum(1), np.ones(CROP_FRAMES), "valid")
    return int(power.argmax()) if len(power) else 0
