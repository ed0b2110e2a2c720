"""Adaptive instance normalization over real steps only, from ops that every provider takes.

Before   (1 + gamma(s)) * InstanceNorm(x) + beta(s)
After    d = (x - mean) * mask;  (d * gain(s) / sqrt(mean(d * d) + eps) + beta(s)) * mask
         mean(.) over real steps: ReduceMean divided by the mask's share
Why      NNAPI has no InstanceNormalization; statistics over padding wreck the sound (12.6 dB at 93 % fill in
         another project's port). Mul(d, d) instead of Pow: Qualcomm's compiler gets Pow(x, 2) wrong. The output is
         masked here, before the activation, and never between the activation and a quantized convolution, which
         that compiler gets wrong as well
         On the CPU the statistics may be taken in float64: F0 then is the same to the last bit in every bucket, and so
         is the phase of the source, which sums F0 over seconds
Price    exact in exact arithmetic; >= 100 dB in float32. The affine part of the norm, where a checkpoint has one,
         and the `1 +` are folded into the two style layers
"""

from __future__ import annotations

import torch
from kokoro.istftnet import AdaIN1d
from torch import Tensor, nn

from export_onnx.surgery.mask import Mask


class MaskedAdaIN(nn.Module):
    """AdaIN1d on [1, C, 1, L]; output zero on padding."""

    def __init__(self, original: AdaIN1d, statistics: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.statistics = statistics
        norm, fc = original.norm, original.fc
        channels = norm.num_features
        self.eps = norm.eps
        scale = norm.weight.detach() if norm.weight is not None else torch.ones(channels)
        shift = norm.bias.detach() if norm.bias is not None else torch.zeros(channels)
        gamma_w, beta_w = fc.weight.detach().split(channels)
        gamma_b, beta_b = fc.bias.detach().split(channels)
        self.gain = nn.Linear(fc.in_features, channels)
        self.shift = nn.Linear(fc.in_features, channels)
        with torch.no_grad():
            # (1 + gamma) * (scale * n + shift) + beta, sorted by n
            self.gain.weight.copy_(scale[:, None] * gamma_w)
            self.gain.bias.copy_(scale * (1 + gamma_b))
            self.shift.weight.copy_(beta_w + shift[:, None] * gamma_w)
            self.shift.bias.copy_(beta_b + shift * (1 + gamma_b))
        self.requires_grad_(False)

    def forward(self, x: Tensor, style: Tensor, mask: Mask) -> Tensor:
        """x [1, C, 1, L], style [1, 128] -> [1, C, 1, L]."""
        centred = (x - self._mean(x * mask.real, mask)) * mask.real
        variance = self._mean(centred * centred, mask)
        gain = self.gain(style).reshape(1, -1, 1, 1) / torch.sqrt(variance + self.eps)
        shift = self.shift(style).reshape(1, -1, 1, 1)
        # The mask last, over the whole sum: with it on `shift` alone, Qualcomm's compiler gets the LeakyReLU and the
        # quantized convolution behind wrong (-5 dB), see tests/test_coverage_silent.py.
        return (centred * gain + shift) * mask.real

    def _mean(self, x: Tensor, mask: Mask) -> Tensor:
        """The mean over real steps of an x that is zero on padding: [1, C, 1, L] -> [1, C, 1, 1]."""
        if self.statistics == torch.float32:
            return x.mean(3, keepdim=True) / mask.share
        share = mask.real.to(self.statistics).mean(3, keepdim=True)
        return (x.to(self.statistics).mean(3, keepdim=True) / share).float()
