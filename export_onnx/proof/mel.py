"""Log-mel spectra and the distance between two sounds that are aligned in time."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from export_onnx.errors import ParityError
from export_onnx.geometry import SAMPLE_RATE

WINDOW: Final = 1024  # samples, Hann
HOP: Final = 256
BANDS: Final = 80
FLOOR_DB: Final = -80.0  # below the reference's loudest band: not heard, and a logarithm of nothing


def mel_filters() -> NDArray[np.float64]:
    """Triangles on the HTK mel scale, 0 to 12 kHz: [80, 513]."""
    nyquist = SAMPLE_RATE / 2
    top = 2595 * np.log10(1 + nyquist / 700)
    edges = 700 * (10 ** (np.linspace(0, top, BANDS + 2) / 2595) - 1)
    bins = np.linspace(0, nyquist, WINDOW // 2 + 1)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    return np.maximum(0, np.minimum(rising, falling))


def mel_power(waveform: Any) -> NDArray[np.float64]:
    """Waveform [L] at 24 kHz -> power in each band, [80, frames]; short sounds are padded to one window."""
    x: NDArray[np.float64] = np.asarray(waveform, dtype=np.float64).reshape(-1)
    x = np.pad(x, WINDOW // 2)
    frames = 1 + (len(x) - WINDOW) // HOP
    windows = np.lib.stride_tricks.sliding_window_view(x, WINDOW)[: frames * HOP : HOP]
    spectrum = np.fft.rfft(windows * np.hanning(WINDOW + 1)[:-1], axis=1)
    return mel_filters() @ (np.abs(spectrum) ** 2).T


def log_mel_distance(reference: Any, result: Any) -> float:
    """Root mean square difference of two log-mel spectra in dB, over bands and frames. 1.5 times too loud: 3.5 dB.

    Raises:
        ParityError: the lengths differ.
    """
    a, b = np.asarray(reference).reshape(-1), np.asarray(result).reshape(-1)
    if a.shape != b.shape:
        raise ParityError("lengths", expected=str(a.shape), got=str(b.shape), todo="Compare with the same durations.")
    power_a, power_b = mel_power(a), mel_power(b)
    floor = max(power_a.max() * 10 ** (FLOOR_DB / 10), 1e-20)
    log_a, log_b = (10 * np.log10(np.maximum(p, floor)) for p in (power_a, power_b))
    return float(np.sqrt(np.mean((log_a - log_b) ** 2)))
