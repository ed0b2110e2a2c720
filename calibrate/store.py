"""Stores statistics: `ranges.json` for people, `histograms.npz` for the next step. Same statistics, same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrate.ranges import Histogram, Method, choose_range
from calibrate.statistics import BINS, ChannelStatistics
from export_onnx.errors import ContractError

RANGES: Final = "ranges.json"
HISTOGRAMS: Final = "histograms.npz"
_FIELDS: Final = ("low", "high", "total", "squares", "exponent", "counts", "steps")


@dataclass(frozen=True)
class Channels:
    """One tensor's statistics, as read back.

    Attributes:
        low, high: exact extremes of each channel, [C].
        mean, deviation: of each channel over real steps, [C].
        exponent: the bins cover -2**exponent to 2**exponent, [C].
        counts: [C, BINS].
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    exponent: NDArray[np.int64]
    counts: NDArray[np.int64]

    def peak(self) -> NDArray[np.float64]:
        """The largest absolute value of each channel, [C]."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    def ends(self, tail: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The lower and upper end of each channel if the share `tail` of its values may be outside, [C] each."""
        share = np.cumsum(self.counts, 1) / np.maximum(self.counts.sum(1, keepdims=True), 1)
        edges = np.exp2(self.exponent.astype(np.float64))
        below = (share <= tail / 2).sum(1)  # bins wholly in the tail
        above = (share < 1 - tail / 2).sum(1) + 1
        low, high = ((n.astype(np.float64) / (BINS / 2) - 1) * edges for n in (below, above))
        return np.maximum(low, self.low), np.minimum(high, self.high)

    def centres(self) -> NDArray[np.float64]:
        """The bins' centers, [C, BINS]."""
        half = np.exp2(self.exponent.astype(np.float64))[:, None]
        middles: NDArray[np.float64] = ((np.arange(BINS, dtype=np.float64) + 0.5) / (BINS / 2) - 1) * half
        return middles

    def histogram(
        self, scale: NDArray[np.float64] | None = None, shift: NDArray[np.float64] | None = None
    ) -> Histogram:
        """All channels as one histogram, each channel scaled and then shifted first."""
        a = np.ones(len(self.low)) if scale is None else scale
        b = np.zeros(len(self.low)) if shift is None else shift
        ends = np.stack([self.low * a + b, self.high * a + b])
        centres = self.centres() * a[:, None] + b[:, None]
        # The end bins may reach beyond the exact extremes.
        centres = np.clip(centres, ends.min(0)[:, None], ends.max(0)[:, None])
        seen = self.counts > 0
        x, w = centres[seen], self.counts[seen].astype(np.float64)
        return _rebin(x, w, float(ends.min()), float(ends.max()))


def _rebin(x: NDArray[np.float64], w: NDArray[np.float64], low: float, high: float) -> Histogram:
    bins, edges = np.histogram(x, bins=4 * BINS, range=(low, max(high, low + 1e-12)), weights=w)
    return Histogram((edges[:-1] + edges[1:]) / 2, bins, low, high)


Statistics = dict[str, dict[str, Channels]]  # stage -> tensor -> statistics


def write_statistics(
    folder: Path, collected: Mapping[str, Mapping[str, ChannelStatistics]], samples: int, method: Method
) -> None:
    """Writes both files into `folder`."""
    arrays: dict[str, NDArray[Any]] = {}
    table: dict[str, dict[str, Any]] = {}
    for stage, tensors in collected.items():
        table[stage] = {}
        for name, seen in tensors.items():
            for field in _FIELDS:
                array = np.asarray(getattr(seen, field))
                arrays[f"{stage}|{name}|{field}"] = array.astype(np.int32) if field == "counts" else array
            whole = _channels(arrays, stage, name).histogram()
            row: dict[str, Any] = {"raw": [_short(whole.low), _short(whole.high)]}
            for bits in (8, 16):
                chosen = choose_range(whole, method, bits)
                row[f"chosen_u{bits}"] = [_short(chosen.low), _short(chosen.high)]
            table[stage][name] = {**row, "method": method, "channels": seen.channels, "samples": samples}
    (folder / RANGES).write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    np.savez(folder / HISTOGRAMS, allow_pickle=False, **arrays)  # compressing takes longer than reading ever saves


def read_statistics(folder: Path) -> Statistics:
    """The statistics that `write_statistics` wrote.

    Raises:
        ContractError: the calibration step has not completed.
    """
    try:
        with np.load(folder / HISTOGRAMS, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, ValueError) as error:
        raise ContractError(
            str(folder / HISTOGRAMS),
            expected="the statistics that `python -m calibrate` writes",
            got=str(error)[:120],
            todo="Run `python -m calibrate`.",
        ) from error
    result: Statistics = {}
    for key in arrays:
        stage, name, field = key.split("|")
        if field == "low":
            result.setdefault(stage, {})[name] = _channels(arrays, stage, name)
    return result


def _channels(arrays: Mapping[str, NDArray[Any]], stage: str, name: str) -> Channels:
    low, high, total, squares, exponent, counts, steps = (arrays[f"{stage}|{name}|{field}"] for field in _FIELDS)
    mean = total / max(1, int(steps))
    deviation = np.sqrt(np.maximum(squares / max(1, int(steps)) - mean * mean, 0))
    return Channels(low, high, mean, deviation, exponent, counts)


def _short(value: float) -> float:
    return float(f"{value:.7g}")
