"""A few held-out sentences through the float stages and through each target's, on this computer's CPU.

Durations and noise are the float run's, so that the sounds align and can be subtracted. Everything else is the
target's own: its `bert`, its pitch, its vocoder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrate.capture import Sample, speak
from calibrate.corpus import Utterance
from export_onnx import console
from export_onnx.chain import Chain, waveform
from export_onnx.contracts import STAGES, Bucket
from export_onnx.mel import log_mel_distance

SENTENCES: Final = 3

Sound = NDArray[np.float32]  # [600 * frames]


@dataclass(frozen=True)
class Heard:
    """One sentence.

    Attributes:
        sounds: by target.
        mel_db: log-mel distance of each from the float sound.
    """

    utterance: Utterance
    reference: Sound
    sounds: Mapping[str, Sound]
    mel_db: Mapping[str, float]


def choose(held_out: Sequence[Mapping[str, Any]], number: int = SENTENCES) -> list[Utterance]:
    """The held-out sentences in the order in which they are tried: one of each voice first."""
    utterances = [Utterance(**one) for one in held_out]
    voices = [utterance.voice for utterance in utterances]
    rank = [voices[:i].count(voice) for i, voice in enumerate(voices)]
    return [utterances[i] for i in sorted(range(len(utterances)), key=lambda i: rank[i])][: 4 * number]


def listen(build: Path, bucket: Bucket, held_out: Sequence[Mapping[str, Any]], targets: Sequence[str]) -> list[Heard]:
    """Speaks the first sentences that fit the bucket.

    Args:
        held_out: as the calibration's report lists them.
        targets: whose folders are complete.
    """
    folder = build / "export_onnx"
    with console.progress("speak for the page", (1 + len(targets)) * SENTENCES) as advance:
        samples: list[Sample] = []
        for spoken in speak(folder, bucket, choose(held_out)):
            if isinstance(spoken, Sample):
                advance(f"float, {spoken.utterance.voice}")
                samples.append(spoken)
            if len(samples) == SENTENCES:
                break
        chain = Chain(folder, bucket)
        references = [_sound(chain, sample) for sample in samples]
        sounds: list[dict[str, Sound]] = [{} for _ in samples]
        for target in targets:
            chain = Chain(build / "quantize" / target, bucket)
            for sample, made in zip(samples, sounds, strict=True):
                advance(f"{target}, {sample.utterance.voice}")
                made[target] = _sound(chain, sample)
    return [
        Heard(sample.utterance, reference, made, {t: log_mel_distance(reference, s) for t, s in made.items()})
        for sample, reference, made in zip(samples, references, sounds, strict=True)
    ]


def _sound(chain: Chain, sample: Sample) -> Sound:
    """The chain's own values, but the frames of every token and the noise."""
    values = dict(sample.values)
    for stage in STAGES:
        made = chain.run(stage.name, values)
        values.update({name: tensor for name, tensor in made.items() if name != "frames_per_token"})
    return waveform(values)
