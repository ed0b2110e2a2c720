"""The student's losses: multi-resolution STFT, mel, and absolute errors of duration, F0 and energy."""

from __future__ import annotations

from typing import Final

import torch
from torch.nn.functional import l1_loss

from export_onnx.demo_voice.trainer.signal_features import log_mel

RESOLUTIONS: Final = (2048, 1024, 512, 128)  # samples; the first resolves harmonics, the last plosives
FLOOR: Final = 1e-5  # of the window's length: about 85 dB under the loudest bin, so that digital silence weighs little
MEL_FLOOR: Final = -6.0  # nepers; 60 dB below loud speech


def magnitudes(audio: torch.Tensor, size: int) -> torch.Tensor:
    """`[B, samples]` -> `[B, size/2 + 1, columns]`, hop a quarter of the window, floor added in power."""
    window = torch.hann_window(size, device=audio.device)
    spectrum = torch.view_as_real(torch.stft(audio, size, size // 4, window=window, return_complex=True))
    return torch.sqrt(spectrum.square().sum(-1) + (FLOOR * size) ** 2)


def spectral_loss(said: torch.Tensor, taught: torch.Tensor) -> torch.Tensor:
    """Spectral convergence and log-magnitude distance over all resolutions, and the log-mel distance.

    Args:
        said: `[B, 600 F]`, the student's audio.
        taught: `[B, 600 F]`, the teacher's; phases are not compared.
    """
    total = torch.zeros((), device=said.device)
    for size in RESOLUTIONS:
        ours, theirs = magnitudes(said, size), magnitudes(taught, size)
        convergence = torch.linalg.vector_norm(theirs - ours) / torch.linalg.vector_norm(theirs).clamp(min=1e-3)
        total = total + convergence + l1_loss(ours.log(), theirs.log())
    return total / len(RESOLUTIONS) + 0.5 * l1_loss(log_mel(said), log_mel(taught))


def masked_l1(said: torch.Tensor, taught: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean absolute error where `mask` is 1."""
    return ((said - taught).abs() * mask).sum() / mask.sum()


def mel_loss(said: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
    """Absolute error of a predicted log mel, without levels that nobody hears.

    Args:
        said: `[B, 80, 2 F]`, nepers.
        audio: `[B, 600 F]`, the teacher's.
    """
    return l1_loss(said, log_mel(audio).clamp(min=MEL_FLOOR))
