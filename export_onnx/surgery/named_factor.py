"""Gives a product by a constant a name of its own.

Before   y = factor * x, written inside another module's `forward`
After    y = self.factor(x): the same product in a module of its own
Why      the exporter names a node by its module's path and a count of the operators before it (`Mul_2`), so the name of
         a bare product moves with every line above it. Equalization (quantize/sound/sites.py) rescales these factors
         and must find them by a name that surgery chose: `/resblocks.0/snakes1.0/amplitude` holds exactly one node
Price    exact: the same node. `NamedTerm` is the same for a sum
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class NamedFactor(nn.Module):
    """Multiplies by one number, or by one number per channel.

    Args:
        factor: a number, or [1, C, 1, 1].
    """

    def __init__(self, factor: float | Tensor) -> None:
        super().__init__()
        self.factor: float | Tensor = (
            nn.Parameter(factor.detach().clone(), requires_grad=False) if isinstance(factor, Tensor) else factor
        )

    def forward(self, x: Tensor) -> Tensor:
        """[1, C, 1, L] -> the same shape."""
        return torch.mul(self.factor, x) if isinstance(self.factor, Tensor) else x * self.factor


class NamedTerm(nn.Module):
    """Adds one number per channel.

    Args:
        term: [1, C, 1, 1].
    """

    def __init__(self, term: Tensor) -> None:
        super().__init__()
        self.term = nn.Parameter(term.detach().clone(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """[1, C, 1, L] -> the same shape."""
        return x + self.term
