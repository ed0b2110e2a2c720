"""Stages against the original at its natural length: in PyTorch, as ONNX, at several fills, with planted defects."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from export_onnx import contracts, geometry
from export_onnx.buckets import Bucket
from export_onnx.checkpoint.architecture import STYLE_HALF, build_decoder, load_architecture
from export_onnx.checkpoint.voice_packs import voice_row
from export_onnx.errors import ContractError, ParityError
from export_onnx.graph.stages import build_stage
from export_onnx.proof import parity, reference
from export_onnx.proof.decibels import require, snr, snr_polar
from export_onnx.proof.mel import log_mel_distance
from export_onnx.proof.parity import make_sound, pad_to, padded_sound
from export_onnx.run import text
from export_onnx.run.chain import Chain
from export_onnx.run.padding import waveform
from export_onnx.surgery.style import norms_of
from tests.conftest import Small, export_all

FILLS = (0.05, 0.37, 0.555, 0.93, 1.0)
SENTENCES = (
    "Hi.",
    "The lazy dog sleeps.",
    "Is it nine, or ten?",
    "No! Never, never again.",
)


def vocoder(small: Small, values: dict[str, Tensor]) -> Tensor:
    stage = build_stage("vocoder", small.weights.model, small.bucket)
    return stage(*vocoder_inputs(small, values))


def vocoder_inputs(small: Small, values: dict[str, Tensor]) -> list[Tensor]:
    """In the contract's order, gains and shifts from the style stage."""
    gains, shifts = build_stage("style", small.weights.model, small.bucket)(values["timbre_style"])
    values = {**values, "gains": gains, "shifts": shifts}
    return [values[port.name] for port in contracts.stage("vocoder").inputs]


def spoken(small: Small, sentence: str) -> tuple[text.Encoded, Tensor]:
    encoded = text.encode(text.phonemize(sentence), small.weights.model.vocab)
    return encoded, voice_row(small.weights.voices["random_a"], len(encoded.phonemes))


@pytest.mark.parametrize("fill", FILLS)
def test_vocoder_and_tail_in_torch(small: Small, fill: float) -> None:
    frames = max(1, round(small.bucket.frames * fill))
    sound = make_sound(small.weights.model, frames, small.style)
    values = padded_sound(sound, small.bucket)
    spectrum = vocoder(small, values)
    columns, samples = geometry.spectral_columns(frames), geometry.frames_to_samples(frames)
    assert snr(sound.spectrum, spectrum[:, :, :columns]) >= 100
    tail = build_stage("tail", small.weights.model, small.bucket)
    wave = tail(pad_to(sound.spectrum, spectrum.shape[2]), values["n_frames"])
    assert snr(sound.waveform, wave[:, :samples]) >= 100
    assert not wave[:, samples:].any()


@pytest.mark.parametrize("fill", FILLS)
def test_vocoder_and_tail_as_onnx(small: Small, fill: float) -> None:
    frames = max(1, round(small.bucket.frames * fill))
    measured = parity.sound_parity(small.weights.model, small.folder, small.bucket, frames, small.style)
    assert min(measured.values()) >= 80


@pytest.mark.parametrize("defect", ["gain", "mask", "style", "shift"])
def test_a_defect_in_the_vocoder_is_seen(small: Small, defect: str) -> None:
    sound = make_sound(small.weights.model, 37, small.style)
    values = padded_sound(sound, small.bucket)
    columns = geometry.spectral_columns(37)
    if defect == "mask":
        values["frame_mask"] = torch.ones_like(values["frame_mask"])
    if defect == "style":
        values["timbre_style"] = small.style[:, STYLE_HALF:]
    spectrum = vocoder(small, values)[:, :, :columns]
    if defect == "gain":
        spectrum = 1.5 * spectrum
    if defect == "shift":
        spectrum = spectrum.roll(geometry.STAGE1_PER_FRAME, 2)
    with pytest.raises(ParityError, match="at least 80 dB"):
        require(defect, snr(sound.spectrum, spectrum), 80)


def test_the_second_upsampling_needs_its_mask(small: Small) -> None:
    """The mask that is easiest to forget: without it a port was at 53 to 61 dB, which ears do not notice."""
    stage = build_stage("vocoder", small.weights.model, small.bucket)
    sound = make_sound(small.weights.model, 37, small.style)
    values = padded_sound(sound, small.bucket)
    columns = geometry.spectral_columns(37)
    seen: list[Tensor] = []
    second = stage.get_submodule("ups.1")
    second.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0]))
    inputs = vocoder_inputs(small, values)
    stage(*inputs)
    real = 37 * geometry.STAGE0_PER_FRAME
    assert not seen[0][..., real:].any()
    second.register_forward_pre_hook(lambda _m, inputs: (inputs[0] + 0.1 * (seen[0] == 0),))
    spoiled = stage(*inputs)[:, :, :columns]
    assert snr(sound.spectrum, spoiled) < 80


@pytest.mark.parametrize("speed", [1.0, 1.3])
def test_the_reference_is_the_original_bit_by_bit(small: Small, speed: float, monkeypatch: pytest.MonkeyPatch) -> None:
    model = small.weights.model
    encoded, style = spoken(small, SENTENCES[1])
    ids = torch.tensor([encoded.ids])
    ours = reference.speak_original(model, ids, style, speed)
    draws = reference.gaussians(model, ours.asr.shape[2], 0)
    drawn: list[bool] = []

    def randn_like(x: Tensor) -> Tensor:
        """The same draws for the source's harmonics; the second noise is drawn and thrown away."""
        drawn.append(x.shape == draws.shape)
        return draws if drawn[-1] else torch.zeros_like(x)

    monkeypatch.setattr(torch, "randn_like", randn_like)
    audio, frames = model.forward_with_tokens(ids, style, speed)
    assert drawn.count(True) == 1
    assert torch.equal(frames, ours.frames_per_token[0])
    assert torch.equal(audio, ours.waveform[0])
    monkeypatch.undo()
    assert not torch.equal(audio, reference.speak_original(model, ids, style, speed, gaussians_seed=1).waveform[0])


@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("speed", [0.5, 1.0, 1.3, 2.0])
def test_text_stages(small: Small, sentence: str, speed: float) -> None:
    encoded, style = spoken(small, sentence)
    if (
        reference.speak_original(small.weights.model, torch.tensor([encoded.ids]), style, speed).asr.shape[2]
        > small.bucket.frames
    ):
        pytest.skip("does not fit the small bucket at this speed")
    measured = parity.text_parity(small.weights.model, small.folder, small.bucket, encoded.ids, style, speed)
    assert measured["prosody"] >= 70
    assert measured["source"] >= 80


def test_a_swapped_style_half_shows_in_durations(small: Small) -> None:
    encoded, style = spoken(small, SENTENCES[1])
    swapped = torch.cat([style[:, STYLE_HALF:], style[:, :STYLE_HALF]], 1)
    exact = reference.speak_original(small.weights.model, torch.tensor([encoded.ids]), style, 1.0)
    wrong = reference.speak_original(small.weights.model, torch.tensor([encoded.ids]), swapped, 1.0)
    assert (exact.frames_per_token != wrong.frames_per_token).any()


def test_the_source_in_float32_is_what_limits_the_original(small: Small) -> None:
    model, frames = small.weights.model, 70
    f0 = make_sound(model, frames, small.style).inputs["f0"]
    draws = reference.gaussians(model, frames, 0)
    exact = parity.exact_source(model, f0, draws)
    values = {
        "f0": pad_to(f0, 2 * small.bucket.frames).numpy(),
        "noise": pad_to(reference.merged_noise(model, draws), 600 * small.bucket.frames).numpy(),
        "n_frames": np.array([frames], np.int32),
    }
    ours = Chain(small.folder, small.bucket).run("source", values)["har"][:, :, : geometry.spectral_columns(frames)]
    assert snr_polar(exact, ours) >= 80
    assert snr_polar(exact, ours) > snr_polar(exact, reference.source(model, f0, draws))
    late = pad_to(f0, 2 * small.bucket.frames).roll(1, 1).numpy()
    shifted = Chain(small.folder, small.bucket).run("source", {**values, "f0": late})["har"]
    assert snr_polar(exact, shifted[:, :, : geometry.spectral_columns(frames)]) < 20, "half a frame late must show"


@pytest.mark.parametrize("sentence", SENTENCES[1:])
def test_whole_chain_agrees_as_well_as_the_original_with_itself(small: Small, sentence: str) -> None:
    """Random weights make the phase of near-empty bins audible, so the original's own float32 source sets the floor.

    With a trained voice the whole chain has an absolute floor: see test_demo_chain.py.
    """
    encoded, style = spoken(small, sentence)
    model = small.weights.model
    exact = reference.speak_original(model, torch.tensor([encoded.ids]), style, 1.0)
    frames = exact.asr.shape[2]
    draws = reference.gaussians(model, frames, 0)
    noise = pad_to(reference.merged_noise(model, draws), 600 * small.bucket.frames).numpy()
    wave = waveform(Chain(small.folder, small.bucket).speak(encoded.ids, style.numpy(), noise_values=noise))
    har = parity.exact_source(model, exact.f0, draws).float()
    timbre = style[:, :STYLE_HALF]
    itself = reference.decode(model, exact.asr, exact.f0, exact.energy, har, timbre)[2]
    assert snr(exact.waveform[0], wave) >= snr(exact.waveform, itself) - 6
    assert log_mel_distance(exact.waveform, wave) <= log_mel_distance(exact.waveform, itself) + 0.3
    assert log_mel_distance(exact.waveform, 1.5 * wave) > 3, "gain must show"


def test_the_merged_file_is_the_chain(small: Small) -> None:
    encoded, style = spoken(small, SENTENCES[0])
    chain = Chain(small.folder, small.bucket)
    values = chain.speak(encoded.ids, style.numpy(), seed=5)
    merged = chain.run("kokoro", values)
    assert snr(values["waveform"], merged["waveform"]) >= 100
    assert merged["n_frames"] == values["n_frames"]


def test_the_same_sentence_in_every_bucket(small: Small, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, buckets = tmp_path_factory.mktemp("buckets"), (Bucket(3, 64), Bucket(4, 96))
    export_all(small.weights, folder, *buckets)
    encoded, style = spoken(small, SENTENCES[1])
    first = waveform(Chain(small.folder, small.bucket).speak(encoded.ids, style.numpy()))
    assert np.abs(first).max() > 0
    for bucket in buckets:
        assert snr(first, waveform(Chain(folder, bucket).speak(encoded.ids, style.numpy()))) >= 60


def test_what_does_not_fit_is_refused(small: Small) -> None:
    encoded, style = spoken(small, "This one is much too long for two seconds of sound, at any speed.")
    with pytest.raises(ContractError, match="tokens"):
        Chain(small.folder, small.bucket).speak(encoded.ids, style.numpy())
    encoded, style = spoken(small, "A sentence at half of its speed.")
    with pytest.raises(ContractError, match="frames"):
        Chain(small.folder, small.bucket).speak(encoded.ids, style.numpy(), speed=0.25)


@pytest.mark.parametrize("name", ["kokoro-82m", "small"])
def test_the_contract_counts_the_channels_of_the_norms(name: str) -> None:
    config = load_architecture(name)
    counted = sum(norm.norm.num_features for norm in norms_of(build_decoder(config)))
    assert contracts.norm_channels(config) == counted
