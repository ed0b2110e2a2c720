"""Each exported stage against the original at its natural length, in dB, with floors.

Each floor stands 10 dB below the least that `python -m export_onnx` measured in any bucket, that of free lengths
included (except for random-small), rounded down to 5 dB: another processor or version adds float32 numbers in another
order. The least values, in dB, with the float model and ONNX Runtime on an x86-64 CPU; Kokoro-82M is `kokoro-82m-int8`,
so its weights are the published 8-bit ones:

    stage     Kokoro-82M    demo  random-small  floor
    bert           102.0   132.2         133.1     90
    duration       124.5   132.5         127.4    110
    prosody        128.4   134.2         117.8    105
    source         115.9   107.7         133.9     95
    style          135.9   136.6         133.8    120
    decoder        127.6   122.6         130.4    110
    generator      119.3   130.0         120.6    105
    tail           118.7   131.2         134.4    105

The whole chain has no floor here: it is limited by the source, because the original with its source in float64 agrees
with itself in float32 at 41 dB only.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import torch
from kokoro.model import KModel
from numpy.typing import NDArray
from torch import Tensor

from export_onnx import console, geometry
from export_onnx.buckets import Bucket
from export_onnx.checkpoint.architecture import STYLE_HALF
from export_onnx.contracts import HALVES, free_sizes
from export_onnx.errors import ParityError
from export_onnx.graph.open_values import with_outputs
from export_onnx.graph.shared_weights import load
from export_onnx.proof import reference
from export_onnx.proof.decibels import require, snr, snr_polar
from export_onnx.run.chain import Chain
from export_onnx.run.padding import Tensors, text_inputs
from export_onnx.surgery.style import norms_of

# Floors in dB for ONNX on the CPU. `source` is compared as complex numbers, on the original's own F0.
FLOORS: Final = {
    "bert": 90.0,
    "duration": 110.0,
    "prosody": 105.0,
    "source": 95.0,
    "style": 120.0,
    "decoder": 110.0,
    "generator": 105.0,
    "tail": 105.0,
}

TIE: Final = 1e-4  # frames around x.5 within which a duration's rounding means nothing

TEXT_STAGES: Final = ("bert", "duration", "prosody", "source")
SOUND_STAGES: Final = ("style", *HALVES, "tail")


@dataclass(frozen=True)
class OriginalSound:
    """Inputs of the vocoder for any number of frames, and what the original makes of them."""

    frames: int
    inputs: dict[str, Tensor]  # natural length, by contract name
    features: Tensor  # [1, channels, 2 f]
    spectrum: Tensor  # [1, 22, 120 f + 1]
    waveform: Tensor  # [1, 600 f]


def make_sound(model: KModel, frames: int, style: Tensor, seed: int = 0) -> OriginalSound:
    """A seeded sound of `frames` frames: random text features, a wandering pitch with unvoiced gaps, a real source.

    Args:
        style: [1, 256].
    """
    draw = torch.Generator().manual_seed(seed)
    hidden = model.bert_encoder.out_features
    steps = geometry.F0_PER_FRAME * frames
    asr = torch.randn(1, hidden, frames, generator=draw)
    wander = torch.cumsum(torch.randn(1, steps, generator=draw), 1)
    f0 = (180 + 4 * wander).clamp(60, 400) * (torch.rand(1, steps, generator=draw) > 0.2)
    energy = torch.randn(1, steps, generator=draw)
    har = reference.source(model, f0, reference.gaussians(model, frames, seed))
    timbre = style[:, :STYLE_HALF]
    features, spectrum, waveform = reference.decode(model, asr, f0, energy, har, timbre)
    inputs = {"asr": asr, "f0": f0, "energy": energy, "har": har, "timbre_style": timbre}
    return OriginalSound(frames, inputs, features, spectrum, waveform)


def padded_sound(sound: OriginalSound, bucket: Bucket) -> dict[str, Tensor]:
    """The same inputs at a bucket's length, with mask and frame count."""
    at = bucket.holding(bucket.tokens, sound.frames)
    sizes = free_sizes(at)
    lengths = {"asr": at.frames, "f0": sizes["f0"], "energy": sizes["f0"], "har": sizes["columns"]}
    values = {name: pad_to(sound.inputs[name], length) for name, length in lengths.items()}
    values["timbre_style"] = sound.inputs["timbre_style"]
    values["frame_mask"] = (torch.arange(at.frames) < sound.frames).float().unsqueeze(0)
    values["n_frames"] = torch.tensor([sound.frames], dtype=torch.int32)
    return values


def pad_to(x: Tensor, length: int) -> Tensor:
    """Zeros behind, on the last axis."""
    return torch.nn.functional.pad(x, (0, length - x.shape[-1]))


def sound_parity(
    model: KModel,
    folder: Path,
    bucket: Bucket,
    frames: int,
    style: Tensor,
    only: Collection[str] = SOUND_STAGES,
) -> dict[str, float]:
    """The sound's stages as ONNX against the original at `frames` frames, on the same source; `only` those named.

    Raises:
        ParityError: below its floor.
    """
    sound = make_sound(model, frames, style)
    values = {k: v.numpy() for k, v in padded_sound(sound, bucket).items()}
    chain, where = Chain(folder, bucket), f"{bucket.name}, {frames} frames"
    columns, samples = geometry.spectral_columns(frames), geometry.frames_to_samples(frames)
    result: dict[str, float] = {}
    if {"style", *HALVES} & set(only):
        values |= chain.run("style", values)
    if "style" in only:
        gains, shifts = gains_and_shifts(model, style[:, :STYLE_HALF])
        result["style"] = min(snr(gains, values["gains"]), snr(shifts, values["shifts"]))
    if set(HALVES) & set(only):
        values |= chain.run("decoder", values)
        result["decoder"] = snr(sound.features, values["features"][:, :, 0, : sound.features.shape[2]])
    if "generator" in only:
        values |= chain.run("generator", values)
        result["generator"] = snr(sound.spectrum, values["spectrum"][:, :, :columns])
    if "tail" in only:
        exact = pad_to(sound.spectrum, free_sizes(bucket.holding(bucket.tokens, frames))["columns"]).numpy()
        wave = chain.run("tail", {**values, "spectrum": exact})["waveform"]
        result["tail"] = snr(pad_to(sound.waveform, wave.shape[1]), wave)
    for name, decibels in result.items():
        require(f"{name}, {where}", decibels, FLOORS[name])
    if len(result) == len(SOUND_STAGES):
        both = chain.run("tail", values)["waveform"]
        result["decoder to tail"] = snr(sound.waveform, both[:, :samples])
    return result


def gains_and_shifts(model: KModel, timbre: Tensor) -> tuple[Tensor, Tensor]:
    """What the original's norms multiply with and add, [1, norms] each, seen by two inputs: 0 and 1 after the norm.

    Args:
        timbre: [1, 128].
    """
    gains, shifts = [], []
    with torch.no_grad():
        for norm in norms_of(model.decoder):
            channels = norm.norm.num_features
            scale, shift = norm.norm.weight, norm.norm.bias
            gamma, beta = norm.fc(timbre).reshape(2, channels)
            weight = torch.ones(channels) if scale is None else scale
            bias = torch.zeros(channels) if shift is None else shift
            at_zero = (1 + gamma) * bias + beta
            gains.append((1 + gamma) * (weight + bias) + beta - at_zero)
            shifts.append(at_zero)
    return torch.cat(gains)[None], torch.cat(shifts)[None]


def text_parity(
    model: KModel,
    folder: Path,
    bucket: Bucket,
    ids: tuple[int, ...],
    style: Tensor,
    speed: float = 1.0,
    only: Collection[str] = TEXT_STAGES,
) -> dict[str, float]:
    """Each text-side stage as ONNX against the original for one text, each on the original's inputs; `only` as above.

    Raises:
        ParityError: frames per token differ by more than a rounding tie, or a stage is below its floor.
    """
    spoken = reference.speak_original(model, torch.tensor([ids]), style, speed)
    n, frames = len(ids), spoken.asr.shape[2]
    chain, at = Chain(folder, bucket), bucket.holding(n, frames)
    tokens, steps = at.tokens, at.frames * geometry.F0_PER_FRAME
    values: Tensors = {
        **text_inputs(ids, style.numpy(), speed, bucket),
        "d_en": pad_to(spoken.d_en, tokens).numpy(),
        "d": pad_to(spoken.d, tokens).numpy(),
        "t_en": pad_to(spoken.t_en, tokens).numpy(),
        "frames_per_token": pad_to(spoken.frames_per_token.int(), tokens).numpy(),
        "f0": pad_to(spoken.f0, steps).numpy(),
        "n_frames": np.array([frames], np.int32),
    }
    draws = reference.gaussians(model, frames, 0)
    values["noise"] = pad_to(reference.merged_noise(model, draws), geometry.frames_to_samples(at.frames)).numpy()
    got = {name: chain.run(name, values) for name in TEXT_STAGES if name in only}
    if "duration" in got:
        frames_got = got["duration"]["frames_per_token"][0, :n]
        if (frames_got != spoken.frames_per_token[0].numpy()).any():
            sums = sums_before_rounding(folder, bucket, values)[:n]
            for tie in rounding_ties(f"duration {bucket.name}", spoken, sums, frames_got):
                console.say(tie)
    half = geometry.F0_PER_FRAME * frames
    columns = geometry.spectral_columns(frames)
    measures = {
        "bert": lambda out: snr(spoken.d_en, out["d_en"][:, :, :n]),
        "duration": lambda out: min(snr(spoken.d, out["d"][:, :, :n]), snr(spoken.t_en, out["t_en"][:, :, :n])),
        "prosody": lambda out: min(snr(spoken.f0, out["f0"][:, :half]), snr(spoken.energy, out["energy"][:, :half])),
        "source": lambda out: snr_polar(exact_source(model, spoken.f0, draws), out["har"][:, :, :columns]),
    }
    result = {name: measures[name](tensors) for name, tensors in got.items()}
    for name, decibels in result.items():
        require(f"{name} {bucket.name}", decibels, FLOORS[name])
    return result


def sums_before_rounding(folder: Path, bucket: Bucket, values: Tensors) -> NDArray[np.float32]:
    """What the exported `duration` stage rounds to frames per token, [tokens]."""
    graph = load(folder / f"duration_{bucket.name}.onnx")
    rounded = next(node.input[0] for node in graph.graph.node if node.op_type == "Round")
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "duration.onnx"
        onnx.save(with_outputs(graph, [rounded]), path)
        sums = Chain(folder, bucket, {"duration": path}).run("duration", values)[rounded]
    return np.asarray(sums, np.float32).ravel()


def rounding_ties(
    where: str, spoken: reference.OriginalSpeech, sums: NDArray[np.float32], frames: NDArray[np.integer]
) -> list[str]:
    """Tokens whose frames differ because both sums lie at the same half: a line each, with both values.

    A sum within `TIE` of x.5 is rounded by its last bits, which no two orders of additions agree on. Nothing is wrong
    then, and everything behind is compared on the original's frames.

    Args:
        sums, frames: of the exported stage, before and after it rounds, [tokens].

    Raises:
        ParityError: frames of another token differ.
    """
    expected, exact = spoken.frames_per_token[0].numpy(), spoken.unrounded[0].numpy()
    ties = []
    for token in np.flatnonzero(expected != frames):
        half = np.floor(exact[token]) + 0.5
        both = f"{exact[token]:.6f} frames before rounding and {expected[token]} after"
        ours = f"{sums[token]:.6f} and {frames[token]}"
        if max(abs(exact[token] - half), abs(sums[token] - half)) > TIE:
            raise ParityError(
                f"{where}, token {token}",
                expected=both,
                got=ours,
                todo="Compare `bert` and `duration` with the original: this is no rounding tie.",
            )
        ties.append(f"{where}, token {token}: a rounding tie. The original has {both}, the exported stage {ours}.")
    return ties


def exact_source(model: KModel, f0: Tensor, draws: Tensor) -> Tensor:
    """The original's source formulas in float64, [1, 22, 120 f + 1]: what float32 versions are measured against."""
    m_source = model.decoder.generator.m_source
    sines, linear = m_source.l_sin_gen, m_source.l_linear
    held = f0.double().repeat_interleave(geometry.SAMPLES_PER_F0, 1).unsqueeze(2)  # [1, L, 1]
    harmonics = torch.arange(1, sines.dim + 1).double()
    turns = (held * harmonics / sines.sampling_rate) % 1
    scale = geometry.SAMPLES_PER_F0
    down = torch.nn.functional.interpolate(turns.transpose(1, 2), scale_factor=1 / scale, mode="linear")
    phase = torch.cumsum(down, 2) * (2 * torch.pi * scale)
    phase = torch.nn.functional.interpolate(phase, scale_factor=scale, mode="linear").transpose(1, 2)
    voiced = (held > sines.voiced_threshold).double()
    loudness = voiced * sines.noise_std + (1 - voiced) * sines.sine_amp / 3
    waves = torch.sin(phase) * sines.sine_amp * voiced + loudness * draws.double()
    excitation = torch.tanh(waves @ linear.weight.double().T + linear.bias.double())[:, :, 0]
    window = torch.hann_window(geometry.N_FFT, dtype=torch.float64)
    spectrum = torch.stft(excitation, geometry.N_FFT, geometry.HOP, geometry.N_FFT, window, return_complex=True)
    return torch.cat([spectrum.abs(), spectrum.angle()], 1)
