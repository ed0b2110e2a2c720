"""A model of unknown words: how likely a unit (a letter and its sounds) is behind the units before it.

An n-gram model of joint units after Bisani and Ney, https://doi.org/10.1016/j.specom.2008.01.002, with interpolated
Kneser-Ney smoothing. Rare n-grams are left out; the weight of the shorter context is computed from those that stay, so
that the chances behind every context sum to 1. Costs are whole numbers, -16 ln(chance), so every processor finds the
same best word.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ORDER: Final = 6  # units of an n-gram
LEAST: Final = (1, 1, 2, 2, 2, 3)  # times that an n-gram of each order was seen
SCALE: Final = 16
DEAREST: Final = 255
EDGE: Final = 0  # before the first unit and behind the last
Context = tuple[int, ...]


@dataclass(frozen=True)
class Ngrams:
    """Per order: units -> their cost and, as a context, the cost of falling back to a shorter one."""

    orders: tuple[dict[Context, tuple[int, int]], ...]


def count_ngrams(words: Sequence[Sequence[int]]) -> Ngrams:
    """The model of words that are given as numbers of units, 1 or more each."""
    counts: list[dict[Context, int]] = [defaultdict(int) for _ in range(ORDER)]
    for word in words:
        run = (EDGE, *word, EDGE)
        for end in range(2, len(run) + 1):
            for n in range(1, ORDER + 1):
                if end - n >= 0:
                    counts[n - 1][run[end - n : end]] += 1
    smooth = [_kneser_ney(counts, n) for n in range(1, ORDER + 1)]
    chances: list[dict[Context, float]] = []
    for n in range(ORDER):
        discount, weights, totals, behind = smooth[n]
        level = {}
        for gram, count in weights.items():
            lower = chances[n - 1].get(gram[1:], 0.0) if n else 1.0 / len(counts[0])
            total = totals[gram[:-1]]
            level[gram] = max(count - discount, 0.0) / total + discount * behind[gram[:-1]] / total * lower
        chances.append(level)
    kept = _kept(counts, chances)
    return _with_fallbacks(kept)


def _kneser_ney(
    counts: list[dict[Context, int]], n: int
) -> tuple[float, dict[Context, int], dict[Context, int], dict[Context, int]]:
    """Discount, counts, sums and kinds behind each context; below the highest order, of how many contexts differ."""
    if n == ORDER:
        weights = counts[n - 1]
    else:
        weights = defaultdict(int)
        for gram in counts[n]:
            weights[gram[1:]] += 1
        for gram, count in counts[n - 1].items():
            if gram[0] == EDGE:  # nothing stands before it
                weights[gram] = count
    ones, twos = (sum(1 for c in weights.values() if c == k) for k in (1, 2))
    totals: dict[Context, int] = defaultdict(int)
    behind: dict[Context, int] = defaultdict(int)
    for gram, count in weights.items():
        totals[gram[:-1]] += count
        behind[gram[:-1]] += 1
    return (ones / (ones + 2 * twos) if ones else 0.5), weights, totals, behind


def _kept(counts: list[dict[Context, int]], chances: list[dict[Context, float]]) -> list[dict[Context, float]]:
    """The n-grams that are frequent enough and whose context is kept, too."""
    kept: list[dict[Context, float]] = []
    for n, level in enumerate(chances):
        often = counts[n]
        kept.append(
            {g: p for g, p in level.items() if often[g] >= LEAST[n] and (n == 0 or g[:-1] in kept[n - 1] or n == 1)}
        )
    kept[0].setdefault((EDGE,), 1.0 / len(counts[0]))
    return kept


def _with_fallbacks(kept: list[dict[Context, float]]) -> Ngrams:
    """Costs, and for each context the cost of what it leaves to a shorter one."""

    def chance(gram: Context, left: dict[Context, float]) -> float:
        found = kept[len(gram) - 1].get(gram)
        if found is not None:
            return found
        return left.get(gram[:-1], 1.0) * chance(gram[1:], left) if len(gram) > 1 else 1e-7

    left: dict[Context, float] = {}
    for n in range(1, ORDER):
        taken: dict[Context, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for gram, p in kept[n].items():
            sums = taken[gram[:-1]]
            sums[0] += p
            sums[1] += chance(gram[1:], left)
        for context, (own, lower) in taken.items():
            left[context] = max(1.0 - own, 1e-6) / max(1.0 - lower, 1e-6)
    return Ngrams(
        tuple({gram: (_cost(p), _cost(left.get(gram, 1.0))) for gram, p in sorted(level.items())} for level in kept)
    )


def _cost(chance: float) -> int:
    return min(DEAREST, max(0, round(-SCALE * math.log(chance))))
