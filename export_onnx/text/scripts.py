"""Which letters a language's front end can say, and who says the others.

espeak's English voice reads Cyrillic, Arabic and Chinese letters by their names, or not at all. A run of another script
is therefore said by espeak's own voice for that script. Ideographs, kana and scripts without such a voice stay as they
are in the phonemes: they have no id there, and `Encoded.skipped` names them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

# First and last letter of each script -> espeak's language that says it.
VOICES: Final = (
    ("\u0370", "\u03ff", "el"), ("\u1f00", "\u1fff", "el"), ("\u0400", "\u052f", "ru"), ("\u0531", "\u058f", "hy"),
    ("\u0591", "\u05f4", "he"), ("\u0600", "\u06ff", "ar"), ("\u0900", "\u097f", "hi"), ("\u0980", "\u09ff", "bn"),
    ("\u0a00", "\u0a7f", "pa"), ("\u0a80", "\u0aff", "gu"), ("\u0b80", "\u0bff", "ta"), ("\u0c00", "\u0c7f", "te"),
    ("\u0c80", "\u0cff", "kn"), ("\u0d00", "\u0d7f", "ml"), ("\u10a0", "\u10ff", "ka"), ("\u1100", "\u11ff", "ko"),
    ("\u3130", "\u318f", "ko"), ("\uac00", "\ud7a3", "ko"),
)  # fmt: skip
_UNSAID: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1200-\u139f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)
UNSAID: Final = re.compile(f"[{_UNSAID}]")
RUN: Final = re.compile(
    "|".join(f"(?P<s{i}>[{first}-{last}]+(?:\\s+[{first}-{last}]+)*)" for i, (first, last, _) in enumerate(VOICES))
    + f"|(?P<unsaid>[{_UNSAID}]+)"
)


# espeak's languages of the scripts that it has no voice for in other languages.
THEIRS: Final = ("am", "bo", "cmn", "hak", "km", "lo", "my", "si", "th", "yue")


def script_runs(text: str, language: str) -> Iterator[tuple[str, str | None]]:
    """Parts of a text in order, with the language that says each; None where none can.

    Args:
        language: of the text; it says its own script and Latin, digits and punctuation.
    """
    at = 0
    for m in RUN.finditer(text):
        kind = m.lastgroup or ""
        voice = None if kind == "unsaid" else VOICES[int(kind[1:])][2]
        if voice is None and language.partition("-")[0] in THEIRS:
            continue
        if voice is not None and voice == language.partition("-")[0]:
            continue
        if text[at : m.start()]:
            yield text[at : m.start()], language
        yield m[0], voice
        at = m.end()
    if text[at:]:
        yield text[at:], language
