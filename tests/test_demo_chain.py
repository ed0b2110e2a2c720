"""The whole chain on trained weights, against the original with the same noise."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from export_onnx import reference, text
from export_onnx.chain import Chain, waveform
from export_onnx.contracts import Bucket
from export_onnx.decibels import snr
from export_onnx.geometry import frames_to_samples
from export_onnx.mel import log_mel_distance
from export_onnx.parity import pad_to
from export_onnx.weights import Weights, load_weights, voice_row
from tests.conftest import export_all

BUCKET = Bucket(3, 64)
SENTENCES = ("The lazy dog sleeps all day.", "Is it nine o'clock, or ten?", "Seven small boats came home.")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Weights, Path]:
    weights, folder = load_weights("demo"), tmp_path_factory.mktemp("demo")
    export_all(weights, folder, BUCKET)
    return weights, folder


@pytest.mark.parametrize("sentence", SENTENCES)
def test_whole_chain(demo: tuple[Weights, Path], sentence: str) -> None:
    weights, folder = demo
    encoded = text.encode(text.phonemize(sentence), weights.model.vocab)
    style = voice_row(next(iter(weights.voices.values())), len(encoded.phonemes))
    exact = reference.speak(weights.model, torch.tensor([encoded.ids]), style, 1.0)
    draws = reference.gaussians(weights.model, exact.asr.shape[2], 0)
    noise = pad_to(reference.merged_noise(weights.model, draws), frames_to_samples(BUCKET.frames)).numpy()
    values = Chain(folder, BUCKET).speak(encoded.ids, style.numpy(), noise_values=noise)
    wave = waveform(values)
    assert values["frames_per_token"][0, : len(encoded.ids)].tolist() == exact.frames_per_token[0].tolist()
    assert snr(exact.waveform[0], wave) >= 35
    assert log_mel_distance(exact.waveform, wave) <= 0.1
    assert snr(exact.waveform[0], 1.5 * wave) < 7, "gain must show"
    assert log_mel_distance(exact.waveform, 1.5 * wave) > 2, "gain must show"
