"""Finds the words after which a text may be cut, and how good each place for a cut is.

Words are what white space separates; a cut is never inside one. `GLUE` holds words together that are said as one:
a title and its name, a number and its unit, the parts of a date. `sdk/cpp/split.hpp` and the Java do the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from selector.text.characters import LOWER, MARK, UPPER, is_digit, is_lower, is_upper, pattern


class Bound(IntEnum):
    """What ends after a word; a greater value is a better place for a cut."""

    GLUE = 0
    WORD = 1
    CLAUSE = 2
    SENTENCE = 3
    PARAGRAPH = 4


@dataclass(frozen=True)
class Word:
    """One word with its punctuation, and the bound behind it."""

    text: str
    bound: Bound


CLOSERS: Final = "\"'’”»)]}*_"
OPENERS: Final = "\"'‘“«([{*_"
SENTENCE_END: Final = re.compile(r"[.!?…。！？।]+$")
CLAUSE_END: Final = re.compile(r"[,;:，、；：—–]$|^-{1,2}$")
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
TOKEN: Final = re.compile(r"\n *\n|[^ \n]+")


def words(text: str) -> Iterator[Word]:
    """The words of a cleaned text in order, read lazily; a blank line ends a paragraph, a line end is a space."""
    tokens = (match.group() for match in TOKEN.finditer(text))
    word, starts = "", True
    for token in tokens:
        blank = token.startswith("\n")
        if word:
            bound = Bound.PARAGRAPH if blank else _bound(word, token, starts)
            yield Word(word, bound)
            starts = bound >= Bound.SENTENCE
        word = "" if blank else token
    if word:
        yield Word(word, Bound.PARAGRAPH)


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
