"""One form of each character (NFKC) before any rule reads it, without losing what the form means.

NFKC alone makes "..." of the ellipsis, which has an id of its own, "52" of 5², and "21/2" of 2½.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

KEPT: Final = "…²³™ª º"  # `units` and others read them
FRACTION: Final = re.compile("(?<=\\d)(?=[¼½¾⅐-⅞])")
RAISED: Final = re.compile("(?<=[\\d\\w)])[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
SPACED_MARKS: Final = {"。": ". ", "、": ", ", "।": ". ", "॥": ". ", "\N{MINUS SIGN}": "-", "\N{HYPHEN}": "-",
    "\N{FRACTION SLASH}": "/", "\N{NON-BREAKING HYPHEN}": "-"}  # fmt: skip
VANISHING: Final = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
EMOTICON: Final = re.compile(r"(?<!\S)(?:<3|[:;][-']?[)(DPpO/|])(?=\s|$|[.,!?])")


def folded_characters(text: str, own_marks: bool = False) -> str:
    """NFKC, plain hyphens and spaces; exponents become `^n`; emoji and emoticons are silent.

    Args:
        own_marks: the language's front end reads "。" and "、" itself.
    """
    text = EMOTICON.sub("", text)
    if text.isascii():
        return text
    text = RAISED.sub(_raised, FRACTION.sub(" ", text))
    text = "".join(c if c in KEPT else unicodedata.normalize("NFKC", c) for c in unicodedata.normalize("NFC", text))
    marks = {k: v for k, v in SPACED_MARKS.items() if not own_marks or k not in "。、"}
    text = "".join(marks.get(c, c) for c in text)
    text = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)
    return "".join(" " if is_emoji(c) else c for c in text)


def _raised(m: re.Match[str]) -> str:
    """An exponent behind a digit or a single letter; "m²" is left to the units; else a note's number, said apart."""
    digits = unicodedata.normalize("NFKC", m[0]).replace("\N{MINUS SIGN}", "-")
    before = m.string[: m.start()]
    unit = re.search(r"\d ?(?:[kcm]?m|mi|ft|in|s)$", before)
    if unit:
        return m[0]
    return f"^{digits}" if re.search(r"(?:\d|\b\w{1,2}|\))$", before) else f" {digits}"


def is_emoji(character: str) -> bool:
    """Whether a character is a picture: emoji, their modifiers and joiners, dingbats; not arrows or arithmetic."""
    code = ord(character)
    return (
        0x1F000 <= code <= 0x1FAFF
        or 0x2600 <= code <= 0x27BF
        or 0x2B00 <= code <= 0x2BFF
        or 0xFE00 <= code <= 0xFE0F
        or 0xE0020 <= code <= 0xE007F
        or 0x2300 <= code <= 0x23FF
        or code == 0x20E3
    )
