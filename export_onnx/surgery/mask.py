"""Masks of real time steps, each with its share of the axis.

Before   no mask: the original runs at its natural length
After    0/1 masks at the frame's multiples, made from one input by concatenation
Why      a bucket has a fixed length; sums over padding would change every statistic, and a convolution would read
         other values than the original's zero padding. NNAPI has no comparison and no Where: masks are data
Price    exact: multiplying by 0 and 1

Statistics divide by `share`, the mean of the mask: a ratio of means stays in range, while a sum of 24,000 squares
would overflow in half precision.

A graph of free length has no padding. There, every function takes `None` in place of a mask and leaves out the
mask's products.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Mask(NamedTuple):
    """The real steps of one time axis.

    Attributes:
        real: [1, 1, 1, L], 1 on real steps, 0 on padding.
        share: [1, 1, 1, 1], the mean of `real`.
    """

    real: Tensor
    share: Tensor


def make_mask(real: Tensor) -> Mask:
    """A mask from its 0/1 steps, [1, 1, 1, L]."""
    return Mask(real, real.mean(3, keepdim=True))


def repeat_steps(x: Tensor, times: int) -> Tensor:
    """Repeats each step of [1, C, 1, L]: [1, C, 1, L * times]. NNAPI does not have both Resize and Expand."""
    channels, length = x.shape[1], x.shape[3]
    column = x.reshape(1, channels, length, 1)
    return torch.cat([column] * times, 3).reshape(1, channels, 1, length * times)


def spectral_mask(frame_mask: Tensor, times: int, length: int) -> Tensor:
    """[1, 1, 1, F] -> [1, 1, 1, length] one step more than `times` per frame, as an STFT has a column at each end."""
    first = torch.ones(1, 1, 1, 1)
    rest = torch.zeros(1, 1, 1, length - 1 - frame_mask.shape[3] * times)
    return torch.cat([first, repeat_steps(frame_mask, times), rest], 3)


def column_mask(n_frames: Tensor, frames: int, times: int) -> Tensor:
    """n_frames [1] -> [1, 1, frames * times + 1], 1 on the real columns of a centered STFT. For CPU stages."""
    real = (torch.arange(frames, dtype=torch.int32) < n_frames).float().reshape(-1, 1)
    return torch.cat([torch.ones(1, 1, 1), (real * torch.ones(1, times)).reshape(1, 1, -1)], 2)
