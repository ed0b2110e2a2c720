"""The language that a voice speaks, by the first letter of its name, as in `bf_emma`."""

from __future__ import annotations

import re
from typing import Final

from export_onnx.errors import TextError

LANGUAGES: Final = {
    "a": "en-us", "b": "en-gb", "e": "es", "f": "fr-fr", "h": "hi", "i": "it", "j": "ja", "p": "pt-br", "z": "zh",
    "d": "en-us",  # the demo voice of this repository
}  # fmt: skip
NAME: Final = re.compile(r"([a-z])[fmx]_")


def language_of(voice: str) -> str:
    """The language of a voice's name.

    Raises:
        TextError: the name does not begin with a known letter, or has no such beginning.
    """
    match = NAME.match(voice)
    language = LANGUAGES.get(match[1]) if match else None
    if language is None:
        raise TextError(
            f"language of voice {voice[:40]!r}",
            expected="a name that begins with "
            + ", ".join(f"{k} ({v})" for k, v in LANGUAGES.items())
            + ", then f_, m_ or x_",
            got="another name",
            todo="Name the language: LANGUAGE=en-us of make, --language, or `language` in a program.",
        )
    return language
