"""Which groups of convolutions 8 bits hurt, and the cheapest set to leave in float.

Each group is quantized alone and listened to. Errors add in energy along the chain, so the noise of a set is about
the sum of its members'. Groups leave the set by noise for their price, until the prediction meets the goal; then the
whole is measured, and where it misses, the next one leaves, too. Every whole that was measured is a point of the
trade-off curve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from quantize.gates import Floor
from quantize.verify import Quality

REPAIRS: Final = 6  # measured wholes at most
MARGIN_DB: Final = 0.5  # above the goal, on the sentences that the search listens to


@dataclass(frozen=True)
class Group:
    """One candidate.

    Attributes:
        price: what leaving it in float costs: its share of the multiply-adds plus its share of the weights.
    """

    name: str
    price: float
    share: float  # of the convolutions' multiply-adds


@dataclass(frozen=True)
class Point:
    """One measured whole."""

    excluded: tuple[str, ...]
    share: float
    quality: Quality


@dataclass(frozen=True)
class Found:
    """What the search saw and chose."""

    alone: Mapping[str, Quality]
    excluded: tuple[str, ...]
    curve: tuple[Point, ...]


Listen = Callable[[tuple[str, ...]], Quality]  # quantized groups -> how it sounds


def search(groups: tuple[Group, ...], never: tuple[str, ...], listen: Listen, floor: Floor) -> Found:
    """The cheapest exclusions that meet the goal, as far as greedy choice finds them.

    Args:
        groups: all of them.
        never: those that are not quantized whatever they score; they are listened to as well, as evidence.
        listen: quantizes exactly the named groups.
        floor: its goal is the aim.
    """
    alone = {group.name: listen((group.name,)) for group in groups}
    by_name = {group.name: group for group in groups}
    kept = [group.name for group in groups if group.name not in never]

    def noise(name: str) -> float:
        return float(10 ** (-alone[name].snr_db / 10))

    def leave() -> None:
        """The group that adds most noise for its price leaves the set."""
        kept.remove(max(kept, key=lambda name: noise(name) / by_name[name].price))

    def measure() -> Point:
        excluded = tuple(group.name for group in groups if group.name not in kept)
        return Point(excluded, sum(by_name[name].share for name in kept), listen(tuple(kept)))

    curve = [measure()]
    allowed = 10 ** (-(floor.goal_snr_db + MARGIN_DB) / 10)
    while len(curve) <= REPAIRS and kept and not _good(curve[-1].quality, floor):
        leave()
        while kept and sum(map(noise, kept)) > 2 * allowed:  # far off: no need to listen
            leave()
        curve.append(measure())
    best = curve[-1]
    return Found(alone, best.excluded, tuple(curve))


def _good(quality: Quality, floor: Floor) -> bool:
    return quality.snr_db >= floor.goal_snr_db + MARGIN_DB and quality.mel_db <= floor.goal_mel_db
