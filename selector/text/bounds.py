"""Finds the words after which a text may be cut, and how good each place for a cut is.

Words are what white space separates; in scripts without spaces, what marks separate, and further the single letters
(`unspaced.py`). A cut is never inside a word. `GLUE` holds words together that are said as one: a title and its name,
a number and its unit, the parts of a date.

A blank line, a form feed or a paragraph separator ends a paragraph. A line's end is a pause, too, as in lists and
letter heads: a line without a mark at its end gets a full stop, and the next one begins a chunk, as models make hardly
any pause between short sentences. A line that ends with a comma goes on, as in verses. Where a line is as long as
`WRAPPED` lines are, and the next is no item of a list, its end is a space. `sdk/cpp/words.hpp` and the Java do the
same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from selector.text.characters import LOWER, MARK, UPPER, is_digit, is_lower, is_unspaced, is_upper, pattern
from selector.text.unspaced import CLOSING, OPENING, unspaced_parts


class Bound(IntEnum):
    """What ends after a word; a greater value is a better place for a cut."""

    INSIDE = -1  # of a text without spaces: nothing ends
    GLUE = 0
    WORD = 1
    CLAUSE = 2
    SENTENCE = 3
    PARAGRAPH = 4


@dataclass(frozen=True)
class Word:
    """One word with its punctuation, and the bound behind it.

    Attributes:
        spaced: a space separates it from the next.
        ends_line: the next one begins a line that is spoken for itself.
    """

    text: str
    bound: Bound
    spaced: bool = True
    ends_line: bool = False

    @property
    def ends_chunk(self) -> bool:
        """Whether no chunk goes on behind it."""
        return self.ends_line or self.bound is Bound.PARAGRAPH


def joined_text(run: Iterable[Word]) -> str:
    """The text of words that follow each other."""
    return "".join(word.text + " " * word.spaced for word in run).strip(" ")


CLOSERS: Final = "\"'’”»)]}*_" + CLOSING
OPENERS: Final = "\"'‘“«([{*_" + OPENING
SENTENCE_END: Final = re.compile(r"[.!?…。！？।．｡]+$")
CLAUSE_END: Final = re.compile(r"[,;:，、；：､—–]$|^-{1,2}$")
LONE_DASH: Final = re.compile(r"^(?:[—–]|-{1,2})$")
INITIALS: Final = re.compile(rf"^(?:(?:{pattern(LOWER)}|{pattern(UPPER)}){pattern(MARK)}*\.)+$")  # J. R. R., U.S., e.g.

# These never end a sentence, because the word that they belong to follows them.
_NAMES = """mr mrs ms mx dr prof st sr sra messrs mme mlle gen col maj capt cpt lt sgt cpl pvt adm cmdr rev hon pres gov
    sen rep supt insp det vs v cf viz"""
_NUMBERS = "no nos nr fig figs p pp vol vols ch chs sec sect art eq ca c approx"
# These end a sentence only if the next word begins with a capital.
_MAY_END = """etc inc ltd co corp jr esq al ave blvd rd ft in oz lb dept est govt min max jan feb mar apr jun jul aug
    sep sept oct nov dec mon tue wed thu fri sat sun"""
_SCALES = "hundred thousand million billion trillion percent dollars euros pounds"
BEFORE_A_NAME: Final = frozenset(_NAMES.split())
BEFORE_A_NUMBER: Final = frozenset(_NUMBERS.split())
MAY_END: Final = frozenset(_MAY_END.split())
SCALES: Final = frozenset(_SCALES.split())
TOKEN: Final = re.compile(r"\n *\n|\n|[^ \n]+")
WRAPPED: Final = range(45, 121)  # characters of a line: shorter ones end on purpose, longer ones nobody wraps
ITEM: Final = re.compile(r"[-*+•‣◦·]|(?:\d|\d\d)[.)]", re.ASCII)


def words(text: str) -> Iterator[Word]:
    """The words of a cleaned text in order, read lazily."""
    word, starts, length, line_ends = "", True, 0, False
    for match in TOKEN.finditer(text):
        token = match.group()
        if token == "\n":
            line_ends = True
            continue
        if token.startswith("\n"):
            if word:
                yield Word(word, Bound.PARAGRAPH)
            word, starts, length, line_ends = "", True, 0, False
            continue
        for i, part in enumerate(unspaced_parts(token)):
            if word:
                bound, text_now, ends_line = _bound(word, part, starts), word, False
                if i:
                    bound = bound if bound >= Bound.CLAUSE else Bound.INSIDE
                elif line_ends and (length not in WRAPPED or ITEM.fullmatch(token)):
                    bound, text_now = _line_end(word, bound)
                    ends_line = bound >= Bound.SENTENCE
                yield Word(text_now, bound, not i, ends_line)
                starts = bound >= Bound.SENTENCE
            if line_ends:
                length, line_ends = 0, False
            length += len(part) + (not i)
            word = part
    if word:
        yield Word(word, Bound.PARAGRAPH)


def _line_end(word: str, bound: Bound) -> tuple[Bound, str]:
    """The bound at the end of a line that was not wrapped, and its last word, with a full stop if it has no mark."""
    bare = word.rstrip(CLOSERS)
    if SENTENCE_END.search(bare) or not bare:
        return Bound.SENTENCE, word
    if CLAUSE_END.search(bare):
        return max(bound, Bound.CLAUSE), word
    return Bound.SENTENCE, word + ("。" if is_unspaced(bare[-1]) else ".")


def _bound(word: str, following: str, starts: bool) -> Bound:
    """What ends between two words; `starts`: the first one begins a sentence."""
    bare, after = word.rstrip(CLOSERS), following.lstrip(OPENERS)
    capital = not is_lower(after)
    end = SENTENCE_END.search(bare)
    if end:
        if end.group() == ".":
            return _after_dot(bare.lstrip(OPENERS), word != bare, after, capital, starts)
        return Bound.SENTENCE if capital else Bound.CLAUSE  # "Stop!" he said
    if CLAUSE_END.search(bare):
        return Bound.GLUE if _digits(bare) and _digits(after) and bare[-1] == "," else Bound.CLAUSE  # May 5, 2020
    if LONE_DASH.match(after):
        return Bound.GLUE  # a dash between spaces belongs to the word before it
    unit = after.rstrip(".,;:!?")
    if _digits(bare) and (is_digit(unit) or 0 < len(unit) <= 3 or _key(unit) in SCALES):
        return Bound.GLUE  # 10 000, 5 km, 3 million
    return Bound.WORD


def _after_dot(bare: str, closed: bool, after: str, capital: bool, starts: bool) -> Bound:
    core = _key(bare[:-1])
    if core in BEFORE_A_NAME or (core in BEFORE_A_NUMBER and is_digit(after)):
        return Bound.GLUE
    if starts and bare[:-1] and all(map(is_digit, bare[:-1])):
        return Bound.GLUE  # 1. the first item of a list
    if INITIALS.match(bare) and core != "i":
        return Bound.SENTENCE if closed and capital else Bound.GLUE if bare.count(".") == 1 else Bound.WORD
    if not capital:
        return Bound.WORD  # an abbreviation that is on no list
    return Bound.SENTENCE if core not in MAY_END or is_upper(after) else Bound.WORD


def _digits(word: str) -> bool:
    return is_digit(word) or is_digit(word[1:])  # 5, $5, -5


def _key(word: str) -> str:
    """The word in the form of the lists above, which have ASCII only."""
    return word.lower() if word.isascii() else word
