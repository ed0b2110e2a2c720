"""Snake without Pow.

Before   x + (1 / alpha) * sin(alpha * x) ** 2
After    x + inverse_alpha * (sin(alpha * x) * sin(alpha * x))
Why      Qualcomm's compiler computes Pow(x, 2) at 27 dB without an error; Mul(x, x) gives 66 dB.
         1 / alpha is a constant: NNAPI has no Reciprocal
Price    exact up to float32 rounding (>= 100 dB)

Snake(0) = 0, so the mask can be applied before it, where it is safe (see masked_adain.py).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export_onnx.surgery.named_factor import NamedFactor


class Snake(nn.Module):
    """Periodic activation on [1, C, 1, L], one frequency per channel.

    Args:
        alpha: the frequencies, C numbers of any shape.
    """

    def __init__(self, alpha: Tensor) -> None:
        super().__init__()
        frequency = alpha.detach().reshape(1, -1, 1, 1).clone()
        self.frequency = NamedFactor(frequency)
        self.amplitude = NamedFactor(1 / frequency)

    def forward(self, x: Tensor) -> Tensor:
        """[1, C, 1, L] -> the same shape."""
        sine = torch.sin(self.frequency(x))
        return x + self.amplitude(sine * sine)
