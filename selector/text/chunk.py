"""Splits text of any length into chunks that fit, at sentence, clause or word bounds, balanced, without orphans.

Lengths are phonemes, counted by a callable. A *section* is a paragraph, or a line of it that is spoken for itself (see
`bounds.py`). A section that fits is one chunk, and no chunk goes on behind its section's end: only between chunks is a
pause as long as the joiner makes it. 510 phonemes is the limit of a chunk, not of the text: a whole book is split in
linear time, and its first chunk does not wait for its last page.

1. The section is divided into *atoms*. If a sentence fits into a chunk, it is an atom; else each clause is one, if it
   fits; else words that belong together are one; else each word is one; else letters of text without spaces.
2. The atoms are grouped into chunks by the cheapest cuts (dynamic programming over blocks of a few chunks). The costs
   below are choices: tests check what they prefer, not their values.
3. If a chunk of one or two words is left beside a piece that was not cut, both are cut anew between words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Final

from export_onnx.errors import TextError
from selector.text.bounds import Bound, Word, joined_text, words
from selector.text.characters import clean

Count = Callable[[str], int]  # text -> phonemes, spaces and punctuation included

# Millionths, in whole numbers: the same cut in every language. An empty chunk's spare room costs one million.
ONE: Final = 1_000_000
CUT_COST: Final = {  # by the bound at the cut
    Bound.PARAGRAPH: 0,
    Bound.SENTENCE: ONE // 10,
    Bound.CLAUSE: ONE * 6 // 10,
    Bound.WORD: ONE * 3 // 2,
    Bound.GLUE: ONE * 4,
    Bound.INSIDE: ONE * 2,  # of text without spaces, which has no better place between its marks
}
CHUNK_COST: Final = ONE // 2  # fewer chunks, fewer joins
ORPHAN_COST: Final = ONE * 3
UNREACHED: Final = 1 << 62
ORPHAN_WORDS: Final = 2  # a chunk of a word or two is spoken badly
BLOCK: Final = 5  # chunks of text looked at together
SMALL: Final = 20  # words are cut in pieces of a twentieth of a chunk: finer balance costs time and gives nothing
SINGLE: Final = Bound.INSIDE - 1  # below all bounds: each word for itself
SURELY_LONG: Final = 20  # characters per phoneme; a longer text is too long without counting


@dataclass(frozen=True)
class Chunk:
    """A piece of text to speak at once.

    Attributes:
        text: its words; a line's end without a mark has a full stop.
        phonemes: counted over its atoms, plus one per space between them; more than the limit only for one word
            that is longer by itself.
        words: letters count as words in text without spaces.
        bound: what ends behind it, which decides the pause.
    """

    text: str
    phonemes: int
    words: int
    bound: Bound


@dataclass(frozen=True, slots=True)
class _Atom:
    run: tuple[Word, ...]
    phonemes: int

    @property
    def bound(self) -> Bound:
        return self.run[-1].bound

    @property
    def space(self) -> int:
        """Phonemes of the space behind it."""
        return int(self.run[-1].spaced)


def chunk(text: str, count: Count, limit: int, first_limit: int | None = None) -> Iterator[Chunk]:
    """Gives chunks of at most `limit` phonemes, in order; every word of the text is in exactly one.

    Args:
        text: any length; see `bounds.py` for what ends paragraphs and lines.
        count: gives the number of phonemes of a piece of text.
        limit: phonemes per chunk; a single word beyond it is a chunk of its own.
        first_limit: a smaller limit for the first chunk of a first section that is split anyway, so that sound starts
            early.

    Raises:
        TextError: the text has no words, or a limit is below 1.
    """
    if limit < 1:
        raise TextError("chunk limit", expected="at least 1 phoneme", got=str(limit), todo="Check bucket and speed.")
    first = min(limit, max(1, first_limit or limit))
    stream = words(clean(text))
    begun = next(stream, None)
    if begun is None:
        raise TextError("text", expected="at least one word", got=repr(text[:40]), todo="Pass text with words in it.")
    while begun is not None:
        yield from _chunks_of(_section(begun, stream), count, limit, first)
        begun, first = next(stream, None), limit


def _section(begun: Word, stream: Iterator[Word]) -> Iterator[Word]:
    """The words from `begun` to the end of its section, read lazily."""
    yield begun
    while not begun.ends_chunk:
        begun = next(stream)  # the last word of a text ends a paragraph
        yield begun


def _chunks_of(section: Iterator[Word], count: Count, limit: int, first: int) -> Iterator[Chunk]:
    head, phonemes = _beginning(section, count, limit)
    if phonemes <= limit:
        yield _joined([_Atom(tuple(head), phonemes)])
        return
    size = 0
    block: list[_Atom] = []
    for atom in _atoms(chain(head, section), count, limit, first):
        block.append(atom)
        size += atom.phonemes + 1
        if size >= BLOCK * limit:
            *done, last = _grouped(block, limit, first, final=False)
            for group in _mended(done, count, limit, first):
                yield _joined(group)
                first = limit
            block, size = list(last), sum(a.phonemes + 1 for a in last)
    yield from map(_joined, _mended(_grouped(block, limit, first, final=True), count, limit, first))


def _beginning(section: Iterator[Word], count: Count, limit: int) -> tuple[list[Word], int]:
    """The sentences up to the first that no longer fits, and their phonemes, which are at most `limit` if all fit."""
    head: list[Word] = []
    phonemes, at, space = 0, 0, 0
    for word in section:
        head.append(word)
        if word.bound >= Bound.SENTENCE:
            phonemes += _size(head[at:], count, limit) + space
            at, space = len(head), int(word.spaced)
            if phonemes > limit:
                break
    return head, phonemes


def _size(run: Sequence[Word], count: Count, limit: int) -> int:
    """The phonemes of words said together; for words that are surely too long, a number above the limit."""
    text = joined_text(run)
    return count(text) if len(text) <= SURELY_LONG * limit or len(run) == 1 else limit + 1


def _atoms(stream: Iterable[Word], count: Count, limit: int, first: int) -> Iterator[_Atom]:
    """Gives the largest pieces that fit, in order. The first sentence must fit the first limit."""
    sentence: list[Word] = []
    ceiling = first
    for word in stream:  # the last ends a sentence
        sentence.append(word)
        if word.bound >= Bound.SENTENCE:
            yield from _pieces(sentence, count, ceiling, int(Bound.CLAUSE))
            sentence, ceiling = [], limit


def _pieces(run: list[Word], count: Count, limit: int, cut_at: int) -> Iterator[_Atom]:
    """Gives `run` whole if it fits, else its parts at bounds of `cut_at`, and so on down to `SINGLE` words."""
    size = _size(run, count, limit)
    if size <= limit or len(run) == 1:
        yield _Atom(tuple(run), size)
        return
    part: list[Word] = []
    least = limit // SMALL if cut_at in (Bound.WORD, Bound.INSIDE) else 0
    finer = max(cut_at - 1, SINGLE)
    length = 0
    for word in run:
        part.append(word)
        length += len(word.text) + word.spaced
        if word.bound >= cut_at and length > least:
            length = 0
            yield from _pieces(part, count, limit, finer)
            part = []
    if part:
        yield from _pieces(part, count, limit, finer)


def _grouped(atoms: list[_Atom], limit: int, first: int, *, final: bool) -> list[list[_Atom]]:
    """The cheapest cut of atoms into groups; unless `final`, the last group may still grow and costs nothing."""
    n = len(atoms)
    best = [(0, 0)] + [(UNREACHED, 0)] * n  # cost of atoms[:j], start of its last group
    for start in range(n):
        size, spoken, space = 0, 0, 0
        ceiling = first if start == 0 else limit
        for end in range(start + 1, n + 1):
            atom = atoms[end - 1]
            size += atom.phonemes + space
            space = atom.space
            spoken += len(atom.run)
            if size > ceiling and end > start + 1:
                break
            cost = best[start][0]
            if final or end < n:
                whole = final and end == n
                cost += CHUNK_COST + (1000 * max(0, ceiling - size) // ceiling) ** 2
                cost += 0 if whole else CUT_COST[atom.bound]
                cost += ORPHAN_COST if spoken <= ORPHAN_WORDS else 0
            if cost < best[end][0]:
                best[end] = (cost, start)
    cuts = [n]
    while cuts[-1]:
        cuts.append(best[cuts[-1]][1])
    return [atoms[a:b] for a, b in pairwise(reversed(cuts))]


def _mended(groups: list[list[_Atom]], count: Count, limit: int, first: int) -> list[list[_Atom]]:
    """If an orphan is left beside a piece that was not cut, cuts the two anew between words."""
    mended: list[list[_Atom]] = []
    for group in groups:
        mended.append(group)
        if len(mended) < 2 or mended[-2][-1].bound >= Bound.SENTENCE:
            continue
        if min(_spoken(mended[-2]), _spoken(group)) <= ORPHAN_WORDS:
            pair = [word for atom in (*mended[-2], *group) for word in atom.run]
            single = [_Atom((word,), count(word.text)) for word in pair]
            mended[-2:] = _grouped(single, limit, first if len(mended) == 2 else limit, final=True)
    return mended


def _spoken(group: list[_Atom]) -> int:
    return sum(len(atom.run) for atom in group)


def _joined(group: list[_Atom]) -> Chunk:
    text = joined_text(word for atom in group for word in atom.run)
    phonemes = sum(atom.phonemes + atom.space for atom in group) - group[-1].space
    return Chunk(text, phonemes, _spoken(group), group[-1].bound)
