"""Repeats each token for its frames, without loops or shapes that depend on data.

Before   repeat_interleave over the tokens, a one-hot matrix of as many columns as there are frames, a product
After    frame j belongs to token #{t : end_t <= j}, end = CumSum(frames per token); Gather by that index
Why      a graph of fixed shapes cannot make a matrix of a predicted size
Price    exact: the product with a one-hot matrix is a copy
"""

from __future__ import annotations

import torch
from torch import Tensor


def token_of_frame(frames_per_token: Tensor, frames: int | Tensor) -> Tensor:
    """[1, T] int32 -> [frames] int64, the token that each frame belongs to; the last token behind the end."""
    ends = torch.cumsum(frames_per_token, 1, dtype=torch.int32)
    steps = torch.arange(frames, dtype=torch.int32)  # type: ignore[arg-type]  # of free length, a tensor says how many
    before = (ends.reshape(-1, 1) <= steps).to(torch.int32)  # [T, frames]
    return before.sum(0).clamp(max=frames_per_token.shape[1] - 1)
