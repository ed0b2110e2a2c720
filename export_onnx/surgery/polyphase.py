"""Computes transposed convolutions as ordinary ones, with one group of channels per output phase.

Before   ConvTranspose1d(k = 2u, stride u, padding u / 2): [1, C, L] -> [1, D, L * u]
After    Conv2d(kernel 3) to D * u channels, reshape [D, u, L], transpose to [D, L, u], flatten
         out[u * t + p] = sum_j w[u * j + p + u / 2] * x[t - j],  j in -1, 0, 1
Why      NNAPI has no ConvTranspose, and Qualcomm's compiler shifts the depthwise one with output padding by one step
Price    exact: the same products. A third of the dense taps are zeros (two of three are used per phase): 1 % of the
         vocoder's multiply-adds

The depthwise case (AdainResBlk1d.pool: k = 3, stride 2, padding 1, output padding 1) has two phases:
    out[2t] = w[1] * x[t],   out[2t + 1] = w[2] * x[t] + w[0] * x[t + 1]
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export_onnx.surgery.conv2d import make_conv2d
from export_onnx.surgery.named_factor import NamedFactor, NamedTerm
from export_onnx.surgery.weight_norm import folded_bias, folded_weight


def interleave(x: Tensor, phases: int) -> Tensor:
    """[1, D * phases, 1, L], the phases of each channel side by side -> [1, D, 1, L * phases]."""
    channels, length = x.shape[1] // phases, x.shape[3]
    return x.reshape(1, channels, phases, length).permute(0, 1, 3, 2).reshape(1, channels, 1, length * phases)


class PolyphaseUpsample(nn.Module):
    """A dense ConvTranspose1d with kernel 2u, stride u and padding u / 2 on [1, C, 1, L]."""

    def __init__(self, original: nn.ConvTranspose1d) -> None:
        super().__init__()
        weight, bias = folded_weight(original), folded_bias(original)  # [C, D, 2u]
        assert bias is not None
        self.rate = original.stride[0]
        inputs, outputs, kernel = weight.shape
        assert kernel == 2 * self.rate
        assert original.padding[0] == self.rate // 2
        phased = torch.zeros(outputs, self.rate, inputs, 3)
        for phase in range(self.rate):
            for shift in (-1, 0, 1):
                tap = self.rate * shift + phase + self.rate // 2
                if 0 <= tap < kernel:
                    phased[:, phase, :, 1 - shift] = weight[:, :, tap].T  # x[t - shift] is tap 1 - shift of padding 1
        self.conv = make_conv2d(
            phased.reshape(outputs * self.rate, inputs, 3), bias.repeat_interleave(self.rate), padding=1
        )

    def forward(self, x: Tensor) -> Tensor:
        """[1, C, 1, L] -> [1, D, 1, L * u]."""
        return interleave(self.conv(x), self.rate)


class DepthwiseUpsample(nn.Module):
    """The depthwise ConvTranspose1d of AdainResBlk1d, doubling [1, C, 1, L].

    The bias is added under the mask: on padding the convolution itself gives zero, so nothing else leaks there.

    Args:
        original: of a residual block.
        padded: whether the time axis may have padding; without it there is no mask.
    """

    def __init__(self, original: nn.ConvTranspose1d, padded: bool = True) -> None:
        super().__init__()
        weight, bias = folded_weight(original), folded_bias(original)  # [C, 1, 3]
        assert bias is not None
        channels = weight.shape[0]
        assert original.groups == channels
        assert original.stride[0] == 2
        assert original.output_padding[0] == 1
        phased = torch.zeros(channels, 2, 1, 3)  # taps x[t - 1], x[t], x[t + 1]; the first is never used
        phased[:, 0, 0, 1] = weight[:, 0, 1]
        phased[:, 1, 0, 1] = weight[:, 0, 2]
        phased[:, 1, 0, 2] = weight[:, 0, 0]
        self.conv = make_conv2d(phased.reshape(2 * channels, 1, 3), None, padding=1, groups=channels)
        term = bias.reshape(1, channels, 1, 1)
        self.bias = NamedFactor(term) if padded else NamedTerm(term)  # the factor is multiplied with the mask

    def forward(self, x: Tensor, real: Tensor | None) -> Tensor:
        """x [1, C, 1, L] zero on padding, real [1, 1, 1, 2L] -> [1, C, 1, 2L], zero on padding."""
        doubled = interleave(self.conv(x), 2)
        sum_: Tensor = self.bias(doubled) if real is None else doubled + self.bias(real)
        return sum_
