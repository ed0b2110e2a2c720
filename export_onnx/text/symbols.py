"""English words of signs that are left when numbers, money and addresses are words."""

from __future__ import annotations

import re
from typing import Final

WORDS: Final = {
    "&": "and", "+": "plus", "=": "equals", "<": "less than", ">": "greater than", "≤": "less than or equal to",
    "≥": "greater than or equal to", "≈": "approximately", "≠": "is not equal to", "→": "to", "×": "times",
    "÷": "divided by", "°": "degrees", "§": "section", "©": "copyright", "%": "percent", "@": "at",
    "√": "square root of",
    "∞": "infinity", "π": "pi", "µ": "micro", "¢": "cents", "±": "plus or minus", "\\": "backslash", "^": "caret",
    "#": "hash", "~": "tilde",
}  # fmt: skip
HASHTAG: Final = re.compile(r"(?<!\w)#(?=[^\W\d])")
LANGUAGES: Final = re.compile(r"\b([CFJ])#(?!\w)")
PLUSES: Final = re.compile(r"\b([A-Za-z]+)\+\+(?!\w)")
SLASH: Final = re.compile(r"(?<=[\w:])/(?=\w)|(?<=\s)/(?=\s)")
MULTIPLY: Final = re.compile(r"(?<=\w) \* (?=\w)")
SILENT: Final = re.compile(r"[*_|`™®•·†‡¶]+")
RUN: Final = re.compile(r"([^\w\s.,!?…])\1{2,}|(?<!\S)#{1,6}(?=\s)")  # a drawn line; a heading's mark
SIGN: Final = re.compile("|".join(map(re.escape, WORDS)))


def symbols(text: str, british: bool) -> str:
    """Replaces signs; marks of layout and of trade ("•", "|", "™") are silent."""
    text = RUN.sub(" ", text)
    text = LANGUAGES.sub(r"\1 sharp", text)
    text = PLUSES.sub(r"\1 plus plus", text)
    text = HASHTAG.sub("hashtag ", text)
    text = SLASH.sub(" slash ", text)
    text = MULTIPLY.sub(" times ", text)
    text = SIGN.sub(lambda m: f" {WORDS[m[0]]} ", text)
    return SILENT.sub(" ", text)
