"""English dates: "March 5, 2024" -> "March fifth, twenty twenty four"; British readers say the day first."""

from __future__ import annotations

import re
from typing import Final

from export_onnx.text.english_numbers import cardinal, decade, ordinal, plural, year

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
SHORT: Final = {m[:3]: m for m in MONTHS if m != "May"} | {"Sept": "September"}
_ENDING: Final = "(?:st|nd|rd|th)?"
NAME: Final = rf"(?P<month>{'|'.join(MONTHS)}|(?:{'|'.join(SHORT)})(?:\.|\b))"
DAY: Final = r"(?P<day>3[01]|[12]\d|0?[1-9])"
YEAR: Final = r"(?P<year>1\d{3}|20\d\d)"
ISO: Final = re.compile(
    r"(?<![\w/-])(?P<year>1\d{3}|20\d\d)([-/])(?P<month>0[1-9]|1[0-2])\2(?P<day>0[1-9]|[12]\d|3[01])(?![\w-])"
)
FIGURES: Final = re.compile(r"(?<![\w/.])(\d{1,2})([/.])(\d{1,2})\2((?:1\d|20)\d\d|\d\d)(?![\w/])")
MONTH_FIRST: Final = re.compile(rf"\b{NAME} {DAY}{_ENDING}(?:,? {YEAR})?(?![\w:]|[.,]\d|[ ](?:per|percent))")
DAY_FIRST: Final = re.compile(rf"\b(?P<the>the )?{DAY}{_ENDING}(?: of)? {NAME}(?:,? {YEAR}\b)?(?!\w)")
MONTH_YEAR: Final = re.compile(rf"\b{NAME},? {YEAR}(?![\w:]|[.,]\d)")
DAYS: Final = re.compile(rf"\b{NAME} {DAY}{_ENDING} ?[-\N{{EN DASH}}] ?(?P<last>3[01]|[12]\d|[1-9]){_ENDING}\b(?!-)")
DAYS_FIRST: Final = re.compile(
    rf"(?<![\w.,])(?:the )?(?P<first>3[01]|[12]\d|[1-9]){_ENDING} ?[-\N{{EN DASH}}] ?(?={DAY}{_ENDING}(?: of)? {NAME})"
)
SHORT_YEARS: Final = 50  # "49" is 2049, "50" is 1950
DECADE: Final = re.compile(r"\b([12]\d{2}0)['’]?s\b")
SHORT_DECADE: Final = re.compile(r"(?<![\w.,])['’‘]?([2-9]0)['’]?s\b")


def dates(text: str, british: bool) -> str:
    """Replaces dates; three figures are month first in American English, day first in British."""
    text = ISO.sub(lambda m: _spoken(MONTHS[int(m["month"]) - 1], m["day"], m["year"], british), text)
    text = FIGURES.sub(lambda m: _figures(m, british), text)
    text = DAYS_FIRST.sub(lambda m: f"the {ordinal(int(m['first']))} to ", text)
    text = DAYS.sub(lambda m: f"{_month(m)} {m['day']} to {ordinal(int(m['last']))}", text)
    text = DAY_FIRST.sub(lambda m: _named(m, first=True), text)
    text = MONTH_FIRST.sub(lambda m: _named(m, first=False), text)
    text = DECADE.sub(lambda m: decade(int(m[1])), text)
    text = SHORT_DECADE.sub(lambda m: plural(cardinal(int(m[1]))), text)
    return MONTH_YEAR.sub(lambda m: f"{_month(m)} {year(int(m['year']), british)}", text)


def _month(m: re.Match[str]) -> str:
    return SHORT.get(m["month"].rstrip("."), m["month"])


def _named(m: re.Match[str], *, first: bool) -> str:
    return _spoken(_month(m), m["day"], m["year"], first)


def _figures(m: re.Match[str], british: bool) -> str:
    one, other = int(m[1]), int(m[3])
    day, month = (one, other) if (british or m[2] == "." or one > 12) else (other, one)
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return m[0]
    if len(m[4]) == 2 and m[2] == ".":
        return m[0]  # a version
    of_year = m[4] if len(m[4]) == 4 else str(int(m[4]) + (2000 if int(m[4]) < SHORT_YEARS else 1900))
    return _spoken(MONTHS[month - 1], str(day), of_year, british)


def _spoken(month: str, day: str, of_year: str | None, day_first: bool) -> str:
    place = ordinal(int(day))
    words = f"the {place} of {month}" if day_first else f"{month} {place}"
    return f"{words}, {year(int(of_year))}" if of_year else words
