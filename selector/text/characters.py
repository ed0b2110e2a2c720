"""The kinds of characters that decide where a text may be cut, written out so that Python, C++ and Java agree.

Each language's own tables follow the Unicode version that it was built with, and a phone's are older than a computer's.
So the ranges are listed here, and again in `sdk/cpp/split.hpp` and `sdk/java/…/Characters.java`; the shared vectors
probe each of their ends. Only Latin, Greek and Cyrillic letters have a case here; a letter of another script counts as
one that may begin a sentence.
"""

from __future__ import annotations

import re
from typing import Final

Ranges = tuple[tuple[int, int, int], ...]  # first, last, step

# fmt: off
LOWER: Final[Ranges] = (
    (0x61, 0x7A, 1), (0xB5, 0xB5, 1), (0xDF, 0xF6, 1), (0xF8, 0xFF, 1), (0x101, 0x137, 2), (0x138, 0x148, 2),
    (0x149, 0x177, 2), (0x17A, 0x17E, 2), (0x17F, 0x17F, 1), (0x1A1, 0x1A1, 1), (0x1B0, 0x1B0, 1), (0x1CE, 0x1DC, 2),
    (0x1F9, 0x233, 2), (0x390, 0x390, 1), (0x3AC, 0x3CE, 1), (0x430, 0x45F, 1), (0x461, 0x481, 2), (0x48B, 0x4BF, 2),
    (0x4C2, 0x4CE, 2), (0x4CF, 0x52F, 2), (0x1E01, 0x1E95, 2), (0x1E96, 0x1E9D, 1), (0x1E9F, 0x1EFF, 2),
)
UPPER: Final[Ranges] = (
    (0x41, 0x5A, 1), (0xC0, 0xD6, 1), (0xD8, 0xDE, 1), (0x100, 0x136, 2), (0x139, 0x147, 2), (0x14A, 0x178, 2),
    (0x179, 0x17D, 2), (0x1A0, 0x1A0, 1), (0x1AF, 0x1AF, 1), (0x1CD, 0x1DB, 2), (0x1F8, 0x232, 2), (0x386, 0x386, 1),
    (0x388, 0x38A, 1), (0x38C, 0x38C, 1), (0x38E, 0x38F, 1), (0x391, 0x3A1, 1), (0x3A3, 0x3AB, 1), (0x400, 0x42F, 1),
    (0x460, 0x480, 2), (0x48A, 0x4C0, 2), (0x4C1, 0x4CD, 2), (0x4D0, 0x52E, 2), (0x1E00, 0x1E94, 2),
    (0x1E9E, 0x1EFE, 2),
)
# ASCII, Arabic, Persian, Devanagari, fullwidth
DIGIT: Final[Ranges] = (
    (0x30, 0x39, 1), (0x660, 0x669, 1), (0x6F0, 0x6F9, 1), (0x966, 0x96F, 1), (0xFF10, 0xFF19, 1),
)
# Marks over the letter before them
MARK: Final[Ranges] = ((0x300, 0x36F, 1),)
# Format characters: a soft hyphen, joiners, directions, tags
VANISHING: Final[Ranges] = (
    (0xAD, 0xAD, 1), (0x61C, 0x61C, 1), (0x180E, 0x180E, 1), (0x200B, 0x200F, 1), (0x202A, 0x202E, 1),
    (0x2060, 0x206F, 1), (0xFEFF, 0xFEFF, 1), (0xFFF9, 0xFFFB, 1), (0xE0000, 0xE007F, 1),
)
# Spaces, controls (the line's end is not one), surrogates, private characters
BLANK: Final[Ranges] = (
    (0x00, 0x09, 1), (0x0B, 0x20, 1), (0x7F, 0xA0, 1), (0x1680, 0x1680, 1), (0x2000, 0x200A, 1), (0x2028, 0x2029, 1),
    (0x202F, 0x202F, 1), (0x205F, 0x205F, 1), (0x3000, 0x3000, 1), (0xD800, 0xF8FF, 1), (0xF0000, 0x10FFFF, 1),
)
# Letters of scripts without spaces between words: kana and ideographs. A line may end behind each.
UNSPACED: Final[Ranges] = (
    (0x3005, 0x3007, 1), (0x3041, 0x3096, 1), (0x309D, 0x309E, 1), (0x30A1, 0x30FA, 1), (0x30FC, 0x30FE, 1),
    (0x31F0, 0x31FF, 1), (0x3400, 0x4DBF, 1), (0x4E00, 0x9FFF, 1), (0xF900, 0xFAFF, 1), (0xFF66, 0xFF9F, 1),
    (0x20000, 0x3FFFD, 1),
)
# Those of them that no line begins with: small kana, marks of length, repetition and voicing
NEVER_FIRST: Final[Ranges] = (
    (0x3005, 0x3005, 1), (0x3041, 0x3049, 2), (0x3063, 0x3063, 1), (0x3083, 0x3087, 2), (0x308E, 0x308E, 1),
    (0x3095, 0x3096, 1), (0x309D, 0x309E, 1), (0x30A1, 0x30A9, 2), (0x30C3, 0x30C3, 1), (0x30E3, 0x30E7, 2),
    (0x30EE, 0x30EE, 1), (0x30F5, 0x30F6, 1), (0x30FC, 0x30FE, 1), (0x31F0, 0x31FF, 1), (0xFF67, 0xFF70, 1),
    (0xFF9E, 0xFF9F, 1),
)
# fmt: on

# What ends a line or a paragraph, by its code point; with a carriage return before a line's end, both are one.
LINE_ENDS: Final = {0x0B: "\n", 0x0D: "\n", 0x85: "\n", 0x2028: "\n", 0x0C: "\n\n", 0x2029: "\n\n"}


def pattern(ranges: Ranges) -> str:
    """A regular expression of one character of `ranges`."""
    spans = "".join(
        f"{re.escape(chr(first))}-{re.escape(chr(last))}"
        if step == 1
        else "".join(re.escape(chr(c)) for c in range(first, last + 1, step))
        for first, last, step in ranges
    )
    return f"[{spans}]"


_VANISHING: Final = re.compile(pattern(VANISHING))
_BLANK: Final = re.compile(pattern(BLANK))
_LOWER: Final = re.compile(pattern(LOWER))
_UPPER: Final = re.compile(pattern(UPPER))
_DIGIT: Final = re.compile(pattern(DIGIT))
_UNSPACED: Final = re.compile(pattern(UNSPACED))
_NEVER_FIRST: Final = re.compile(pattern(NEVER_FIRST))


def clean(text: str) -> str:
    """Text without characters that cannot be said: format characters vanish, other invisible ones become spaces.

    Line ends stay, all as `\\n`; a form feed and a paragraph separator are blank lines.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").translate(LINE_ENDS)
    return _BLANK.sub(" ", _VANISHING.sub("", text))


def is_lower(text: str) -> bool:
    """Whether the first character is a small letter."""
    return _LOWER.match(text) is not None


def is_upper(text: str) -> bool:
    """Whether the first character is a capital."""
    return _UPPER.match(text) is not None


def is_digit(text: str) -> bool:
    """Whether the first character is a digit."""
    return _DIGIT.match(text) is not None


def is_unspaced(text: str) -> bool:
    """Whether the first character is a letter of a script without spaces between words."""
    return _UNSPACED.match(text) is not None


def may_begin(text: str) -> bool:
    """Whether a piece of unspaced text may begin with the first character."""
    return is_unspaced(text) and _NEVER_FIRST.match(text) is None
