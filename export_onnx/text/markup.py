"""A text as it was typed -> passages of plain text and the pauses between them.

Read once, for a whole text: HTML entities, SSML, links, Markdown. The order is the order below.

    You *shouldn't* panic.<break time="1s"/> [Kokoro](/kˈOkəɹO/) ->  "You shouldn't panic." 1 s "[Kokoro](/kˈOkəɹO/)"

Given pronunciations stay in the text as one word each, and `phonemize` speaks them.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Final

from export_onnx.text.markdown_marks import markdown_lines, markdown_spans
from export_onnx.text.pronunciations import GIVEN, given_form
from export_onnx.text.ssml_tags import MarkPause, read_tags

SCENE_PAUSE: Final = 1.5  # seconds: twice the pause between paragraphs
PRIVATE: Final = re.compile("[\ue000-\uf8ff]")
ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
AUTOLINK: Final = re.compile(r"<((?:https?://|mailto:)[^<>\s]+)>")
PLAIN: Final = re.compile(r"[<\[&*_`~#>=|\\\ue000-\uf8ff⁂❦❧+•‣◦-]")


@dataclass(frozen=True)
class SpokenPassage:
    """Plain text between two pauses.

    Attributes:
        text: without markup; empty where pauses stand beside each other or at an end of the text.
        pause: seconds of silence behind it, at any speed; None behind the last one.
    """

    text: str
    pause: float | None = None


@dataclass(frozen=True)
class Marked:
    """A text without its markup.

    Attributes:
        passages: at least one, in order.
        left_out: names of tags that are not understood; what they enclose is spoken as if they were not there.
    """

    passages: tuple[SpokenPassage, ...]
    left_out: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The passages' text, with line ends for the pauses."""
        return "\n\n".join(p.text for p in self.passages if p.text)


def read_markup(text: str) -> Marked:
    """Reads a text's markup.

    Raises:
        TextError: <break>, <sub> or <phoneme> lacks what it needs, or has what cannot be read.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not PLAIN.search(text):
        return Marked((SpokenPassage(text),))
    pauses = MarkPause()
    text = PRIVATE.sub(" ", text)  # private characters mean nothing to a reader, and something below
    text, left_out = read_tags(AUTOLINK.sub(r"\1", text), pauses)
    text = ENTITY.sub(lambda m: PRIVATE.sub(" ", html.unescape(m[0])), text)
    text = markdown_lines(text, pauses(SCENE_PAUSE))
    text = markdown_spans(GIVEN.sub(lambda m: given_form(m[1], m[2]), text))
    text = re.sub(r"\n(?:[ \t]*\n){2,}", "\n\n", text)
    passages, at = [], 0
    for m in PRIVATE.finditer(text):
        passages.append(SpokenPassage(text[at : m.start()].strip(), pauses.lengths[ord(m[0]) - MarkPause.FIRST]))
        at = m.end()
    passages.append(SpokenPassage(text[at:].strip() if passages else text[at:]))
    return Marked(tuple(passages), left_out)
