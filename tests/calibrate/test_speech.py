"""Kept speech: a sample goes to another bucket and back, or is refused where it does not fit."""

from __future__ import annotations

import numpy as np
import pytest

from calibrate.corpus import Utterance
from calibrate.speech import Sample, in_bucket
from export_onnx.buckets import Bucket
from export_onnx.errors import ContractError
from tests.selector.selector_fakes import CONFIG

SMALL, LARGE = Bucket(1, 8), Bucket(2, 48)


def test_a_sample_moves_to_a_bucket_that_holds_it_only() -> None:
    values = {
        "ids": np.ones((1, 8), np.int32),
        "asr": np.ones((1, 4, 40), np.float32),
        "n_frames": np.array([40], np.int32),
        "waveform": np.ones(24000, np.float32),
    }
    sample = Sample(Utterance("Hello.", "a", 1.0, 0), values, 40, 8)
    larger = in_bucket(sample, CONFIG, LARGE)
    shapes = {name: value.shape for name, value in larger.values.items()}
    assert shapes == {"ids": (1, 48), "asr": (1, 4, 80), "n_frames": (1,), "waveform": (24000,)}
    assert larger.values["asr"].sum() == sample.values["asr"].sum()
    back = in_bucket(larger, CONFIG, SMALL)
    for name, value in values.items():
        np.testing.assert_array_equal(back.values[name], value)
    with pytest.raises(ContractError, match="expected at most 4 tokens and 40 frames, got 8 tokens and 40 frames"):
        in_bucket(sample, CONFIG, Bucket(1, 4))
