"""The cheapest convolutions to leave in float so that the whole reaches its goal.

    1. Each convolution is quantized alone and listened to (`sensitivity.py`). Noise adds in energy along the chain,
       and squared log-mel distances nearly do, so harm is a convolution's share of all noise plus its share of all
       squared distances.
    2. In the order of harm for their price, convolutions leave: the price is their share of the multiply-adds plus
       their share of the weights, because what stays in float costs time and bytes.
    3. Wholes along that order are quantized and listened to until one reaches the goal. A search never leaves less
       than `LEAST_SHARE` of the multiply-adds in integers: below, the NPU loses what the integers were made for.

Every whole that was measured is a point of the trade-off curve. Only search sentences are heard here.
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
    """One convolution.

    Attributes:
        share: of the multiply-adds of all convolutions.
        weights: share of the weights of all convolutions.
    """

    conv: str
    share: float
    weights: float


@dataclass(frozen=True)
class Point:
    """One measured whole."""

    excluded: tuple[str, ...]
    share: float
    quality: Summary


@dataclass(frozen=True)
class SearchResult:
    """What the search saw and chose."""

    alone: Mapping[str, Quality]
    excluded: tuple[str, ...]
    curve: tuple[Point, ...]


Listen = Callable[[tuple[str, ...]], Summary]  # convolutions in integers -> how the whole sounds


def search(
    candidates: Sequence[Candidate],
    never: Sequence[str],
    alone: Mapping[str, Quality],
    listen: Listen,
    goal: Limits,
) -> SearchResult:
    """The first whole along the order of harm for price that reaches the goal, else the one that sounds best.

    Args:
        candidates: all convolutions.
        never: those that are not quantized whatever they score.
        alone: mean quality of each with nothing else in integers.
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
