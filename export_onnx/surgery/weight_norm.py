"""Folds weight normalization into a plain weight.

Before   weight = g * v / ||v||, computed at every call
After    weight, a constant
Why      an NPU takes convolution weights as constants only, and quantizing needs the final values
Price    exact: the same float32 product, computed once
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def folded_weight(conv: Any) -> Tensor:
    """The weight that `conv` computes with, with or without weight normalization; detached, same shape."""
    if not hasattr(conv, "weight_g"):
        weight: Tensor = conv.weight.detach().clone()
        return weight
    # Upstream normalizes over every axis but the first, transposed convolutions included.
    return torch._weight_norm(conv.weight_v.detach(), conv.weight_g.detach(), 0).clone()


def folded_bias(conv: Any) -> Tensor | None:
    """The bias, detached, or None."""
    return None if conv.bias is None else conv.bias.detach().clone()
