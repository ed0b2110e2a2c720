"""Computes the angle of a complex number from its two parts.

Before   torch.angle(re + j im)
After    one arctangent of min / max, moved to the right octant by the signs
Why      ONNX has Atan, not Atan2; and the branch matters, because the vocoder reads raw phases. An imaginary part of
         zero counts as positive, so that DC and Nyquist get 0 or +pi by the sign of the real part, as torch.stft gives
         them
Price    float32 rounding: within 1e-6 rad
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def angle(real: Tensor, imaginary: Tensor) -> Tensor:
    """Radians in (-pi, pi], any shape; the angle of 0 is 0."""
    x, y = real.abs(), imaginary.abs()
    larger = torch.maximum(x, y)
    turn = torch.atan(torch.minimum(x, y) / torch.where(larger > 0, larger, torch.ones(1)))
    turn = torch.where(y > x, math.pi / 2 - turn, turn)
    turn = torch.where(real < 0, math.pi - turn, turn)
    return torch.where(imaginary < 0, -turn, turn)
