"""Telephone numbers are said digit by digit, with a short pause between the groups."""

from __future__ import annotations

import re
from typing import Final

from export_onnx.text.english_numbers import digit_words

GAP: Final = r"[ .\-\N{EN DASH}]"
AMERICAN: Final = rf"(?:(?:\+|\b)1{GAP})?(?:\(\d{{3}}\) ?|\b\d{{3}}{GAP})\d{{3}}{GAP}\d{{4}}"
INTERNATIONAL: Final = rf"\+\d{{1,3}}(?:{GAP}?\(?\d{{1,4}}\)?){{2,6}}"
LOCAL: Final = r"\b\d{3}-\d{4}"
BRITISH: Final = r"\b0\d{2,4} \d{3,4} ?\d{3,4}"
SHORT: Final = re.compile(r"\b([Cc]all|[Dd]ial) (\d{3})(?![\d-]| \d|\.\d| [a-z]+s\b)")
PHONE: Final = re.compile(rf"(?<![\w.\-/$])(?:{AMERICAN}|{INTERNATIONAL}|{BRITISH}|{LOCAL})(?![\w\-/]|\.\d)")


def phone_numbers(text: str, british: bool) -> str:
    """Replaces telephone numbers: "(555) 123-4567" -> "five five five, one two three, four five six seven"."""
    text = SHORT.sub(lambda m: f"{m[1]} {digit_words(m[2])}", text)
    return PHONE.sub(_spoken, text)


def _spoken(m: re.Match[str]) -> str:
    groups = [digit_words(group) for group in re.findall(r"\d+", m[0])]
    plus = "plus " if m[0].startswith("+") else ""
    return plus + ", ".join(groups)
