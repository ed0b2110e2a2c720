"""Words of English numbers, through num2words: "1,234.5" -> "one thousand two hundred thirty four point five".

Both front ends must say the same, so numbers become words here and not in a phonemizer. Words stand apart, as espeak
says them ("twenty four", not "twenty-four"). American English leaves out the "and" that British English says.
"""

from __future__ import annotations

import re
from typing import Final

from num2words import num2words

MOST_DIGITS: Final = 15  # a longer number is a code, and is said digit by digit
NUMBER: Final = r"(?:\d{1,3}(?:,\d{2,3})*,\d{3}(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|(?<!\d)\.\d+)"
DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def _plain(words: str, british: bool) -> str:
    apart = words.replace(",", "").replace("-", " ")
    return apart if british else apart.replace(" and ", " ")


def digit_words(digits: str) -> str:
    """Each digit by its name; other characters are left out."""
    return " ".join(DIGITS[int(c)] for c in digits if c.isdecimal())


def cardinal(number: int, british: bool = False) -> str:
    """The words of a whole number of zero or more."""
    return _plain(num2words(number, lang="en"), british)


def ordinal(number: int, british: bool = False) -> str:
    """The words of its place: "twenty third"."""
    return _plain(num2words(number, lang="en", to="ordinal"), british)


def year(number: int, british: bool = False) -> str:
    """The words of a year: "nineteen oh five", "two thousand five", "twenty twenty four"."""
    return _plain(num2words(number, lang="en", to="year"), british)


def decade(number: int) -> str:
    """The words of ten years by their first: "nineteen nineties", "twenties"."""
    return plural(year(number))


def plural(words: str) -> str:
    """The plural of a number's words: "ninety" -> "nineties", "hundred" -> "hundreds"."""
    return words[:-1] + "ies" if words.endswith("y") else words + ("es" if words.endswith("x") else "s")


def number_words(written: str, british: bool = False) -> str:
    """The words of a number as `NUMBER` finds it: groups of thousands, a decimal point, leading zeros.

    A number with leading zeros, or of more than 15 digits, is said digit by digit.
    """
    whole, point, decimals = written.replace(",", "").partition(".")
    if len(whole) > MOST_DIGITS or re.match(r"0\d", whole):
        words = digit_words(whole)
    else:
        words = cardinal(int(whole), british) if whole else ""
    return f"{words} point {digit_words(decimals)}".strip() if point else words


def is_one(written: str) -> bool:
    """Whether a singular follows the number."""
    return written in ("1", "1.0")
