"""The length of a text for the selector: its tokens, and additional tokens for its pauses.

A mark that makes a pause takes as long as several letters. If it counts as several tokens, frames spread less around
their curve, and the 99 % quantile is closer to the frames that a text needs. How many tokens a pause counts for depends
on the model: the package step fits the number (`voice_table.pause_worth`), and the manifest states it. A run of marks
is one pause; the last one of the text counts, so that lengths of pieces add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

PADS: Final = 2
PAUSE_MARKS: Final = ".,!?;:…—"


def pauses(phonemes: str, marks: str = PAUSE_MARKS) -> int:
    """How many runs of marks the phonemes have."""
    return sum(a in marks and b not in marks for a, b in pairwise(phonemes + "\0"))


def mark_ids(vocabulary: Mapping[str, int], marks: str = PAUSE_MARKS) -> frozenset[int]:
    """The ids of the marks that the vocabulary has."""
    return frozenset(vocabulary[mark] for mark in marks if mark in vocabulary)


def pauses_of(ids: Sequence[int], marks: frozenset[int]) -> int:
    """How many runs of marks the ids have, which have one pad at each end."""
    return sum(a in marks and b not in marks for a, b in pairwise(ids))


def length(ids: Sequence[int], marks: frozenset[int], pause_tokens: int) -> int:
    """The number of tokens, pads included, plus `pause_tokens` per run of marks.

    Args:
        ids: with one pad at each end.
    """
    return len(ids) + pause_tokens * pauses_of(ids, marks)
