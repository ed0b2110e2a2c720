"""Texts with seeded durations, as voices have them."""

from __future__ import annotations

import numpy as np

from selector.choose.voice_table import Measured


def texts(seed: int, number: int, mean: float = 2.2, spread: float = 1.0) -> list[Measured]:
    """Every token has its own duration, and some texts are slower than others."""
    draws = np.random.default_rng(seed)
    lengths = draws.integers(3, 384, number)
    pace = draws.normal(mean, 0.08, number)
    return [
        Measured(int(n), 0, np.maximum(draws.normal(p, spread, n) * 1000, 200).astype(np.int64))
        for n, p in zip(lengths, pace, strict=True)
    ]


def paused(seed: int, number: int) -> list[Measured]:
    """Texts where every pause is 9 frames of silence, about 4 tokens."""
    draws = np.random.default_rng(seed)
    made = []
    for n in draws.integers(20, 300, number):
        pauses = int(draws.binomial(int(n), 0.04))
        durations = np.maximum(draws.normal(2.2, 1, n) * 1000, 200).astype(np.int64)
        durations[:pauses] += 9000
        made.append(Measured(int(n), pauses, durations))
    return made


def bent(seed: int, number: int) -> list[Measured]:
    """Texts of a voice whose pace depends on the text's length, as rows of a voice pack differ."""
    draws = np.random.default_rng(seed)
    made = []
    for n in draws.integers(3, 384, number):
        pace = 2.0 + 0.6 * max(0.0, 1 - abs(int(n) - 190) / 190)
        made.append(Measured(int(n), 0, np.maximum(draws.normal(pace, 1, n) * 1000, 200).astype(np.int64)))
    return made
