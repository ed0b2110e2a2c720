"""Runs a few held-out sentences through each target's stages, on this computer's CPU, next to the float sound.

Calibration has spoken them in float and stored them. Durations and noise are the float run's, so that the sounds align
and can be subtracted. Everything else is the target's own: its `bert`, its pitch, its vocoder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrate.corpus import Utterance
from calibrate.speech import Sample, in_bucket, read_samples
from export_onnx import console
from export_onnx.buckets import Bucket
from export_onnx.contracts import FRAMES_PER_TOKEN
from export_onnx.run.chain import DURATIONS, FROM_SOURCE, Chain
from export_onnx.run.padding import waveform
from quantize.float_build import exported_config
from quantize.listen.quality import Quality, compare_sounds
from quantize.recipes import recipe

SENTENCES: Final = 4  # of the held-out ones, whose voices take turns

Waveform = NDArray[np.float32]  # [600 * frames]


@dataclass(frozen=True)
class Heard:
    """One sentence with its sounds.

    Attributes:
        sounds: by target.
        quality: of each target, compared with the float sound.
    """

    utterance: Utterance
    reference: Waveform
    sounds: Mapping[str, Waveform]
    quality: Mapping[str, Quality]


def sentences_to_hear(samples: Sequence[Sample], number: int = SENTENCES) -> list[Sample]:
    """The held-out sentences to listen to: one per voice first, in the order in which calibration stored them."""
    voices = [sample.utterance.voice for sample in samples]
    rank = [voices[:i].count(voice) for i, voice in enumerate(voices)]
    return [samples[i] for i in sorted(range(len(samples)), key=lambda i: rank[i])][:number]


def listen_to_targets(build: Path, bucket: Bucket, targets: Sequence[str]) -> list[Heard]:
    """Runs calibration's held-out sentences through the targets' stages.

    Args:
        bucket: the one that calibration spoke in; a target without fixed buckets speaks in its own.
        targets: those whose folders are complete.

    Raises:
        ContractError: calibration stored no held-out sentence.
    """
    samples = sentences_to_hear(read_samples(build / "calibrate", "held_out"))
    sounds: list[dict[str, Waveform]] = [{} for _ in samples]
    config = exported_config(build / "export_onnx")
    with console.progress("speak for the page", len(targets) * len(samples)) as advance:
        for target in targets:
            (at, *_) = recipe(target).buckets([bucket])
            chain = Chain(build / "quantize" / target, at)
            for sample, made in zip(samples, sounds, strict=True):
                advance(f"{target}, {sample.utterance.voice}")
                made[target] = _sound(chain, in_bucket(sample, config, at))
    return [
        Heard(
            sample.utterance, sample.reference, made, {t: compare_sounds(sample.reference, s) for t, s in made.items()}
        )
        for sample, made in zip(samples, sounds, strict=True)
    ]


def _sound(chain: Chain, sample: Sample) -> Waveform:
    """The chain's own values, but the frames of every token and the noise."""
    read = chain.run_stages(DURATIONS, sample.values)
    frames = {FRAMES_PER_TOKEN.name: sample.values[FRAMES_PER_TOKEN.name]}
    return waveform(chain.run_stages(("prosody", *FROM_SOURCE), {**read, **frames}))
