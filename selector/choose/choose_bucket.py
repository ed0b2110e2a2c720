"""Chooses the bucket in two steps, because the number of frames is known only after the text stages.

1. Before the text stages, `choose_bucket` takes the smallest bucket that covers the 99 % quantile of frames for that
   many tokens, where a pause counts as several (`length.py`).
2. After `duration`, `choose_sound` takes the smallest bucket that holds the exact number of frames, for the sound
   stages.

If either gives `None`, the text must be split. Nothing is ever cut or squeezed to fit.

All arithmetic is on whole numbers, so that Python, C++ and Java give the same answer on every processor.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from export_onnx.buckets import BucketSize
from export_onnx.errors import ContractError

MILLI = 1000


class Table(Protocol):
    """The 99 % quantile of frames for one voice, at knots, with linear interpolation between them."""

    @property
    def tokens(self) -> Sequence[int]:
        """Ascending; the last is the most tokens that any bucket takes."""

    @property
    def speeds_milli(self) -> Sequence[int]:
        """Ascending, in thousandths."""

    @property
    def frames(self) -> Sequence[Sequence[int]]:
        """[speed][tokens]; never falls with tokens, never rises with speed."""


@dataclass(frozen=True)
class MixedTable:
    """The tables of the voices in a mix: of their answers the greatest counts."""

    tables: tuple[Table, ...]


S = TypeVar("S", bound=BucketSize)


def check_speed(speed: float, table: Table | MixedTable) -> int:
    """The speed in thousandths, rounded down: a lower speed needs more frames, so this errs on the safe side.

    Raises:
        ContractError: the speed is not a number, or outside the table.
    """
    if isinstance(table, MixedTable):
        return max(check_speed(speed, one) for one in table.tables)
    low, high = table.speeds_milli[0], table.speeds_milli[-1]
    if isinstance(speed, int | float) and speed == speed and low <= speed * MILLI <= high:
        return int(speed * MILLI)
    raise ContractError(
        "speed", expected=f"{low / MILLI:g} to {high / MILLI:g}", got=repr(speed), todo="1 is the voice's own speed."
    )


def expected_frames(table: Table | MixedTable, tokens: int, speed: float) -> int | None:
    """The frames that 99 % of texts of that many tokens do not exceed; None beyond the table."""
    if isinstance(table, MixedTable):
        answers = [expected_frames(one, tokens, speed) for one in table.tables]
        known = [frames for frames in answers if frames is not None]
        return max(known) if len(known) == len(answers) else None
    milli = check_speed(speed, table)
    ts, ss = table.tokens, table.speeds_milli
    if tokens > ts[-1]:
        return None
    n = max(tokens, ts[0])
    i = min(bisect_right(ts, n), len(ts) - 1) - 1
    j = min(bisect_right(ss, milli), len(ss) - 1) - 1
    dt, ds = ts[i + 1] - ts[i], ss[j + 1] - ss[j]

    def row(k: int) -> int:
        return table.frames[k][i] * (ts[i + 1] - n) + table.frames[k][i + 1] * (n - ts[i])

    total = row(j) * (ss[j + 1] - milli) + row(j + 1) * (milli - ss[j])
    return -(-total // (dt * ds))


def choose_bucket(buckets: Sequence[S], table: Table | MixedTable, tokens: int, speed: float) -> S | None:
    """The smallest bucket for `tokens` (pads included) at `speed`; None: split the text.

    Raises:
        ContractError: the speed is outside the table, or there are no tokens.
    """
    if tokens < 1:
        raise ContractError("tokens", expected="at least 1", got=str(tokens), todo="Pass text with words in it.")
    frames = expected_frames(table, tokens, speed)
    return None if frames is None else choose_sound(buckets, frames, tokens)


def choose_sound(buckets: Sequence[S], frames: int, tokens: int) -> S | None:
    """The smallest bucket that holds exactly `frames` of sound from `tokens`; None: split the text."""
    fitting = (b for b in buckets if frames <= b.frames and tokens <= b.tokens)
    return min(fitting, key=lambda b: b.frames, default=None)


def most_tokens(buckets: Sequence[BucketSize], table: Table | MixedTable, speed: float) -> int:
    """The most tokens (pads included) for which `choose_bucket` finds a bucket, the limit of a chunk; 0 if none."""
    low, high = 0, max(b.tokens for b in buckets)
    while low < high:
        middle = (low + high + 1) // 2
        if choose_bucket(buckets, table, middle, speed) is None:
            high = middle - 1
        else:
            low = middle
    return low
