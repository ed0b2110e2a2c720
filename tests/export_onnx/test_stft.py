"""STFT and inverse against torch.stft / torch.istft: >= 120 dB at even, odd, very short lengths."""

from __future__ import annotations

import pytest
import torch
from kokoro.custom_stft import CustomSTFT
from torch import Tensor

from export_onnx.geometry import BINS, HOP, N_FFT
from export_onnx.proof.decibels import snr
from export_onnx.surgery.stft import InverseStft, Stft, reflect

FLOOR = 120.0  # dB
FIXED = 3000  # samples
LENGTHS = (12, 15, 37, 600, 1001, 2999, FIXED)


def reference(x: Tensor) -> Tensor:
    return torch.stft(x, N_FFT, HOP, N_FFT, torch.hann_window(N_FFT), return_complex=True)


def signal(n: int) -> Tensor:
    return torch.randn(1, n, generator=torch.Generator().manual_seed(n))


def ours(x: Tensor, n: int) -> Tensor:
    """The real columns of our STFT of a padded signal, complex."""
    padded = torch.nn.functional.pad(x, (0, FIXED - n), value=5.0)  # rubbish behind the real end
    magnitude, phase = Stft()(padded, torch.tensor([n]))
    return torch.polar(magnitude, phase)[:, :, : n // HOP + 1]


@pytest.mark.parametrize("n", LENGTHS)
def test_stft(n: int) -> None:
    expected, got = reference(signal(n)), ours(signal(n), n)
    assert snr(torch.view_as_real(expected), torch.view_as_real(got)) >= FLOOR


@pytest.mark.parametrize("n", LENGTHS)
def test_dc_and_nyquist_have_the_original_phase(n: int) -> None:
    padded = torch.nn.functional.pad(signal(n), (0, FIXED - n))
    phase = Stft()(padded, torch.tensor([n]))[1][:, :, : n // HOP + 1]
    assert torch.equal(phase[:, [0, -1]], reference(signal(n)).angle()[:, [0, -1]])


def test_the_first_column_does_not_depend_on_rounding() -> None:
    phase = Stft()(signal(FIXED), torch.tensor([FIXED]))[1][0, :, 0]
    assert bool(((phase == 0) | (phase - torch.pi).abs().lt(1e-6)).all())
    assert reference(signal(FIXED)).angle()[0, :, 0].min() < -3, "torch leaves the sign to chance"


def test_reflection_at_the_real_end() -> None:
    x = torch.arange(1.0, FIXED + 1).unsqueeze(0)
    n = 100
    assert reflect(x, torch.tensor([n]))[0, : n + N_FFT].tolist() == (
        torch.nn.functional.pad(x[:, :n].unsqueeze(0), (10, 10), "reflect")[0, 0].tolist()
    )


@pytest.mark.parametrize("columns", [2, 3, 8, 121, 600])
def test_inverse(columns: int) -> None:
    draw = torch.Generator().manual_seed(columns)
    magnitude, phase = torch.rand(1, BINS, columns, generator=draw), torch.randn(1, BINS, columns, generator=draw) * 3
    expected = torch.istft(torch.polar(magnitude, phase), N_FFT, HOP, N_FFT, torch.hann_window(N_FFT))
    behind = 650 - columns
    real = (torch.arange(650) < columns).float().reshape(1, 1, -1)
    wide = [torch.nn.functional.pad(t, (0, behind), value=1.0) for t in (magnitude, phase)]
    got = InverseStft()(*wide, real)
    samples = HOP * (columns - 1)
    assert snr(expected, got[:, :samples]) >= FLOOR
    assert got[:, samples:].abs().max() == 0
    unended = InverseStft()(*wide, torch.ones_like(real))[:, :samples]
    assert snr(expected, unended) < 60, "a window sum over padding must show"


def test_round_trip() -> None:
    x = signal(FIXED)
    magnitude, phase = Stft()(x, torch.tensor([FIXED]))
    assert snr(x, InverseStft()(magnitude, phase, torch.ones(1, 1, magnitude.shape[2]))) >= FLOOR


def test_the_upstream_real_stft_would_be_caught() -> None:
    upstream = CustomSTFT(N_FFT, HOP, N_FFT)
    x = signal(600)
    magnitude, phase = upstream.transform(x)
    assert snr(x, upstream.inverse(magnitude, phase).reshape(1, -1)[:, :600]) < 20
    exact = torch.istft(torch.polar(magnitude, phase), N_FFT, HOP, N_FFT, torch.hann_window(N_FFT))
    wrong = upstream.inverse(magnitude, phase).reshape(1, -1)[:, : exact.shape[1]]
    assert torch.corrcoef(torch.cat([exact, wrong]))[0, 1] > 0.95, "correlation does not see it"
    assert snr(exact, wrong) < 15, "decibels do"
