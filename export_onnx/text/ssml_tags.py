"""SSML: <speak>, <p>, <s>, <break>, <sub> and <phoneme> are understood; other tags are left out and named.

A tag is an element that SSML or HTML has, or anything with an attribute in it: "x < y" and "vector<int>" are text.
"""

from __future__ import annotations

import re
from typing import Final

from export_onnx.errors import TextError
from export_onnx.text.pronunciations import from_ipa, given_form

ATTRIBUTES: Final = r"(?:\s+[\w:.-]+(?:\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'))?)*"
TAG: Final = re.compile(rf"<(/?)([A-Za-z][\w:-]*)({ATTRIBUTES})\s*(/?)>")
ATTRIBUTE: Final = re.compile(r"([\w:.-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
NOT_SPOKEN: Final = re.compile(r"<!--.*?-->|<\?xml[^>]*\?>|<!DOCTYPE[^>]*>", re.DOTALL | re.IGNORECASE)
SUBSTITUTE: Final = re.compile(rf"<(sub|phoneme)({ATTRIBUTES})\s*(?:/>|>([^<]*)</\1\s*>)")
_KNOWN: Final = """audio desc emphasis lang lexicon lookup mark meta metadata prosody say-as token voice w
    amazon:effect a abbr
    address article aside b big blockquote body br button center cite code dd del details div dl dt em figcaption
    figure font footer h1 h2 h3 h4 h5 h6 head header hr html i img ins kbd li link main nav ol p pre q s script
    section small span strike strong style sub summary sup table tbody td th thead title tr tt u ul var video
    speak break phoneme"""
KNOWN: Final = frozenset(_KNOWN.split())
STRENGTHS: Final = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.0}
_LINES: Final = "br div dd dt h1 h2 h3 h4 h5 h6 hr li tr table ul ol blockquote section article"
LINES: Final = frozenset(_LINES.split())
TIME: Final = re.compile(r"\+?(\d+(?:\.\d+)?|\.\d+)\s*(ms|s)")
SHORT: Final = re.compile(r"\[(?:pause|break)[: ]\s*([\d.]+\s*m?s)\]", re.IGNORECASE)
LONGEST: Final = 60.0  # seconds


def seconds(time: str) -> float:
    """The seconds of a time as SSML writes it: "500ms", "1.5s".

    Raises:
        TextError: it is none, or longer than a minute.
    """
    found = TIME.fullmatch(time.strip())
    value = float(found[1]) / (1000 if found[2] == "ms" else 1) if found else -1.0
    if not 0 <= value <= LONGEST:
        raise TextError(
            "break", expected="a time such as 500ms or 1.5s, up to 60s", got=repr(time[:40]), todo="Mend it."
        )
    return value


def attributes(written: str) -> dict[str, str]:
    """The attributes of a tag."""
    return {m[1].lower(): m[2] if m[2] is not None else m[3] for m in ATTRIBUTE.finditer(written)}


def read_tags(text: str, mark_pause: MarkPause) -> tuple[str, tuple[str, ...]]:
    """Text without tags, and the names of those that were left out.

    Args:
        mark_pause: gives the text that stands for a pause of so many seconds.

    Raises:
        TextError: <break>, <sub> or <phoneme> lacks what it needs.
    """
    left_out: list[str] = []

    def substitute(m: re.Match[str]) -> str:
        given, word = attributes(m[2]), m[3] or ""
        if m[1] == "phoneme" and given.get("ph"):
            alphabet = given.get("alphabet", "ipa").lower()
            if alphabet not in ("ipa", "x-kokoro"):
                raise TextError(
                    "<phoneme>",
                    expected="alphabet ipa or x-kokoro",
                    got=repr(alphabet),
                    todo="Write it in one of them.",
                )
            return given_form(word or given["ph"], from_ipa(given["ph"]) if alphabet == "ipa" else given["ph"])
        if m[1] == "sub" and given.get("alias"):
            return given["alias"]
        if m[1] == "sub" and not given:
            return m[0]  # HTML's subscript
        needed = "ph" if m[1] == "phoneme" else "alias"
        raise TextError(f"<{m[1]}>", expected=f"an attribute {needed}", got=repr(m[0][:60]), todo=f"Add {needed}.")

    def tag(m: re.Match[str]) -> str:
        name, closing, given = m[2].lower(), bool(m[1]), attributes(m[3])
        if name not in KNOWN and not given and not (closing and name in left_out):
            return m[0]
        if name == "break":
            strength = given.get("strength", "medium")
            return mark_pause(
                seconds(given["time"]) if "time" in given else STRENGTHS.get(strength, STRENGTHS["medium"])
            )
        if name in ("p", "speak") or name in LINES:
            return "\n\n"
        if name == "s":
            return "\n" if closing else ""
        if not closing:
            left_out.append(name)
        return ""

    text = NOT_SPOKEN.sub("", text)
    text = SHORT.sub(lambda m: mark_pause(seconds(m[1])), text)
    text = TAG.sub(tag, SUBSTITUTE.sub(substitute, text))
    return text, tuple(dict.fromkeys(left_out))


class MarkPause:
    """Writes pauses into a text as private characters, and gives them back: one per length of pause."""

    FIRST: Final = 0xF000

    def __init__(self) -> None:
        self.lengths: list[float] = []

    def __call__(self, pause: float) -> str:
        """The mark of a pause of `pause` seconds."""
        if pause not in self.lengths:
            self.lengths.append(pause)
        return chr(self.FIRST + self.lengths.index(pause))
