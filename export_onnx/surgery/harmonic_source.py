"""Computes the harmonic source at the rate of F0, with its randomness as an input.

Before   F0 held for 300 samples; phases of nine harmonics interpolated down by 300, summed, interpolated up by 300;
         nine Gaussians per sample; a linear layer 9 -> 1; tanh
After    P_k = sum of frac(f0_k * h / 24000) * 300, wrapped to one turn;
         the phase of sample m of step k is P_k + c_m * step, c_m = (m + 1/2) / 300 - 1/2,
         with the step to the left neighbor in the first half and to the right one in the second; then the sine
Why      F0 is piecewise constant, so the two interpolations cancel but for this line. The random initial phase of
         the original is added to a sample that its down-interpolation never reads. The noise enters before the
         linear layer: one Gaussian per sample, scaled by the layer's norm, has the same distribution as nine
Price    exact formulas. Sums of phases are kept in float64 (only two values per frame) and wrapped before the
         sine: in float32 they lose the upper harmonics after some seconds, in float16 everything
"""

from __future__ import annotations

import math

import torch
from kokoro.istftnet import SourceModuleHnNSF
from torch import Tensor, nn

from export_onnx.geometry import SAMPLES_PER_F0


class HarmonicSource(nn.Module):
    """Computes the excitation from F0."""

    harmonics: Tensor
    left: Tensor
    right: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, original: SourceModuleHnNSF) -> None:
        super().__init__()
        generator, linear = original.l_sin_gen, original.l_linear
        self.sample_rate = float(generator.sampling_rate)
        self.threshold = float(generator.voiced_threshold)  # Hz
        self.voiced_noise = float(generator.noise_std)
        self.unvoiced_noise = float(generator.sine_amp) / 3
        weight = linear.weight.detach().reshape(-1)
        self.register_buffer("harmonics", torch.arange(1, len(weight) + 1, dtype=torch.float64).reshape(-1, 1))
        position = (torch.arange(SAMPLES_PER_F0, dtype=torch.float64) + 0.5) / SAMPLES_PER_F0 - 0.5
        self.register_buffer("left", position[: SAMPLES_PER_F0 // 2].float())
        self.register_buffer("right", position[SAMPLES_PER_F0 // 2 :].float())
        self.register_buffer("weight", (generator.sine_amp * weight).reshape(1, -1))
        self.register_buffer("bias", linear.bias.detach().reshape(1, 1).clone())
        self.noise_gain = float(weight.norm())

    def forward(self, f0: Tensor, noise: Tensor) -> Tensor:
        """f0 [1, S] in Hz, 0 behind the real end; noise [1, 300 S] unit Gaussian -> excitation [1, 300 S].

        To repeat given draws g_h of the original, pass noise = sum_h w_h g_h / ||w||.
        """
        steps = f0.shape[1]
        rate = f0.double() * self.harmonics / self.sample_rate  # turns per sample, [9, S]
        turns = (rate - torch.floor(rate)) * SAMPLES_PER_F0  # turns per step
        summed = torch.cumsum(turns, 1)
        start = (summed - torch.floor(summed)).float().unsqueeze(2)  # [9, S, 1]
        zero = torch.zeros(turns.shape[0], 1, dtype=torch.float64)  # the interpolation is clamped at both ends
        to_left = torch.cat([zero, turns[:, 1:]], 1).float().unsqueeze(2)
        to_right = torch.cat([turns[:, 1:], zero], 1).float().unsqueeze(2)
        phase = torch.cat([start + self.left * to_left, start + self.right * to_right], 2)  # [9, S, 300]
        sines = torch.sin((phase - torch.floor(phase)) * (2 * math.pi))
        harmonic = torch.matmul(self.weight, sines.reshape(-1, steps * SAMPLES_PER_F0))  # [1, 300 S]
        voiced = (f0 > self.threshold).float().reshape(steps, 1)
        loudness = voiced * self.voiced_noise + (1 - voiced) * self.unvoiced_noise
        shape = (steps, SAMPLES_PER_F0)
        mixed = harmonic.reshape(shape) * voiced + noise.reshape(shape) * (loudness * self.noise_gain)
        return torch.tanh(mixed.reshape(1, -1) + self.bias)
