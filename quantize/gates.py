"""What a target must pass before its folder counts. Each gate has a test with a defect that it rejects.

The floors stand between what works and what does not (8 bits in conv_post: 16 to 22 dB on demo voices), not at the
goals: a goal missed is reported, a floor missed is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from calibrate.capture import Sample
from export_onnx.chain import Chain
from export_onnx.contracts import Bucket
from export_onnx.decibels import snr
from export_onnx.errors import ParityError
from quantize.blocklists import NEVER
from quantize.verify import Judge, Quality, average

LOUDNESS_DB: Final = 0.5  # either way, averaged over the held-out sentences; 1.5 times too loud is 3.5
QUIET_DB: Final = 3.0  # what quantization may add to the quietest tenth of the frames
DC: Final = 0.003  # of full scale
RAILED: Final = 0.001  # of the samples
RUNS_DB: Final = 40.0  # pitch, energy, gains and shifts of a stage that is what it should be


@dataclass(frozen=True)
class Floor:
    """For one width of activations.

    Attributes:
        snr_db, mel_db: refused below and above.
        goal_snr_db, goal_mel_db: what the demo voice is meant to reach.
    """

    snr_db: float
    mel_db: float
    goal_snr_db: float
    goal_mel_db: float

    def meets_goal(self, quality: Quality) -> bool:
        """Whether a measured quality is at the goal."""
        return quality.snr_db >= self.goal_snr_db and quality.mel_db <= self.goal_mel_db


FLOORS: Final = {8: Floor(24.0, 1.0, 35.0, 0.35), 16: Floor(36.0, 0.4, 45.0, 0.15)}


def check_sound(where: str, scores: Sequence[Quality], floor: Floor) -> Quality:
    """The average, if every gate lets it pass.

    Raises:
        ParityError: names the gate.
    """
    mean = average(scores)
    gates = (
        ("finite samples", mean.finite, str(mean.finite)),
        (f"at least {floor.snr_db:g} dB waveform SNR", mean.snr_db >= floor.snr_db, f"{mean.snr_db:.1f} dB"),
        (f"at most {floor.mel_db:g} dB log-mel distance", mean.mel_db <= floor.mel_db, f"{mean.mel_db:.2f} dB"),
        (f"loudness within {LOUDNESS_DB:g} dB", abs(mean.gain_db) <= LOUDNESS_DB, f"{mean.gain_db:+.2f} dB"),
        (f"at most {QUIET_DB:g} dB more in silence", mean.quiet_db <= QUIET_DB, f"{mean.quiet_db:+.2f} dB"),
        (f"a mean within {DC:g} of the float run's", abs(mean.dc) <= DC, f"{mean.dc:+.4f}"),
        (f"at most {RAILED:.1%} of samples on the rail", mean.railed <= RAILED, f"{mean.railed:.2%}"),
    )
    for expected, passed, got in gates:
        if not passed:
            raise ParityError(
                where,
                expected=expected,
                got=got,
                todo="Search a block-list for these weights: `python -m quantize --search`.",
            )
    return mean


def check_forbidden(where: str, excluded: Collection[str]) -> None:
    """That what is never quantized is not, whatever a search heard: a mel spectrum hardly sees conv_post's noise.

    Raises:
        ParityError: a group of `blocklists.NEVER` is missing from `excluded`.
    """
    for group in NEVER:
        if group not in excluded:
            raise ParityError(
                where,
                expected=f"{group} in float",
                got=f"{group} in integers",
                todo="Leave it out: its rounding is added to the waveform as noise.",
            )


def changed_durations(chain: Chain, samples: Sequence[Sample]) -> list[tuple[Sample, int]]:
    """The utterances whose frames per token differ, with the number of tokens that do.

    Args:
        chain: with the files to judge; only `bert` and `duration` run.
    """
    changed = []
    for sample in samples:
        expected = sample.values["frames_per_token"]
        values = dict(sample.values)
        for stage in ("bert", "duration"):
            values.update(chain.run(stage, values))
        different = int(np.count_nonzero(values["frames_per_token"] != expected))
        if different:
            changed.append((sample, different))
    return changed


def check_durations(where: str, folder: Path, bucket: Bucket, samples: Sequence[Sample]) -> dict[str, Any]:
    """How many utterances were checked.

    Raises:
        ParityError: a token of one of them has another number of frames.
    """
    changed = changed_durations(Chain(folder, bucket), samples)
    if changed:
        sample, tokens = changed[0]
        raise ParityError(
            where,
            expected="the float run's frames for every token",
            got=f"{len(changed)} of {len(samples)} sentences changed, {tokens} tokens in {sample.utterance.text!r}",
            todo="Keep the text stages in float.",
        )
    return {"sentences": len(samples), "unchanged": len(samples)}


def check_bucket(where: str, folder: Path, judge: Judge, floor: Floor) -> None:
    """That every stage of a bucket runs, and says what the float stages say: weights are the same, shapes are not.

    Args:
        folder: the files to judge.
        judge: of that bucket; one sentence is enough.

    Raises:
        ParityError: a token has other frames, or a stage is not what it should be.
    """
    check_durations(where, folder, judge.bucket, judge.samples)
    chain = Chain(folder, judge.bucket)
    for sample in judge.samples:
        for stage in ("prosody", "style"):
            for name, array in chain.run(stage, sample.values).items():
                if (decibels := snr(sample.values[name], array)) < RUNS_DB:
                    raise ParityError(
                        f"{where}, {stage}",
                        expected=f"{name} at {RUNS_DB:g} dB or more",
                        got=f"{decibels:.1f} dB",
                        todo="Quantize again; if it stays so, keep the stage in float.",
                    )
    check_sound(f"{where}, vocoder", judge.score(folder), floor)
