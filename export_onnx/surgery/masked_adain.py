"""Adaptive instance normalization over real steps only, from ops that every provider takes.

Before   (1 + gamma(s)) * InstanceNorm(x) + beta(s)
After    d = (x - mean) * mask;  (d * gain(s) / sqrt(mean(d * d) + eps) + beta(s)) * mask
         mean(.) over real steps: ReduceMean divided by the mask's share
Why      NNAPI has no InstanceNormalization, and statistics over padding would change the sound of every sentence that
         does not fill its bucket. Mul(d, d) instead of Pow: Qualcomm's compiler gets Pow(x, 2) wrong. The output is
         masked here, before the activation, and never between the activation and a quantized convolution, which that
         compiler gets wrong as well
         On the CPU the statistics may be taken in float64: F0 then is the same to the last bit in every bucket, and so
         is the phase of the source, which sums F0 over seconds
Price    exact in exact arithmetic; >= 100 dB in float32. The affine part of the norm, if a checkpoint has one, and the
         `1 +` are folded into the two style layers (style.py), which may be in another graph
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from kokoro.istftnet import AdaIN1d
from torch import Tensor, nn

from export_onnx.surgery.mask import Mask
from export_onnx.surgery.style import Style, StyleLayers


class MaskedAdaIN(nn.Module):
    """AdaIN1d on [1, C, 1, L]; output zero on padding.

    Args:
        style: a function that makes the module which computes gain and shift from the style.
    """

    def __init__(
        self,
        original: AdaIN1d,
        statistics: torch.dtype = torch.float32,
        style: Callable[[AdaIN1d], nn.Module] = StyleLayers,
    ) -> None:
        super().__init__()
        self.statistics = statistics
        self.eps = original.norm.eps
        self.style = style(original)

    def forward(self, x: Tensor, style: Style, mask: Mask | None) -> Tensor:
        """x [1, C, 1, L], what `self.style` takes -> [1, C, 1, L]."""
        gain, shift = self.style(style)
        if mask is None:
            centred = x - self._mean(x)
            return centred * (gain / torch.sqrt(self._mean(centred * centred) + self.eps)) + shift
        centred = (x - self._mean(x * mask.real, mask)) * mask.real
        variance = self._mean(centred * centred, mask)
        gain = gain / torch.sqrt(variance + self.eps)
        # The mask last, over the whole sum: with it on `shift` alone, Qualcomm's compiler gets the LeakyReLU and the
        # quantized convolution behind wrong (-5 dB), see tests/android_test/test_silent_miscompiles.py.
        return (centred * gain + shift) * mask.real

    def _mean(self, x: Tensor, mask: Mask | None = None) -> Tensor:
        """The mean over real steps of an x that is zero on padding: [1, C, 1, L] -> [1, C, 1, 1]."""
        if mask is None:
            return x.to(self.statistics).mean(3, keepdim=True).float()
        if self.statistics == torch.float32:
            return x.mean(3, keepdim=True) / mask.share
        share = mask.real.to(self.statistics).mean(3, keepdim=True)
        return (x.to(self.statistics).mean(3, keepdim=True) / share).float()
