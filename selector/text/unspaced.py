"""Takes text without spaces apart: behind its marks, and else between its letters.

Japanese and Chinese separate sentences and clauses by marks alone. Behind such a mark, and the brackets that close
there, a part ends; a mark between two digits ends nothing. Where no mark helps, text may be cut between two letters of
these scripts (kana, ideographs), except before small kana and marks that belong to the letter before.
"""

from __future__ import annotations

import re
from typing import Final

from selector.text.characters import UNSPACED, is_digit, is_unspaced, may_begin, pattern

CLOSING: Final = "」』）】》〉〕］｝"
OPENING: Final = "「『（【《〈〔［｛"
FULL_WIDTH_MARKS: Final = "。！？、，；：．｡､"
NARROW_MARKS: Final = ".!?,;:…—"  # end a part of unspaced text only: behind a letter of it, and before one
ENDING: Final = FULL_WIDTH_MARKS + NARROW_MARKS
CLOSERS_BEHIND: Final = CLOSING + "”’"
GIVEN: Final = "](/"  # stands in `[word](/phonemes/)`, which is one word to the front end
CANDIDATE: Final = re.compile(f"{pattern(UNSPACED)}|[{FULL_WIDTH_MARKS}]")


def unspaced_parts(token: str) -> list[str]:
    """The parts of what white space separates, one for a word of a script with spaces or with given phonemes.

    Their texts joined without spaces are the token.
    """
    if not CANDIDATE.search(token) or GIVEN in token:
        return [token]
    parts, begin = [], 0
    for at in range(1, len(token)):
        if may_end(token, at):
            parts.append(token[begin:at])
            begin = at
    return [*parts, token[begin:]]


def may_end(token: str, at: int) -> bool:
    """Whether a part ends before `token[at]`."""
    before, behind = token[at - 1], token[at]
    if is_unspaced(before):
        return may_begin(behind) or behind in OPENING
    if behind in ENDING or behind in CLOSERS_BEHIND:
        return False
    end = at  # of the letters, with marks and closing brackets behind them
    while end and token[end - 1] in CLOSERS_BEHIND:
        end -= 1
    if not end or token[end - 1] not in ENDING:
        return False
    mark = token[end - 1]
    while end and token[end - 1] in ENDING:
        end -= 1
    letter = token[end - 1] if end else ""
    if is_digit(letter) and is_digit(behind):
        return False
    return mark in FULL_WIDTH_MARKS or (is_unspaced(letter) and (may_begin(behind) or behind in OPENING))
