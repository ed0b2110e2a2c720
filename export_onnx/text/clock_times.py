"""English times of day: "9:30 a.m." -> "nine thirty A M", "17:05" -> "seventeen oh five"."""

from __future__ import annotations

import re
from typing import Final

from export_onnx.text.english_numbers import cardinal
from export_onnx.text.sentence_end import ends_sentence

_DAYS: Final = """monday tuesday wednesday thursday friday saturday sunday january february march april may june july
    august
    september october november december"""
DAYS: Final = frozenset(_DAYS.split())
HALF: Final = r"(?:[ ]?(?P<half>[aApP])(?:\.[ ]?[mM](?P<dot>\.)|[mM]\b(?!\.\w)))"
CLOCK: Final = re.compile(
    rf"(?<![\d:.,/])(?P<h>[01]?\d|2[0-4]):(?P<m>[0-5]\d)(?::(?P<s>[0-5]\d))?(?![\d:]|\.\d){HALF}?"
)
HOUR: Final = re.compile(rf"(?<![\d:.,/$])(?P<h>1[0-2]|[1-9]){HALF}")
RANGE: Final = re.compile(r"(?<=\d) ?[-\N{EN DASH}] ?(?=\d{1,2}:[0-5]\d)")
HALVES: Final = re.compile(r"(?<=\d[ap]m) ?[-\N{EN DASH}] ?(?=\d)|(?<=\d [ap]m) ?[-\N{EN DASH}] ?(?=\d)", re.IGNORECASE)
HOUR_RANGE: Final = re.compile(rf"(?<![\d:.,/])(\d{{1,2}}) ?[-\N{{EN DASH}}] ?(?=\d{{1,2}}{HALF})")


def clock_times(text: str, british: bool) -> str:
    """Replaces times of day. A full stop stays behind "a.m." only where a sentence ends."""
    text = HALVES.sub(" to ", text)
    text = RANGE.sub(" to ", text)
    text = HOUR_RANGE.sub(r"\1 to ", text)
    return HOUR.sub(_hour, CLOCK.sub(_clock, text))


def _clock(m: re.Match[str]) -> str:
    hour, minute, second = int(m["h"]), int(m["m"]), m["s"]
    words = cardinal(hour)
    if minute or second:
        words += f" {'oh ' if 0 < minute < 10 else ''}{cardinal(minute)}"
    elif not m["half"] and not re.match(r" to \d", m.string[m.end() :]):
        words += " o'clock" if 1 <= hour <= 12 else " hundred"
    if second:
        words += f" and {cardinal(int(second))} second{'' if int(second) == 1 else 's'}"
    return words + _half(m)


def _hour(m: re.Match[str]) -> str:
    return cardinal(int(m["h"])) + _half(m)


def _half(m: re.Match[str]) -> str:
    if not m["half"]:
        return ""
    rest = m.string[m.end() :]
    following = re.match(r"\s+([A-Z]\w*)", rest)
    stop = ends_sentence(rest) or (following and following[1].lower() not in DAYS and not following[1].isupper())
    return f" {m['half'].upper()} M{'.' if m['dot'] and stop else ''}"
