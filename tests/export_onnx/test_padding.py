"""Padding: what a stage takes at a bucket's length, and what is real of what it gives."""

from __future__ import annotations

import numpy as np
import pytest

from export_onnx.buckets import Bucket
from export_onnx.contracts import stage
from export_onnx.errors import ContractError
from export_onnx.run.padding import id_inputs, noise, resize, text_inputs, waveform

SMALL, LARGE = Bucket(1, 8), Bucket(2, 48)
STYLE = np.arange(256, dtype=np.float32)[None]


def test_text_is_padded_with_zeros_and_its_length_travels_beside_it() -> None:
    values = text_inputs((0, 7, 5, 0), STYLE, 1.2, SMALL)
    np.testing.assert_array_equal(values["ids"], [[0, 7, 5, 0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(values["token_mask"], [[1, 1, 1, 1, 0, 0, 0, 0]])
    assert values["n_tokens"].tolist() == [4]
    np.testing.assert_array_equal(values["timbre_style"][0], STYLE[0, :128])
    np.testing.assert_array_equal(values["prosody_style"][0], STYLE[0, 128:])
    ports = {port.name: port.dtype for name in ("bert", "duration", "style") for port in stage(name).inputs}
    assert {name: str(value.dtype) for name, value in values.items()} == {name: ports[name] for name in values}


def test_more_ids_than_tokens_are_refused() -> None:
    assert id_inputs(range(8), SMALL)["token_mask"].all()
    with pytest.raises(ContractError, match="bucket 1s: expected at most 8 tokens, got 9"):
        id_inputs(range(9), SMALL)


def test_noise_does_not_depend_on_the_bucket_and_its_values_are_fixed() -> None:
    short, long = noise(SMALL, 3), noise(LARGE, 3)
    assert short.shape == (1, 24000)
    np.testing.assert_array_equal(short, long[:, :24000])
    assert not np.array_equal(short, noise(SMALL, 4))
    wanted = np.random.default_rng((3, 1)).standard_normal((1, 24000), np.float32)
    np.testing.assert_array_equal(noise(SMALL, (3, 1)), wanted)


def test_resizing_there_and_back_changes_nothing() -> None:
    array = np.arange(12, dtype=np.int32).reshape(1, 3, 4)
    wide = resize(array, 9)
    assert wide.shape == (1, 3, 9)
    assert not wide[..., 4:].any()
    assert wide.dtype == array.dtype
    np.testing.assert_array_equal(resize(wide, 4), array)


def test_a_waveform_is_cropped_to_its_real_frames() -> None:
    values = {"waveform": np.ones((1, 24000), np.float32), "n_frames": np.array([3], np.int32)}
    assert waveform(values).shape == (1800,)
