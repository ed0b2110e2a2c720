"""English numbers in a text become words: the last rule for digits, after dates, times, money and units.

Order: a longer form first, as it holds the shorter ones ("1st" before "1", "3/4" before "3").
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from export_onnx.text.english_numbers import (
    MOST_DIGITS,
    NUMBER,
    cardinal,
    digit_words,
    number_words,
    ordinal,
    plural,
    year,
)

Match = re.Match[str]
DASH: Final = "[-\N{EN DASH}\N{EM DASH}]"
SCALES: Final = "hundred|thousand|million|billion|trillion"
_YEAR_CUES: Final = """in since by until till before after during around circa of from between to early mid late year
    years summer
    winter spring fall autumn january february march april may june july august september october november
    december copyright"""
YEAR_CUES: Final = frozenset(_YEAR_CUES.split())
_NO_YEAR_CUES: Final = "number page pages room line flight gate bus route"
NO_YEAR_CUES: Final = frozenset(_NO_YEAR_CUES.split())
_NO_PLURAL: Final = "was is has his its this as us yes thus always perhaps across"
NO_PLURAL: Final = frozenset(_NO_PLURAL.split())
FRACTIONS: Final = {2: "half", 4: "quarter"}
PARTS: Final = (12, 16, 20, 32, 64, 100)
ENTITIES: Final = {"24/7": "twenty four seven", "9/11": "nine eleven"}
POWERS: Final = {"2": "squared", "3": "cubed"}


def written_numbers(text: str, british: bool) -> str:
    """Replaces every digit of an English text by words."""
    for pattern, words in RULES:
        text = re.sub(pattern, lambda m, words=words: words(m, british), text)  # type: ignore[misc]
    return text


def _year_range(m: Match, british: bool) -> str:
    first, last = m[1], m[2]
    if len(last) == 4 and not 1000 <= int(last) < 2100:
        return m[0]
    ending = year(int(last), british) if len(last) == 4 else number_words(last, british)
    return f"{year(int(first), british)} to {ending}"


def _is_year(m: Match, british: bool) -> bool:
    """Whether four digits are a year: by the word before, else by its size and what follows."""
    number, before, after = int(m[0]), re.search(r"(\w+)\.?\W*$", m.string[: m.start()]), m.string[m.end() :]
    cue = before[1].lower() if before else ""
    following = re.match(r" ([A-Za-z]+)", after)
    counted = bool(following) and following[1].endswith("s") and following[1] not in NO_PLURAL  # type: ignore[index]
    counted = counted and not (cue == "the" and 1900 <= number < 2100)  # the 2019 elections
    if cue in NO_YEAR_CUES or counted or number % 1000 == 0:
        return number == 2000 and not counted
    return 1700 <= number < 2100 or (cue in YEAR_CUES and 1100 <= number < 2100)


def _four_digits(m: Match, british: bool) -> str:
    return year(int(m[0]), british) if _is_year(m, british) else number_words(m[0], british)


def _fraction(m: Match, british: bool) -> str:
    whole, above, below = m[1], int(m[2]), int(m[3])
    if m[2] + "/" + m[3] in ENTITIES and not whole:
        return ENTITIES[m[2] + "/" + m[3]]
    if above == below and not whole:
        return f"{cardinal(above, british)} {cardinal(below, british)}"  # fifty fifty
    if not 0 < above < below or (below > 10 and below not in PARTS) or m[2][0] == "0" or m[3][0] == "0":
        return f"{whole or ''}{number_words(m[2], british)} over {number_words(m[3], british)}"
    name = FRACTIONS.get(below) or ordinal(below, british)
    parts = "a" if whole and above == 1 else cardinal(above, british)
    words = f"{parts} {name if above == 1 else 'halves' if below == 2 else plural(name)}"
    return f"{number_words(whole.strip(), british)} and {words}" if whole else words


def _power(m: Match, british: bool) -> str:
    if m[2] in POWERS:
        return f"{m[1]} {POWERS[m[2]]}"
    sign = "minus " if m[2].startswith("-") else ""
    return f"{m[1]} to the power of {sign}{number_words(m[2].lstrip('-'), british)}"


def _dotted(m: Match, british: bool) -> str:
    """Versions part by part, an address of four parts with dots, its parts of three digits digit by digit."""
    parts = m[0].split(".")
    words = (digit_words(p) if len(parts) == 4 and len(p) == 3 else number_words(p) for p in parts)
    return (" dot " if len(parts) == 4 else " point ").join(words)


def _between(word: str) -> Callable[[Match, bool], str]:
    return lambda m, british: f"{m[1]} {word} {m[2]}"


def _product(m: Match, british: bool) -> str:
    """A size with an x between is "by", its four digits two by two ("1920x1080"); a product is "times"."""
    if "x" not in m[0].lower() or " " in m[0]:
        return f"{m[1]} times {m[2]}"
    sides = [year(int(n), british) if re.fullmatch(r"[1-9]\d{3}", n) else n for n in (m[1], m[2])]
    return " by ".join(sides)


def _signed(word: str) -> Callable[[Match, bool], str]:
    return lambda m, british: f"{word} {m[1]}"


RULES: Final[tuple[tuple[str, Callable[[Match, bool], str]], ...]] = (
    (r"(?<!\w)\d+(?:-\d+){2,}(?![\w-])", lambda m, b: ", ".join(map(digit_words, m[0].split("-")))),  # codes
    (rf"(?<![.,\d])(\d{{2,{MOST_DIGITS}}})s\b", lambda m, b: plural(cardinal(int(m[1]), b))),
    (rf"\b(1[1-9]\d\d|20\d\d) ?{DASH} ?((?:1[1-9]|20)\d\d|\d\d)\b(?!{DASH})", _year_range),
    (
        rf"\b(\d{{1,3}}(?:,\d{{3}}){{1,4}}|\d{{1,{MOST_DIGITS}}})(?:st|nd|rd|th)\b",
        lambda m, b: ordinal(int(m[1].replace(",", "")), b),
    ),
    (r"(?<![\w.])v(?=\d+(?:\.\d+)+)", lambda m, b: "version "),
    (r"\b\d+(?:\.\d+){2,}\b", _dotted),
    (r"(?<![\w/.,])(\d+[ ])?(\d{1,3})/(\d{1,3})(?![\w/])", _fraction),
    (r"(\d|\b[a-zA-Z]{1,2})\^(-?\d+)", _power),
    (rf"(?<![\w.,])({NUMBER}) ?[xX\N{{MULTIPLICATION SIGN}}*] ?({NUMBER})", _product),
    (r"\b(\d+)x(?=\s+[a-z]|[.,!?]|$)", lambda m, b: f"{m[1]} times"),
    (r"\b(\d+(?:\.\d+)?)k\b", lambda m, b: f"{m[1]} thousand"),
    (rf"(?<=\d) \+ (?={NUMBER})", lambda m, b: " plus "),
    (rf"(?<=\d) [-\N{{EN DASH}}] (?={NUMBER} ?=)", lambda m, b: " minus "),
    (rf"(?<=\d) ?\N{{DIVISION SIGN}} ?(?={NUMBER})", lambda m, b: " divided by "),
    (r"(?<=[\d\w]) ?= ?(?=[-\w])", lambda m, b: " equals "),
    (rf"(?<![\w.,])({NUMBER}) ?{DASH} ?({NUMBER})(?!\w|{DASH}\d)", _between("to")),
    (r"\b(\d+):(\d+)\b", _between("to")),
    (rf"(?<![\w.])[-\N{{EN DASH}}](?={NUMBER})", lambda m, b: "minus "),
    (r"\N{PLUS-MINUS SIGN} ?", lambda m, b: "plus or minus "),
    (rf"(?<!\w)\+(?={NUMBER})", lambda m, b: "plus "),
    (rf"(?<!\w)~ ?({NUMBER})", _signed("about")),
    (rf"(?<!\w)# ?({NUMBER})", _signed("number")),
    (r"(?<=[A-Za-z])[-\N{EN DASH}]?(?=\d)", lambda m, b: " "),  # MP3, COVID-19
    (r"(?<=\d)[-\N{EN DASH}]?(?=[A-Za-z])", lambda m, b: " "),  # 5G, a 10-year plan
    (r"(?<![\d.,])\d{4}(?![\d]|[.,]\d)", _four_digits),
    (NUMBER, lambda m, b: _apart(m, number_words(m[0], b))),
)


def _apart(m: Match, words: str) -> str:
    """Words of a number that touches another number's dot or comma stay apart from it."""
    touches = m.start() and m.string[m.start() - 1].isdecimal()
    return f" {words}" if touches else words
