"""Fits the selector's table: the frames that 99 % of texts of a given length need at most, per voice and speed.

The length is the number of tokens plus additional tokens for pauses (`length.py`), which are fitted here over all
voices.

The duration stage divides by the speed before it rounds, so one run at a thousandth of the speed reads every
duration in thousandths of a frame; frames at any speed follow by arithmetic (`frames_at`). The text stages then run
once per text and voice, whatever the number of speeds.

A row of the table is a curve and a margin, see `curve.py`. Texts that are not in the fit judge it, see `worth.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from export_onnx.errors import ContractError
from selector.choose.choose_bucket import MixedTable, expected_frames
from selector.choose.curve import BENDS, SHORT, fit_curve

SPEEDS: Final = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.5, 1.75, 2.0)
READ_SPEED: Final = 0.001  # at this speed the duration stage counts thousandths of a frame
SMALLEST: Final = 3  # tokens: one phoneme and two pads
PAUSE_WORTHS: Final = range(9)  # tokens

Thousandths = NDArray[np.int64]  # [tokens], thousandths of a frame at speed 1


@dataclass(frozen=True)
class Measured:
    """One text in one voice: its tokens (pads included), its pauses, and how long each token sounds."""

    tokens: int
    pauses: int
    durations: Thousandths

    def length(self, pause_tokens: int) -> int:
        """The length as `length.length` counts it."""
        return self.tokens + pause_tokens * self.pauses


@dataclass(frozen=True)
class FittedTable:
    """A fitted `choose_bucket.Table`, with frames rounded up to whole numbers."""

    tokens: tuple[int, ...]
    speeds_milli: tuple[int, ...]
    frames: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Fit:
    """A table, and how well it covers held-out texts.

    Attributes:
        coverage: share of held-out (text, speed) pairs that needed at most the table's frames.
        excess: median over those pairs of the table's frames beyond the needed ones, as a share of the needed ones.
        texts: how many it was fitted on; `held_out_texts`: how many it was tested on.
        pause_tokens: the tokens that a pause counts for in the table's lengths; one number for all voices of a package.
    """

    table: FittedTable
    pause_tokens: int
    coverage: float
    excess: float
    texts: int
    held_out_texts: int


def frames_at(durations: Thousandths, speed: float) -> int:
    """The frames of a text at a speed, rounded as the duration stage does, at least one per token."""
    return int(np.maximum(np.rint(durations / (1000 * speed)), 1).sum())


def knots(most: int) -> tuple[int, ...]:
    """The lengths of the table's knots, from 3 to `most`: at the curve's bends, and closer where the margin bends."""
    steps = {SMALLEST, most, *(round(most * bend) for bend in BENDS)}
    steps |= {round(most * (i / 12) ** 1.5) for i in range(1, 13)}
    return tuple(step for step in sorted(steps) if step >= SMALLEST)


def pause_worth(fitted: Mapping[str, Sequence[Measured]], most: int) -> int:
    """The tokens that a pause counts for: the number with the least relative spread around the curves at speed 1.

    Args:
        fitted: texts by voice.
        most: the greatest length of the table.
    """

    def spread(worth: int) -> float:
        shares = []
        for texts in fitted.values():
            lengths, frames = [t.length(worth) for t in texts], [frames_at(t.durations, 1) for t in texts]
            around = fit_curve(lengths, frames, most).deviation * np.sqrt(np.array(lengths) + SHORT)
            shares.append(float(around.sum()) / sum(frames))
        return sum(shares)

    return min(PAUSE_WORTHS, key=spread)


def fit_voice(fitted: Sequence[Measured], held_out: Sequence[Measured], most: int, pause_tokens: int) -> Fit:
    """Fits the table of one voice.

    Args:
        fitted, held_out: texts of many lengths; two kinds of texts that share no sentence.
        most: tokens of the largest bucket, and the greatest length of the table.

    Raises:
        ContractError: there are fewer than ten texts to fit, or none is held out.
    """
    if len(fitted) < 10 or not held_out:
        raise ContractError(
            "duration table",
            expected="at least 10 texts to fit and 1 held out",
            got=f"{len(fitted)} and {len(held_out)}",
            todo="Give a larger corpus.",
        )
    at = knots(most)
    lengths = [text.length(pause_tokens) for text in fitted]
    rows = [_row(lengths, [frames_at(t.durations, speed) for t in fitted], at) for speed in SPEEDS]
    for slower, faster in zip(reversed(rows[:-1]), reversed(rows[1:]), strict=True):
        np.maximum(slower, faster, out=slower)  # never fewer frames at a lower speed
    table = FittedTable(at, tuple(round(s * 1000) for s in SPEEDS), tuple(tuple(map(int, row)) for row in rows))
    worth = covered_share(table, held_out, pause_tokens), excess(table, held_out, pause_tokens)
    return Fit(table, pause_tokens, *worth, len(fitted), len(held_out))


def _row(lengths: Sequence[int], frames: Sequence[int], at: Sequence[int]) -> NDArray[np.int64]:
    line = np.maximum(np.ceil(fit_curve(lengths, frames, at[-1])(at)), at)  # a token has at least a frame
    return np.maximum.accumulate(line).astype(np.int64)


def covered_share(
    table: FittedTable | MixedTable, texts: Sequence[Measured], pause_tokens: int, speeds: Sequence[float] = SPEEDS
) -> float:
    """The share of (text, speed) pairs that need at most the table's frames."""
    pairs = _pairs(table, texts, pause_tokens, speeds)
    return sum(needed <= expected for needed, expected in pairs) / len(pairs)


def excess(table: FittedTable, texts: Sequence[Measured], pause_tokens: int, speeds: Sequence[float] = SPEEDS) -> float:
    """The median of the table's frames beyond the needed ones, as a share of the needed ones."""
    pairs = _pairs(table, texts, pause_tokens, speeds)
    return float(np.median([expected / needed - 1 for needed, expected in pairs]))


def _pairs(
    table: FittedTable | MixedTable, texts: Sequence[Measured], pause_tokens: int, speeds: Sequence[float]
) -> list[tuple[int, int]]:
    """The needed and the expected frames per pair; texts beyond the table are left out, because they are split."""
    return [
        (frames_at(text.durations, speed), expected)
        for text in texts
        for speed in speeds
        if (expected := expected_frames(table, text.length(pause_tokens), speed)) is not None
    ]


def read_tables(file: Path, made_from: str) -> dict[str, Fit]:
    """The fits that an earlier run kept; none if they were made from other inputs."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if stored["made_from"] != made_from:
        return {}
    return {name: Fit(**fit | {"table": _table(fit["table"])}) for name, fit in stored["fits"].items()}


def _table(stored: dict[str, list[Any]]) -> FittedTable:
    frames = tuple(tuple(row) for row in stored["frames"])
    return FittedTable(tuple(stored["tokens"]), tuple(stored["speeds_milli"]), frames)
