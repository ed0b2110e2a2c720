"""A lexicon: a file of words and how to say them, before every rule.

One entry a line: the word, white space or a tab, then phonemes between slashes or other words. `#` begins a comment.

    Kokoro      /kˈOkəɹO/
    SQL         sequel
    "New York"  /nˌu jˈɔɹk/

An entry with a capital letter is found in that spelling only, one in small letters in any. Quotes hold several words.
`builtin_lexicon.txt` beside this file is read by every step; a user's file is read after it and overrides it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from export_onnx.errors import TextError
from export_onnx.text.pronunciations import given_form

BUILTIN: Final = Path(__file__).parent / "builtin_lexicon.txt"
ENTRY: Final = re.compile(r"(?:\"([^\"]+)\"|(\S+))\s+(?:/([^/]+)/|([^/#][^#]*?))\s*(?:#.*)?")


@dataclass(frozen=True)
class Lexicon:
    """Words and what stands for them: a given pronunciation, or other words."""

    entries: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        words = sorted(self.entries, key=len, reverse=True)
        forms = [re.escape(w) if w != w.lower() else f"(?i:{re.escape(w)})" for w in words]
        return re.compile(rf"(?<!\w)(?:{'|'.join(forms)})(?!\w)") if forms else None

    def apply(self, text: str) -> str:
        """Replaces the entries' words in a text that holds no given pronunciations."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda m: self.entries.get(m[0]) or self.entries.get(m[0].lower(), m[0]), text)

    def over(self, other: Lexicon) -> Lexicon:
        """Both lexicons; this one's entries count where both have one."""
        return Lexicon({**other.entries, **self.entries})


def read_lexicon(file: Path) -> Lexicon:
    """Reads a lexicon file in UTF-8.

    Raises:
        TextError: it cannot be read, or a line is no entry; the message gives the line.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TextError(
            str(file), expected="a lexicon in UTF-8", got=str(error)[:100], todo="Check the path, or convert the file."
        ) from error
    entries = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = ENTRY.fullmatch(line.strip())
        if found is None:
            raise TextError(
                f"{file}, line {number}",
                expected="a word, then /phonemes/ or other words",
                got=repr(line[:60]),
                todo="Write it as `SQL sequel` or `Kokoro /kˈOkəɹO/`.",
            )
        word = found[1] or found[2]
        entries[word] = given_form(word, found[3]) if found[3] else found[4]
    return Lexicon(entries)


@cache
def builtin_lexicon() -> Lexicon:
    """The lexicon of this repository."""
    return read_lexicon(BUILTIN)
