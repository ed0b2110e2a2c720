"""The features of a teacher's audio that the student learns: F0, energy, and the mel scale that they need."""

from __future__ import annotations

import functools
import warnings
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from export_onnx.geometry import SAMPLE_RATE, SAMPLES_PER_F0

F0_FLOOR, F0_CEIL = 60.0, 500.0  # Hz; the teacher's voices lie between
MELS: Final = 80
MEL_FFT: Final = 2048
MEL_WINDOW: Final = 1200  # samples
FLOOR: Final = 1e-5  # added before logarithms; about -100 dB


def f0_curve(audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """F0 in Hz by WORLD (DIO, StoneMask), 0 where unvoiced.

    Args:
        audio: `[300 n]`, 24 kHz.

    Returns:
        `[n]`, each value measured at the center of its 12.5 ms.
    """
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # that it uses pkg_resources
        import pyworld  # only the extra `demo-voice` has it, and only the teacher needs it

    signal = audio.astype(np.float64)
    half = 1000 * SAMPLES_PER_F0 / SAMPLE_RATE / 2  # ms; every second position is a centre
    rough, times = pyworld.dio(signal, SAMPLE_RATE, f0_floor=F0_FLOOR, f0_ceil=F0_CEIL, frame_period=half)
    fine = pyworld.stonemask(signal, rough, times, SAMPLE_RATE)
    count = len(audio) // SAMPLES_PER_F0
    return np.asarray(fine[1::2][:count], dtype=np.float32)


@functools.cache
def htk_mel_filters() -> torch.Tensor:
    """`[80, 1025]` triangles, HTK mel scale, 0 to 12 kHz, each of unit area."""
    top = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, MELS + 2) / 2595) - 1)
    bins = np.linspace(0, SAMPLE_RATE / 2, MEL_FFT // 2 + 1)
    rise = (bins[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins[None]) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0, np.minimum(rise, fall))
    return torch.from_numpy(triangles / triangles.sum(axis=1, keepdims=True)).float()


def log_mel(audio: torch.Tensor) -> torch.Tensor:
    """Natural logarithm of mel magnitudes, one column every 300 samples, at the center of its 12.5 ms.

    Args:
        audio: `[..., 300 n]`, 24 kHz.

    Returns:
        `[..., 80, n]`.
    """
    window = torch.hann_window(MEL_WINDOW, device=audio.device)
    half = SAMPLES_PER_F0 // 2
    before = MEL_FFT // 2 - half
    flat = torch.nn.functional.pad(audio.reshape(-1, audio.shape[-1]), (before, MEL_FFT - SAMPLES_PER_F0 - before))
    spectrum = torch.stft(
        flat, MEL_FFT, SAMPLES_PER_F0, MEL_WINDOW, window=window, center=False, return_complex=True
    ).abs()
    mel = torch.log(htk_mel_filters().to(audio.device) @ spectrum + FLOOR)
    return mel.reshape(*audio.shape[:-1], *mel.shape[-2:])


def energy(mel: torch.Tensor) -> torch.Tensor:
    """`[..., 80, n]` log mel -> `[..., n]`: logarithm of the mel spectrum's norm, the model's N."""
    return torch.log(torch.linalg.vector_norm(torch.exp(mel), dim=-2))
