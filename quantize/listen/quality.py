"""How one sound differs from another that it should equal: what listeners notice, and what they do not.

pesq      wide-band PESQ (ITU-T P.862.2), 1.0 to 4.64: what listeners would say of the difference. It sees static
          and clipping and is blind to loudness. Package `pesq`, the reference code of the standard
stoi      short-time objective intelligibility, 0 to 1: whether words stay words. Package `pystoi`
mel_db    log-mel distance: what is wrong in soft bands that a waveform's energy hides
snr_db    waveform signal to error. On 8-bit activations it says little: errors that lie under the speech's own
          spectrum are not heard at 17 dB, and white noise is at 30. It judges what is exact or has 16 bits
the rest  silence, loudness, offset and clipping, which none of the above sees by itself
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
WORST_PESQ: Final = 1.0  # also where the standard finds no speech to compare


@dataclass(frozen=True)
class Quality:
    """Of one utterance, or over several.

    Attributes:
        pesq: wide-band, 1.0 to 4.64.
        stoi: 0 to 1.
        mel_db: log-mel distance.
        snr_db: waveform signal to error.
        quiet_db: level of the quietest tenth of the frames, against the reference's same frames; 0 is equal.
        gain_db: loudness against the reference's.
        dc: mean of the waveform, less the reference's.
        railed: share of samples beyond full scale where the reference's are not.
        finite: no NaN, no infinity.
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
    """Over several utterances: the mean of each figure, and the worst of each, whichever utterance it comes from."""

    mean: Quality
    worst: Quality
    sentences: int

    def facts(self) -> dict[str, object]:
        """For reports."""
        return {"mean": rounded(self.mean), "worst": rounded(self.worst), "sentences": self.sentences}


def compare_sounds(reference: NDArray[np.float32], result: NDArray[np.float32]) -> Quality:
    """Two waveforms of one length, [600 * frames], at 24 kHz."""
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
    """Mean and worst; of what may go wrong either way, the largest."""
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
    """For reports."""
    digits = {"dc": 5, "railed": 5, "stoi": 4}
    return {k: v if isinstance(v, bool) else round(v, digits.get(k, 2)) for k, v in asdict(quality).items()}
