"""Fused models against the stock ones that they were made from: the same sound, and how long both take.

In bytes, two ways to add the same numbers put values that lie at a tie between two steps on different sides, and 50
convolutions spread the difference. ONNX Runtime's own graph optimizations do the same to the stock graph. So the sound
is compared with the float model's: the fused models must be as near to it as the stock ones are.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from calibrate.speech import Sample, in_bucket
from export_onnx.buckets import Bucket
from export_onnx.contracts import HALVES
from export_onnx.errors import ParityError
from export_onnx.geometry import FRAMES_PER_SECOND, spectral_columns
from export_onnx.proof.decibels import snr
from export_onnx.run.sessions import SessionSettings, cpu_session, run_session
from quantize.gates import Limits, check_sound
from quantize.listen.quality import Quality, compare_sounds, summarize

# Kokoro-82M: 4.53 with stock and 4.51 with fused models in one sentence. Ties move single sentences by so much.
PESQ_LOSS: Final = 0.1
MEL_LOSS: Final = 0.1  # dB; measured: 1.13 and 1.17


@dataclass(frozen=True)
class VocoderSessions:
    """The sessions of decoder, generator and tail, in this order."""

    sessions: tuple[ort.InferenceSession, ...]

    @classmethod
    def of(cls, folder: Path, bucket: str, tail: Path, settings: SessionSettings) -> VocoderSessions:
        """Loads the halves of a folder, and the tail."""
        files = (*(folder / f"{half}_{bucket}.onnx" for half in HALVES), tail)
        return cls(tuple(cpu_session(file, settings) for file in files))

    def speak(self, sample: Sample) -> NDArray[np.float32]:
        """The sound of a sample, [600 * frames]."""
        values = dict(sample.values)
        for session in self.sessions:
            values |= run_session(session, values)
        return np.asarray(values["waveform"], np.float32).ravel()[: sample.reference.size]


def without_padding(sample: Sample, config: Mapping[str, Any]) -> Sample:
    """The sample at its own length, for graphs of free length, which have no masks."""
    cropped = in_bucket(sample, config, Bucket(sample.frames / FRAMES_PER_SECOND, sample.tokens))
    har = cropped.values["har"][
        ..., : spectral_columns(sample.frames)
    ]  # a fixed bucket has columns that no sound needs
    return replace(cropped, values=cropped.values | {"har": har})


@dataclass(frozen=True)
class FusedSound:
    """Each sentence's distance from the float model with stock and with fused models, and from each other in dB."""

    stock: tuple[Quality, ...]
    fused: tuple[Quality, ...]
    apart: tuple[float, ...]

    def facts(self) -> dict[str, Any]:
        """The figures as reports hold them: summaries of both, and dB from each other."""
        rows = {"stock": self.stock, "fused": self.fused}
        return {name: summarize(row).facts() for name, row in rows.items()} | {"apart_db": round(fmean(self.apart), 1)}


def compare_fused(stock: VocoderSessions, fused: VocoderSessions, samples: Sequence[Sample]) -> FusedSound:
    """Speaks every sample with both."""
    found = []
    for sample in samples:
        first, second = stock.speak(sample), fused.speak(sample)
        qualities = [compare_sounds(sample.reference.ravel(), sound) for sound in (first, second)]
        found.append((*qualities, snr(first, second)))
    stocks, fuseds, apart = zip(*found, strict=True)
    return FusedSound(stocks, fuseds, apart)


def check_fused(where: str, sound: FusedSound, floor: Limits) -> None:
    """That the fused models pass the gates of the stock ones, and are as near to the float model as those.

    Args:
        floor: that of the target.

    Raises:
        ParityError: a gate rejects them, or they are further away.
    """
    check_sound(where, sound.fused, floor)
    lost = fmean(quality.pesq for quality in sound.stock) - fmean(quality.pesq for quality in sound.fused)
    mel = fmean(quality.mel_db for quality in sound.fused) - fmean(quality.mel_db for quality in sound.stock)
    if not (lost <= PESQ_LOSS and mel <= MEL_LOSS):
        raise ParityError(
            where,
            expected=f"PESQ at most {PESQ_LOSS} below the stock models', log-mel distance at most {MEL_LOSS} dB above",
            got=f"{lost:.2f} below and {mel:.2f} dB above",
            todo="Compare the sites one by one; tests/quantize/test_fuse_adain.py shows how.",
        )


def time_fused(stock: VocoderSessions, fused: VocoderSessions, sample: Sample, runs: int) -> dict[str, list[float]]:
    """Seconds of the fastest run of both, decoder to tail, measured in turns: wall clock and processor time."""
    best = {"stock": [np.inf, np.inf], "fused": [np.inf, np.inf]}
    for _ in range(runs):
        for name, vocoder in (("stock", stock), ("fused", fused)):
            begun = time.perf_counter(), time.process_time()
            vocoder.speak(sample)
            spent = time.perf_counter() - begun[0], time.process_time() - begun[1]
            best[name] = [min(old, new) for old, new in zip(best[name], spent, strict=True)]
    return best
