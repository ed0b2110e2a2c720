"""Cuts the first piece of speech off a text that fits one chunk, so that a listener waits for that piece only.

With fixed buckets it is not done: two short chunks cost two buckets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from selector.text.bounds import Bound
from selector.text.chunk import Chunk, chunk


def early(pieces: Iterable[Chunk], count: Callable[[str], int], first: int) -> Iterator[Chunk]:
    """The same pieces, the first one in two if it is longer than `first` phonemes and has a bound early enough.

    The cut is behind a sentence or a clause, never between words of one clause, which would be heard.

    Args:
        count: gives the number of phonemes of a piece of text.
    """
    for number, piece in enumerate(pieces):
        parts = list(chunk(piece.text, count, first)) if not number and piece.phonemes > first else []
        if len(parts) < 2 or parts[0].bound < Bound.CLAUSE or parts[0].phonemes > first:
            yield piece
            continue
        head, *rest = parts
        yield head
        text = piece.text.removeprefix(head.text).lstrip(" ")
        yield Chunk(text, count(text), sum(part.words for part in rest), piece.bound)
