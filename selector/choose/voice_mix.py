"""Mixes of voices: `a,b` is the mean of both, as in the original; `a:0.7+b:0.3` weighs them.

Commas and plus signs mean the same; a voice without a weight has the weight 1, and weights are divided by their sum. A
name that the package has is that voice, whatever characters it has.

The rows of a mix are the weighted sums of its voices' rows, computed in float64 and rounded once. A mix has no table of
its own for the choice of a bucket: of its voices' answers the greatest counts (`choose_bucket.MixedTable`). That is a
rule, not a proof; `mix_coverage.py` measures it, and the exact frames decide in any case. `sdk/cpp/mix.hpp` and the
Java do the same.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from export_onnx.errors import PackageError
from selector.choose.choose_bucket import MixedTable, Table

SEPARATOR: Final = re.compile(r"[,+]")
WEIGHT: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
WRITE: Final = "Write a mix as name,name or name:0.7+name:0.3."
T = TypeVar("T", bound=Table)


@dataclass(frozen=True)
class MixPart:
    """A voice in a mix; the weights of a mix add up to 1."""

    name: str
    weight: float


def mix_parts(voice: str, known: Collection[str]) -> tuple[MixPart, ...]:
    """The voices of a mix in the order in which they are written; one with the weight 1 for a plain name.

    Raises:
        PackageError: a voice is unknown (the message names the nearest), or a weight is no decimal number above 0.
    """
    if voice in known:
        return (MixPart(voice, 1.0),)
    named: list[tuple[str, float]] = []
    for part in SEPARATOR.split(voice):
        name, colon, weight = part.rpartition(":")
        if not colon or part.strip(" ") in known:
            name, weight = part, "1"
        if not WEIGHT.fullmatch(weight) or not float(weight):
            where = f"voice {voice[:40]!r}"
            raise PackageError(where, expected="a weight above 0 behind each colon", got=weight[:20], todo=WRITE)
        named.append((name.strip(" "), float(weight)))
    for name, _ in named:
        if name not in known:
            raise _unknown(name, known)
    total = sum(weight for _, weight in named)
    return tuple(MixPart(name, weight / total) for name, weight in named)


def mixed_rows(parts: Collection[MixPart], rows: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """The rows of a mix, [510, 256] as those of its voices."""
    if len(parts) == 1:
        return rows[next(iter(parts)).name]
    total = np.zeros(1)
    for part in parts:
        total = total + part.weight * rows[part.name].astype(np.float64)
    return total.astype(np.float32)


def mixed_table(voice: str, tables: Mapping[str, T]) -> T | MixedTable:
    """The table for the choice of a bucket: the voice's own, or those of the voices in a mix.

    Raises:
        PackageError: as `mix_parts`.
    """
    parts = mix_parts(voice, tables)
    return tables[voice] if voice in tables else MixedTable(tuple(tables[part.name] for part in parts))


def _unknown(name: str, known: Collection[str]) -> PackageError:
    plain = {re.sub(r"\W|_", "", one.lower()): one for one in known}
    near = difflib.get_close_matches(re.sub(r"\W|_", "", name.lower()), plain)
    return PackageError(
        f"voice {name[:40]!r}",
        expected="one of " + ", ".join(sorted(known)[:60]),
        got="no voice of that name",
        todo=f"Did you mean {' or '.join(plain[n] for n in near)}?" if near else "Choose one of these, or mix them.",
    )
