"""Reflects one step on the left, without Pad.

Before   ReflectionPad1d((1, 0)): x[1], x[0], x[1], ...
After    Concat(x[1:2], x, zeros): the same, and padding up to the stage's length
Why      NNAPI pads with constants only; Qualcomm's compiler refuses the odd length that one more step would give
Price    exact
"""

from __future__ import annotations

import torch
from torch import Tensor


def reflect_left(x: Tensor, length: int | None) -> Tensor:
    """[1, C, 1, L] -> [1, C, 1, length], length > L; zeros behind. Without a length: [1, C, 1, L + 1]."""
    if length is None:
        return torch.cat([x[:, :, :, 1:2], x], 3)
    behind = torch.zeros(1, x.shape[1], 1, length - x.shape[3] - 1)
    return torch.cat([x[:, :, :, 1:2], x, behind], 3)
