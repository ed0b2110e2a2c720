"""The selector's table: how many frames 99 % of texts of a given length need, per voice and speed.

Length is tokens and what pauses are worth in tokens (`length.py`).

The duration stage divides by the speed before it rounds, so one run at a thousandth of the speed reads every
duration in thousandths of a frame; frames at any speed follow by arithmetic (`frames_at`). The text stages then run
once per text and voice, whatever the number of speeds.

The fit: frames grow with length along a line; the spread around it grows with its root (independent
errors add up so). The margin is the conformal 99 % quantile of that standardized residual: the k-th smallest of m,
k = ceil(0.99 (m + 1)), which covers new texts of the same kind in at least 99 % of cases on average; with fewer than
99 texts it is the greatest. `coverage` is measured on sentences that the fit never saw.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from export_onnx.errors import ContractError, ParityError
from selector.choose import expected_frames

QUANTILE: Final = 0.99
COVERAGE_FLOOR: Final = 0.95  # mean over voices; with a few dozen held-out texts 0.99 itself is not to be told
SPEEDS: Final = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.5, 1.75, 2.0)
READ_SPEED: Final = 0.001  # at this speed the duration stage counts thousandths of a frame
SMALLEST: Final = 3  # tokens: one phoneme and two pads

Durations = NDArray[np.int64]  # [tokens], thousandths of a frame at speed 1


@dataclass(frozen=True)
class Measured:
    """One text in one voice."""

    length: int
    durations: Durations


@dataclass(frozen=True)
class VoiceTable:
    """See `choose.Table`. Frames in whole numbers, rounded up."""

    tokens: tuple[int, ...]
    speeds_milli: tuple[int, ...]
    frames: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Fit:
    """A table and what it is worth.

    Attributes:
        coverage: share of held-out (text, speed) pairs that needed at most the table's frames.
        excess: median over those pairs of the table's frames beyond what was needed, as a share of that.
        texts: fitted on so many; `held_out_texts` tested on.
    """

    table: VoiceTable
    coverage: float
    excess: float
    texts: int
    held_out_texts: int


def frames_at(durations: Durations, speed: float) -> int:
    """Frames of a text at a speed: as the duration stage rounds, at least one a token."""
    return int(np.maximum(np.rint(durations / (1000 * speed)), 1).sum())


def knots(most: int) -> tuple[int, ...]:
    """Numbers of tokens at which the table stands, from 3 to `most`; closer where the margin bends."""
    steps = sorted({SMALLEST, *(round(most * (i / 12) ** 1.5) for i in range(1, 13)), most})
    return tuple(step for step in steps if step >= SMALLEST)


def fit_voice(fitted: Sequence[Measured], held_out: Sequence[Measured], most_tokens: int) -> Fit:
    """The table of one voice.

    Args:
        fitted, held_out: texts of many lengths; two kinds of texts that share no sentence.
        most_tokens: of the largest bucket.

    Raises:
        ContractError: fewer than ten texts to fit, or none held out.
    """
    if len(fitted) < 10 or not held_out:
        raise ContractError(
            "duration table",
            expected="at least 10 texts to fit and 1 held out",
            got=f"{len(fitted)} and {len(held_out)}",
            todo="Give a larger corpus.",
        )
    at = knots(most_tokens)
    rows = [_row(fitted, speed, at) for speed in SPEEDS]
    for slower, faster in zip(reversed(rows[:-1]), reversed(rows[1:]), strict=True):
        np.maximum(slower, faster, out=slower)  # never fewer frames at a lower speed
    table = VoiceTable(at, tuple(round(s * 1000) for s in SPEEDS), tuple(tuple(map(int, row)) for row in rows))
    return Fit(table, coverage(table, held_out), excess(table, held_out), len(fitted), len(held_out))


def _row(fitted: Sequence[Measured], speed: float, at: Sequence[int]) -> NDArray[np.int64]:
    n = np.array([text.length for text in fitted], float)
    frames = np.array([frames_at(text.durations, speed) for text in fitted], float)
    weights = 1 / np.sqrt(n)
    design = np.stack([np.ones_like(n), n], 1) * weights[:, None]
    offset, slope = np.linalg.lstsq(design, frames * weights, rcond=None)[0]
    residuals = np.sort((frames - offset - slope * n) * weights)
    margin = residuals[min(len(n), math.ceil(QUANTILE * (len(n) + 1))) - 1]
    knot = np.array(at, float)
    line = np.ceil(offset + slope * knot + margin * np.sqrt(knot))
    return np.maximum.accumulate(np.maximum(line, knot)).astype(np.int64)  # a token has at least a frame


def coverage(table: VoiceTable, texts: Sequence[Measured], speeds: Sequence[float] = SPEEDS) -> float:
    """Share of (text, speed) pairs within the table's frames."""
    pairs = _pairs(table, texts, speeds)
    return sum(needed <= expected for needed, expected in pairs) / len(pairs)


def excess(table: VoiceTable, texts: Sequence[Measured], speeds: Sequence[float] = SPEEDS) -> float:
    """Median of the table's frames beyond what was needed, as a share of that."""
    return float(np.median([expected / needed - 1 for needed, expected in _pairs(table, texts, speeds)]))


def _pairs(table: VoiceTable, texts: Sequence[Measured], speeds: Sequence[float]) -> list[tuple[int, int]]:
    """Frames needed and frames expected; texts beyond the table are split, whatever they need."""
    return [
        (frames_at(text.durations, speed), expected)
        for text in texts
        for speed in speeds
        if (expected := expected_frames(table, text.length, speed)) is not None
    ]


def summary(fits: Mapping[str, Fit]) -> dict[str, float]:
    """Held-out coverage over all voices, and the worst voice's; the median excess over all voices."""
    values = [fit.coverage for fit in fits.values()]
    loose = sum(fit.excess for fit in fits.values()) / len(fits)
    return {"mean": sum(values) / len(values), "worst": min(values), "excess": loose}


def check_worth(fits: Mapping[str, Fit]) -> None:
    """Held-out coverage keeps its floor.

    Raises:
        ParityError: it does not; the selector would often pick a bucket that is too small.
    """
    got = summary(fits)["mean"]
    if got < COVERAGE_FLOOR:
        raise ParityError(
            "selector table",
            expected=f"at least {COVERAGE_FLOOR:.0%} of held-out texts covered",
            got=f"{got:.1%}",
            todo="Fit on texts that are like those held out.",
        )


def read_tables(file: Path, made_from: str) -> dict[str, Fit]:
    """Fits that an earlier run kept; none where they were made from other inputs."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if stored["made_from"] != made_from:
        return {}
    return {name: Fit(**fit | {"table": _table(fit["table"])}) for name, fit in stored["fits"].items()}


def _table(stored: dict[str, list[Any]]) -> VoiceTable:
    frames = tuple(tuple(row) for row in stored["frames"])
    return VoiceTable(tuple(stored["tokens"]), tuple(stored["speeds_milli"]), frames)
