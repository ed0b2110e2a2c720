"""Searches the cheapest convolutions to leave in float so that the vocoder reaches its goal.

    1. Quantize each convolution alone and compare the sound (`sensitivity.py`). Its harm is its share of the noise of
       all convolutions plus its share of their squared log-mel distances, because noise adds in energy along the chain
       and squared log-mel distances nearly do.
    2. Sort the convolutions by harm over price. The price is the share of the multiply-adds plus the share of the
       weights, because a convolution in float costs time and bytes.
    3. Quantize the vocoder without the first 0, 1, 2, 3, 4, 5, 6, 8, 10, 13, … convolutions of that order and compare
       the sound, until the result reaches the goal.
    4. If less than `LEAST_SHARE` of the multiply-adds would be in integers, stop: the NPU would gain too little. The
       result that misses the fewest limits is taken; of several, the one with the least log-mel distance.

An example: convolution A has 10 % of all noise and 6 % of all squared distances, so its harm is 0.16. With 1 % of the
multiply-adds and 3 % of the weights its price is 0.04, and its harm over price is 4. Convolution B has a harm of 0.30
at a price of 0.10, which is 3. So A stays in float before B does, although B does more harm.

Every vocoder that was measured is one point of the trade-off curve. The search uses search sentences only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from quantize.gates import Limits
from quantize.listen.quality import Quality, Summary

LEAST_SHARE: Final = 0.85  # of the multiply-adds in integers
WIDENING: Final = 1.3  # from one measured number of exclusions to the next


@dataclass(frozen=True)
class Candidate:
    """One convolution that may be quantized.

    Attributes:
        share: its share of the multiply-adds of all convolutions, 0 to 1.
        weights: its share of the weights of all convolutions, 0 to 1.
    """

    conv: str
    share: float
    weights: float


@dataclass(frozen=True)
class Point:
    """One measured vocoder.

    Attributes:
        excluded: the convolutions that were in float.
        share: the share of the multiply-adds in integers, 0 to 1.
    """

    excluded: tuple[str, ...]
    share: float
    quality: Summary


@dataclass(frozen=True)
class SearchResult:
    """What the search measured and chose.

    Attributes:
        alone: the mean quality with only this convolution quantized, by its name.
        excluded: the convolutions that stay in float.
        curve: every vocoder that was measured.
    """

    alone: Mapping[str, Quality]
    excluded: tuple[str, ...]
    curve: tuple[Point, ...]


Listen = Callable[[tuple[str, ...]], Summary]  # convolutions in integers -> how the vocoder sounds


def search(
    candidates: Sequence[Candidate],
    never: Sequence[str],
    alone: Mapping[str, Quality],
    listen: Listen,
    goal: Limits,
) -> SearchResult:
    """Leaves convolutions in float, in the order of harm over price, until the goal is reached.

    Args:
        candidates: all convolutions.
        never: those that stay in float whatever they score.
        alone: the mean quality with only this convolution quantized, by its name.
        listen: measures the vocoder with these convolutions quantized.
        goal: the limits that the result is to reach.
    """
    order = [candidate for candidate in candidates if candidate.conv not in never]
    order.sort(key=lambda candidate: -harm(alone, candidate.conv, never) / _price(candidate))
    curve: list[Point] = []
    number = 0
    while number <= len(order):
        left = order[number:]
        share = sum(candidate.share for candidate in left)
        if curve and share < LEAST_SHARE:
            break
        kept = {candidate.conv for candidate in left}
        names = tuple(candidate.conv for candidate in candidates)
        whole = listen(tuple(name for name in names if name in kept))
        curve.append(Point(tuple(name for name in names if name not in kept), share, whole))
        if not goal.missed(whole):
            return SearchResult(alone, curve[-1].excluded, tuple(curve))
        number = max(number + 1, round(number * WIDENING))
    best = min(curve, key=lambda point: (len(goal.missed(point.quality)), point.quality.mean.mel_db))
    return SearchResult(alone, best.excluded, tuple(curve))


def harm(alone: Mapping[str, Quality], conv: str, never: Sequence[str] = ()) -> float:
    """A convolution's share of the noise plus its share of the squared log-mel distances of all candidates."""
    others = [quality for name, quality in alone.items() if name not in never]
    noise = sum(_noise(quality) for quality in others)
    distance = sum(quality.mel_db**2 for quality in others)
    return _noise(alone[conv]) / noise + alone[conv].mel_db ** 2 / distance


def _noise(quality: Quality) -> float:
    return float(10 ** (-quality.snr_db / 10))


def _price(candidate: Candidate) -> float:
    return candidate.share + candidate.weights
