"""How a quantized vocoder sounds, next to the float one: same durations, pitch and noise, so that waveforms align.

Two numbers, because neither sees everything: waveform SNR hears a veil of noise that a mel spectrum averages away, and
log-mel distance hears what is wrong in soft bands that a waveform's energy hides. Silence is looked at by itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from calibrate.capture import Sample
from export_onnx import console
from export_onnx.chain import Chain, waveform
from export_onnx.contracts import HALVES, VOCODER, Bucket
from export_onnx.decibels import snr
from export_onnx.errors import ParityError
from export_onnx.geometry import SAMPLES_PER_FRAME
from export_onnx.mel import log_mel_distance

QUIET_SHARE: Final = 0.1  # of the frames, the quietest of the reference
RAIL: Final = 1.0  # full scale of a WAV file


@dataclass(frozen=True)
class Quality:
    """Of one utterance, or the mean over several.

    Attributes:
        snr_db: waveform signal to error.
        mel_db: log-mel distance.
        quiet_db: level of the quietest tenth of the frames, against the float run's same frames; 0 is equal.
        gain_db: loudness against the float run's.
        dc: mean of the waveform, less the float run's.
        railed: share of samples beyond full scale where the float run's are not.
        finite: no NaN, no infinity.
    """

    snr_db: float
    mel_db: float
    quiet_db: float
    gain_db: float
    dc: float
    railed: float
    finite: bool


def compare(reference: NDArray[np.float32], result: NDArray[np.float32]) -> Quality:
    """Two waveforms of one length, [600 * frames]."""
    if not np.isfinite(result).all():
        return Quality(-200.0, 200.0, 200.0, 200.0, 0.0, 1.0, False)
    levels = [_frame_levels(x) for x in (reference, result)]
    quiet = np.argsort(levels[0], kind="stable")[: max(1, int(len(levels[0]) * QUIET_SHARE))]
    return Quality(
        snr(reference, result),
        log_mel_distance(reference, result),
        _decibels(levels[1][quiet].mean() / levels[0][quiet].mean()),
        _decibels(levels[1].mean() / levels[0].mean()),
        float(result.mean(dtype=np.float64) - reference.mean(dtype=np.float64)),
        float(((np.abs(result) > RAIL) & (np.abs(reference) <= RAIL)).mean()),
        True,
    )


def _frame_levels(x: NDArray[np.float32]) -> NDArray[np.float64]:
    """Power of each frame, with a floor at -120 dB of full scale."""
    return np.square(x.astype(np.float64)).reshape(-1, SAMPLES_PER_FRAME).mean(1) + 1e-12


def _decibels(ratio: float) -> float:
    return float(10 * np.log10(ratio))


def average(qualities: Sequence[Quality]) -> Quality:
    """Means in dB; the worst where one bad utterance is one too many."""
    return Quality(
        float(np.mean([q.snr_db for q in qualities])),
        float(np.mean([q.mel_db for q in qualities])),
        float(np.mean([q.quiet_db for q in qualities])),
        float(np.mean([q.gain_db for q in qualities])),
        max((q.dc for q in qualities), key=abs),
        max(q.railed for q in qualities),
        all(q.finite for q in qualities),
    )


@dataclass(frozen=True)
class Judge:
    """Held-out sentences with what the float stages make of them."""

    folder: Path  # of the float stages
    bucket: Bucket
    samples: Sequence[Sample]
    references: Sequence[NDArray[np.float32]]

    def score(self, folder: Path, limit: int | None = None) -> list[Quality]:
        """Each held-out utterance through the decoder and the generator of another folder."""
        files = {stage: folder / f"{stage}_{self.bucket.name}.onnx" for stage in HALVES}
        return self._score(Chain(self.folder, self.bucket, files), HALVES, limit)

    def score_graph(self, vocoder: onnx.ModelProto, limit: int | None = None) -> list[Quality]:
        """The same for a whole vocoder in memory."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "vocoder.onnx"
            onnx.save(vocoder, path)
            return self._score(Chain(self.folder, self.bucket, {VOCODER.name: path}), (VOCODER.name,), limit)

    def _score(self, chain: Chain, stages: Sequence[str], limit: int | None) -> list[Quality]:
        pairs = list(zip(self.samples, self.references, strict=True))[:limit]
        with console.progress("listen", len(pairs)) as advance:
            return [compare(reference, _watched(chain, sample, stages, advance)) for sample, reference in pairs]


def make_judge(folder: Path, bucket: Bucket, samples: Sequence[Sample]) -> Judge:
    """Runs the float vocoder and tail once on each sample.

    Raises:
        ParityError: there is no sample.
    """
    if not samples:
        raise ParityError(
            "held-out sentences", expected=f"one that fits {bucket.name}", got="none", todo="Take shorter ones."
        )
    chain = Chain(folder, bucket)
    with console.progress("float vocoder", len(samples)) as advance:
        return Judge(folder, bucket, samples, [_watched(chain, sample, HALVES, advance) for sample in samples])


def _watched(
    chain: Chain, sample: Sample, stages: Sequence[str], advance: Callable[[str], None]
) -> NDArray[np.float32]:
    advance(sample.utterance.voice)
    return sound(chain, sample, stages)


def sound(chain: Chain, sample: Sample, stages: Sequence[str] = HALVES) -> NDArray[np.float32]:
    """`stages` (both halves of the vocoder, or it whole) and the tail on one sample's inputs: [600 * frames]."""
    values = dict(sample.values)
    for stage in (*stages, "tail"):
        values.update(chain.run(stage, values))
    return waveform(values)


def rounded(quality: Quality) -> Mapping[str, float | bool]:
    """For reports."""
    digits = {"dc": 5, "railed": 5}
    return {k: v if isinstance(v, bool) else round(v, digits.get(k, 2)) for k, v in asdict(quality).items()}
