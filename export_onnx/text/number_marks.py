"""Marks inside English numbers in one form, before any rule reads them: 1,234.5 and never 1 234,5 or 1.234,50."""

from __future__ import annotations

import re
from typing import Final

SPACED: Final = re.compile(r"(?<![\w.,/-])\d{1,3}(?: \d{3})+(?![\w.,-]?\d| \d)")
EUROPEAN: Final = re.compile(r"(?<![\d.,])(\d{1,3}(?:\.\d{3})+),(\d{1,2})(?![\d,])")
DECIMAL_COMMA: Final = re.compile(r"(?<![\d.,])(\d+),(\d\d)(?![\d,])")
SHORT_COMMA: Final = re.compile(r"(?<![\d.,])(\d+),(\d)(?= ?(?:[kcm]?m|[km]?g|m?l|%|°|€|percent)(?!\w))")
SCIENTIFIC: Final = re.compile(r"(?<![\w.,])(\d+(?:\.\d+)?)[eE]([+-]?\d+)(?!\w)")


def number_marks(text: str, british: bool) -> str:
    """Joins groups that spaces separate, and writes decimals with a point and powers of ten with `^`."""
    text = SPACED.sub(lambda m: m[0].replace(" ", ""), text)
    text = EUROPEAN.sub(lambda m: f"{m[1].replace('.', '')}.{m[2]}", text)
    text = SHORT_COMMA.sub(r"\1.\2", DECIMAL_COMMA.sub(r"\1.\2", text))
    return SCIENTIFIC.sub(lambda m: f"{m[1]} times 10^{m[2].lstrip('+')}", text)
