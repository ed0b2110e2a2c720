"""Streaming statistics of a tensor's channels: exact extremes, and a histogram whose range grows with the data.

Memory does not depend on the amount of data. Bins are symmetric around zero and as wide as a power of two. If a value
is outside, the histogram merges its bins in pairs, so the result does not depend on the order of the samples.
Histograms are kept per channel, because a channel that is later scaled by s only has its bins scaled by s.

The upsamplers repeat a pattern every 2, 20, 60 or 120 steps, and a grid of sampled steps that shares a factor with it
would meet only a part of the pattern. So the sampled steps follow the golden ratio, which shares none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

BINS: Final = 1024  # per channel
STEPS_A_SAMPLE: Final = 512  # of time enter histogram and moments; extremes are of all
GOLDEN: Final = (5**0.5 - 1) / 2
SMALLEST: Final = -40  # log2 of the half range of a channel of zeros


@dataclass
class ChannelStatistics:
    """The statistics of one tensor so far, per channel.

    Attributes:
        low, high: exact extremes, [C].
        total, squares: sums over the sampled steps, [C].
        exponent: the histogram covers -2**exponent to 2**exponent, [C].
        counts: [C, BINS].
        steps: how many steps of time were sampled.
    """

    channels: int
    low: NDArray[np.float64] = field(init=False)
    high: NDArray[np.float64] = field(init=False)
    total: NDArray[np.float64] = field(init=False)
    squares: NDArray[np.float64] = field(init=False)
    exponent: NDArray[np.int64] = field(init=False)
    counts: NDArray[np.int64] = field(init=False)
    steps: int = 0

    def __post_init__(self) -> None:
        self.low = np.full(self.channels, np.inf)
        self.high = np.full(self.channels, -np.inf)
        self.total = np.zeros(self.channels)
        self.squares = np.zeros(self.channels)
        self.exponent = np.full(self.channels, SMALLEST, dtype=np.int64)
        self.counts = np.zeros((self.channels, BINS), dtype=np.int64)

    def add(self, x: NDArray[np.float32]) -> None:
        """Adds the real steps of one sentence, [C, L]."""
        low, high = x.min(1), x.max(1)
        self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)
        self._grow(np.maximum(np.abs(low), np.abs(high)))
        some = x[:, sampled_steps(x.shape[1])].astype(np.float64)
        self.total += some.sum(1)
        self.squares += np.square(some).sum(1)
        self.steps += some.shape[1]
        scaled = some * (BINS / 2 * np.exp2(-self.exponent.astype(np.float64)))[:, None] + BINS / 2
        bins = np.clip(scaled.astype(np.int64), 0, BINS - 1) + np.arange(self.channels)[:, None] * BINS
        self.counts += np.bincount(bins.ravel(), minlength=self.counts.size).reshape(self.counts.shape)

    def _grow(self, peak: NDArray[np.float32]) -> None:
        wanted = np.ceil(np.log2(np.maximum(peak, 2.0**SMALLEST) * (1 + 1e-6))).astype(np.int64)
        for channel in np.flatnonzero(wanted > self.exponent):
            times = int(wanted[channel] - self.exponent[channel])
            row = self.counts[channel]
            for _ in range(times):
                if not row.any():
                    break
                row = _halve(row)
            self.counts[channel] = row
            self.exponent[channel] = wanted[channel]


@cache
def sampled_steps(length: int) -> NDArray[np.int64]:
    """At most `STEPS_A_SAMPLE` different steps of `length`, in order, spread evenly but on no grid."""
    if length <= STEPS_A_SAMPLE:
        return np.arange(length)
    drawn = dict.fromkeys(int(i * GOLDEN % 1 * length) for i in range(1, 2 * STEPS_A_SAMPLE))
    return np.sort(np.array(list(drawn)[:STEPS_A_SAMPLE]))


def _halve(row: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same counts in bins of twice the width."""
    merged = row.reshape(-1, 2).sum(1)
    quarter = len(row) // 4
    return np.concatenate([np.zeros(quarter, np.int64), merged, np.zeros(quarter, np.int64)])
