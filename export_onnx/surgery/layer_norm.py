"""Layer normalization over channels, as separate operators.

Before   LayerNorm over the last axis of [1, T, C]
After    mean and variance over axis 1 of [1, C, 1, T]: ReduceMean, Sub, Mul(d, d), ReduceMean, Sqrt, Div, Mul, Add
Why      NNAPI has no LayerNormalization, and ONNX Runtime fuses the form with Pow into one again; the channel axis
         stays where the convolutions have it
Price    exact up to float32 rounding (>= 100 dB)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ChannelNorm(nn.Module):
    """LayerNorm on [1, C, 1, T]."""

    def __init__(self, gamma: Tensor, beta: Tensor, eps: float) -> None:
        super().__init__()
        self.gamma = nn.Parameter(gamma.detach().reshape(1, -1, 1, 1).clone(), requires_grad=False)
        self.beta = nn.Parameter(beta.detach().reshape(1, -1, 1, 1).clone(), requires_grad=False)
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """[1, C, 1, T] -> the same shape."""
        centred = x - x.mean(1, keepdim=True)
        variance = (centred * centred).mean(1, keepdim=True)
        return centred / torch.sqrt(variance + self.eps) * self.gamma + self.beta
