"""The simulation computes on a sentence that calibration kept, and on its loudest part."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from android_test.coverage.htp.time_crop import CROP_FRAMES
from android_test.coverage.speech_inputs import loudest, speech_values
from calibrate.capture import speak_all
from calibrate.corpus import Utterance
from calibrate.speech import Sample, write_sample
from export_onnx.buckets import Bucket
from export_onnx.contracts import NPU_STAGES, sizes, stage
from export_onnx.errors import ContractError, CoverageError
from export_onnx.run.chain import Chain
from tests.conftest import Small


def test_a_kept_sentence_feeds_every_npu_stage(small: Small, tmp_path: Path) -> None:
    said = [Utterance("The cat sat.", "random_a", 1.0, 0)]
    (kept,) = [one for one in speak_all(small.folder, small.bucket, said, sound=True) if isinstance(one, Sample)]
    write_sample(tmp_path, "held_out", 0, kept)
    values = speech_values(small.folder, tmp_path, small.bucket)
    numbers = sizes(small.weights.config, small.bucket)
    for name in NPU_STAGES:
        for port in stage(name).inputs:
            assert values[port.name].shape == port.resolve(numbers), port.name
    again = Chain(small.folder, small.bucket).run("generator", values)
    assert np.isfinite(again["spectrum"]).all()
    write_sample(tmp_path, "held_out", 0, dataclasses.replace(kept, frames=10**6))
    write_sample(tmp_path, "held_out", 1, kept)
    behind = speech_values(small.folder, tmp_path, small.bucket)
    assert all(np.array_equal(behind[name], value) for name, value in values.items()), "the first that fits"
    with pytest.raises(ContractError, match="at most"):
        speech_values(small.folder, tmp_path, dataclasses.replace(small.bucket, seconds=0.2))
    with pytest.raises(ContractError, match="python -m calibrate"):
        speech_values(small.folder, tmp_path / "nothing", small.bucket)
    (tmp_path / "floats").mkdir()
    with pytest.raises(CoverageError, match=r"config\.json"):
        speech_values(tmp_path / "floats", tmp_path, Bucket(2, 48))


def test_the_loudest_part_is_found() -> None:
    quiet = np.full(600 * (CROP_FRAMES + 30), 0.01, np.float32)
    quiet[600 * 20 : 600 * (20 + CROP_FRAMES)] = 0.5
    assert loudest({"waveform": quiet}) == 20
    assert loudest({"waveform": quiet[:600]}) == 0, "a sentence shorter than the crop begins at its begin"
