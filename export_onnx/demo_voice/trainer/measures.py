"""Measures held-out quality: the student speaks the teacher's sentences with the teacher's durations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from kokoro.model import KModel

from export_onnx.checkpoint.architecture import STYLE_HALF
from export_onnx.demo_voice.trainer.student import durations_and_features, encode_text, hold_features
from export_onnx.demo_voice.trainer.teacher import TaughtSentence
from export_onnx.proof.mel import log_mel_distance, mel_power

VOICED: Final = 10.0  # Hz; above it the original's source sings
SAID_SEED: Final = 0  # of the source's noise


@dataclass(frozen=True)
class Said:
    """The student's outputs for one sentence.

    Attributes:
        audio: `[600 F]`, with the teacher's durations and the student's own F0 and energy.
        f0, energy: `[2 F]`.
        durations: `[T]` whole frames, the student's own.
    """

    audio: torch.Tensor
    f0: torch.Tensor
    energy: torch.Tensor
    durations: torch.Tensor


@torch.no_grad()
def say_sentence(model: KModel, taught: TaughtSentence, style: torch.Tensor) -> Said:
    """The original's steps, with the teacher's durations.

    Args:
        model: the student.
        taught: the sentence, as the teacher said it.
        style: `[1, 256]`, the voice's row for the sentence's length.
    """
    ids, lengths = taught.ids[None], torch.tensor([len(taught.ids)])
    timbre, prosody = style[:, :STYLE_HALF], style[:, STYLE_HALF:]
    durations, d = durations_and_features(model, ids, lengths, prosody)
    en = hold_features(d[0], taught.durations, 0, taught.frames)[None]
    f0, energy = model.predictor.F0Ntrain(en, prosody)
    asr = hold_features(encode_text(model, ids, lengths)[0], taught.durations, 0, taught.frames)[None]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SAID_SEED)
        audio = model.decoder(asr, f0, energy, timbre).reshape(-1)
    return Said(audio, f0[0], energy[0], torch.round(durations[0]).clamp(min=1))


def row(voices: Mapping[str, torch.Tensor], taught: TaughtSentence) -> torch.Tensor:
    """The voice's style row for the sentence: `[1, 256]`."""
    return voices[taught.voice].reshape(-1, 2 * STYLE_HALF)[len(taught.ids) - 3][None].float()


def cents(said: np.ndarray, taught: np.ndarray) -> float:
    """Mean absolute F0 error where both are voiced."""
    both = (said > VOICED) & (taught > VOICED)
    return float(np.abs(1200 * np.log2(said[both] / taught[both])).mean()) if both.any() else float("nan")


def voicing_error(said: np.ndarray, taught: np.ndarray) -> float:
    """Share of the 12.5 ms values that are voiced in one and not in the other."""
    return float(((said > VOICED) != (taught > VOICED)).mean())


def measure_sentence(
    taught: TaughtSentence, said: Said, heard_f0: Callable[[np.ndarray], np.ndarray]
) -> dict[str, float]:
    """All distances of one sentence.

    Args:
        taught: with F0.
        said: the student's.
        heard_f0: measures F0 in audio, as the teacher's was measured.
    """
    theirs = taught.f0.numpy()
    heard = heard_f0(said.audio.numpy())
    return {
        "log_mel_db": log_mel_distance(taught.audio.numpy(), said.audio.numpy()),
        "f0_cents": cents(said.f0.numpy(), theirs),
        "heard_f0_cents": cents(heard, theirs),
        "voicing_error": voicing_error(said.f0.numpy(), theirs),
        "heard_voicing_error": voicing_error(heard, theirs),
        "duration_frames": float((said.durations - taught.durations).abs().float().mean()),
        "energy_nepers": float((said.energy - taught.energy).abs().mean()),
    }


def measure_mean(taught: Sequence[TaughtSentence]) -> dict[str, float]:
    """The same distances of predictors that give only the averages of these very sentences, voice by voice.

    Spectrum: the mean log-mel column. F0: the mean voiced pitch, always voiced. Duration and energy: the mean.
    """
    found: list[dict[str, float]] = []
    for name in {utterance.voice for utterance in taught}:
        own = [utterance for utterance in taught if utterance.voice == name]
        levels = [10 * np.log10(np.maximum((p := mel_power(u.audio)), p.max() * 1e-8)) for u in own]
        column = np.concatenate(levels, axis=1).mean(axis=1, keepdims=True)
        f0 = torch.cat([u.f0 for u in own]).numpy()
        pitch = float(np.exp(np.log(f0[f0 > VOICED]).mean()))
        duration = float(torch.cat([u.durations for u in own]).float().mean())
        loudness = float(torch.cat([u.energy for u in own]).mean())
        for utterance, level in zip(own, levels, strict=True):
            theirs = utterance.f0.numpy()
            found.append(
                {
                    "log_mel_db": float(np.sqrt(np.mean((level - column) ** 2))),
                    "f0_cents": cents(np.full_like(theirs, pitch), theirs),
                    "voicing_error": voicing_error(np.full_like(theirs, pitch), theirs),
                    "duration_frames": float((utterance.durations - duration).abs().mean()),
                    "energy_nepers": float((utterance.energy - loudness).abs().mean()),
                }
            )
    return mean_of(found)


def mean_of(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of every column; sentences without a value (no frame voiced in both) are left out of it."""
    return {key: float(np.nanmean([found[key] for found in rows])) for key in rows[0]} if rows else {}


def activation_ratios(model: KModel, taught: TaughtSentence, style: torch.Tensor) -> dict[str, float]:
    """Maximum to RMS of every convolution's input in the decoder while it says one sentence."""
    ratios: dict[str, float] = {}

    def watch(name: str) -> Callable[[torch.nn.Module, tuple[torch.Tensor, ...]], None]:
        def hook(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            x = inputs[0]
            ratios[name] = float(x.abs().max() / x.square().mean().sqrt().clamp(min=1e-9))

        return hook

    convolutions = (torch.nn.Conv1d, torch.nn.ConvTranspose1d)
    handles = [
        module.register_forward_pre_hook(watch(name))
        for name, module in model.decoder.named_modules()
        if isinstance(module, convolutions)
    ]
    say_sentence(model, taught, style)
    for handle in handles:
        handle.remove()
    return ratios
