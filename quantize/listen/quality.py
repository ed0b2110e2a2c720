"""Measures how one sound differs from another that it should equal.

pesq      wide-band PESQ (ITU-T P.862.2), 1.0 to 4.64: the opinion score that listeners would give. It is sensitive to
          static and clipping but not to loudness. Package `pesq`, the reference code of the standard
stoi      short-time objective intelligibility, 0 to 1: whether words stay intelligible. Package `pystoi`
mel_db    log-mel distance: errors in soft bands, which are a small part of a waveform's energy
snr_db    waveform signal-to-error ratio. With 8-bit activations it means little: errors that the speech's own spectrum
          masks are not heard at 17 dB, and white noise is heard at 30. It judges exact graphs and 16-bit activations
others    silence, loudness, offset and clipping, to each of which the above are not sensitive enough
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pesq import PesqError, pesq
from pystoi import stoi
from scipy.signal import resample_poly

from export_onnx.geometry import SAMPLE_RATE, SAMPLES_PER_FRAME
from export_onnx.proof.decibels import snr
from export_onnx.proof.mel import log_mel_distance

QUIET_SHARE: Final = 0.1  # of the frames, the quietest of the reference
RAIL: Final = 1.0  # full scale of a WAV file
WIDE_BAND_RATE: Final = 16_000  # Hz, P.862.2's
WORST_PESQ: Final = 1.0  # also if the standard finds no speech to compare


@dataclass(frozen=True)
class Quality:
    """The differences of one utterance from its reference, or their mean or worst over several.

    Attributes:
        pesq: wide-band, 1.0 to 4.64.
        stoi: 0 to 1.
        mel_db: log-mel distance.
        snr_db: waveform signal-to-error ratio.
        quiet_db: level of the reference's quietest tenth of the frames, relative to the reference's level; 0 is equal.
        gain_db: level relative to the reference's.
        dc: mean of the waveform, less the reference's.
        railed: share of samples that are beyond full scale while the reference's are not.
        finite: whether there is no NaN and no infinity.
    """

    pesq: float
    stoi: float
    mel_db: float
    snr_db: float
    quiet_db: float = 0.0
    gain_db: float = 0.0
    dc: float = 0.0
    railed: float = 0.0
    finite: bool = True


@dataclass(frozen=True)
class Summary:
    """The mean and the worst of each figure over several utterances; the worst may come from different utterances."""

    mean: Quality
    worst: Quality
    sentences: int

    def facts(self) -> dict[str, object]:
        """The summary as reports hold it."""
        return {"mean": rounded(self.mean), "worst": rounded(self.worst), "sentences": self.sentences}


def compare_sounds(reference: NDArray[np.float32], result: NDArray[np.float32]) -> Quality:
    """Compares two waveforms of one length, [600 * frames], at 24 kHz."""
    if not np.isfinite(result).all():
        return Quality(WORST_PESQ, 0.0, 200.0, -200.0, 200.0, 200.0, 0.0, 1.0, False)
    levels = [_frame_levels(x) for x in (reference, result)]
    quiet = np.argsort(levels[0], kind="stable")[: max(1, int(len(levels[0]) * QUIET_SHARE))]
    narrow = [resample_poly(x.astype(np.float64), WIDE_BAND_RATE, SAMPLE_RATE) for x in (reference, result)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # stoi's, of a sound too short to judge: it gives 1e-5 then
        understood = float(stoi(*narrow, WIDE_BAND_RATE))
    return Quality(
        max(WORST_PESQ, float(pesq(WIDE_BAND_RATE, *narrow, "wb", on_error=PesqError.RETURN_VALUES))),
        understood,
        log_mel_distance(reference, result),
        snr(reference, result),
        _decibels(levels[1][quiet].mean() / levels[0][quiet].mean()),
        _decibels(levels[1].mean() / levels[0].mean()),
        float(result.mean(dtype=np.float64) - reference.mean(dtype=np.float64)),
        float(((np.abs(result) > RAIL) & (np.abs(reference) <= RAIL)).mean()),
    )


def _frame_levels(x: NDArray[np.float32]) -> NDArray[np.float64]:
    """Power of each frame, with a floor at -120 dB of full scale."""
    return np.square(x.astype(np.float64)).reshape(-1, SAMPLES_PER_FRAME).mean(1) + 1e-12


def _decibels(ratio: float) -> float:
    return float(10 * np.log10(ratio))


def summarize(qualities: Sequence[Quality]) -> Summary:
    """The mean and the worst of each figure; of loudness and offset, the worst is the largest either way."""
    columns = {field: [getattr(q, field) for q in qualities] for field in Quality.__dataclass_fields__}
    finite = all(columns.pop("finite"))
    mean = {field: float(np.mean(values)) for field, values in columns.items()}
    worst = {field: _worst(field, values) for field, values in columns.items()}
    return Summary(Quality(**mean, finite=finite), Quality(**worst, finite=finite), len(qualities))


def _worst(field: str, values: Sequence[float]) -> float:
    if field in ("pesq", "stoi", "snr_db"):
        return min(values)
    return max(values, key=abs) if field in ("gain_db", "dc") else max(values)


def rounded(quality: Quality) -> Mapping[str, float | bool]:
    """The figures, rounded for reports."""
    digits = {"dc": 5, "railed": 5, "stoi": 4}
    return {k: v if isinstance(v, bool) else round(v, digits.get(k, 2)) for k, v in asdict(quality).items()}
