"""A page as people write it: headings, lists, a table, prices, addresses, code, quotes, dates, emoji, two languages.

`real_world_page.txt` holds the words that a good reader says for it. The front end made them, and they were checked
word by word afterwards, so they were not written independently of it. However the page is split, these are spoken, all
of them and in order.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from export_onnx.text.markup import read_markup
from export_onnx.text.pronunciations import GIVEN
from export_onnx.text.spoken_form import spoken_form
from selector.text.chunk import chunk

PAGE = Path(__file__).with_name("real_world_page.md")
WORDS = PAGE.with_suffix(".txt")
LEAST_WORDS = 400


def words_in(text: str) -> list[str]:
    """The words of a spoken text without its marks; of a given pronunciation the written word."""
    bare = GIVEN.sub(lambda given: given[0][1 : given[0].index("]")], text)
    return re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", bare.lower())


def spoken_words(page: str, limit: int) -> list[str]:
    """The words of all chunks of at most `limit` characters.

    With 25, a chunk may end between a name and its Roman numeral, which is then no numeral; no bucket is so short.
    """
    said: list[str] = []
    for passage in read_markup(page).passages:
        if any(map(str.isalnum, passage.text)):
            for piece in chunk(passage.text, len, limit):
                said += words_in(spoken_form(piece.text, "en-us"))
    return said


@pytest.mark.parametrize("limit", [40, 60, 120, 300, 10_000])
def test_every_word_of_the_page_is_spoken_however_it_is_split(limit: int) -> None:
    wanted = words_in(WORDS.read_text(encoding="utf-8"))
    assert len(wanted) >= LEAST_WORDS
    assert spoken_words(PAGE.read_text(encoding="utf-8"), limit) == wanted


def test_the_page_has_every_kind_of_text() -> None:
    page = PAGE.read_text(encoding="utf-8")
    kinds = (
        r"(?m)^# ", r"(?m)^- ", r"(?m)^1\. ", r"(?m)^\|", r"(?m)^> ", r"(?m)^\*\*\*$", r"\$\d", r"€", "https://",
        r"\w@\w", "`", "%", "🎉", "<phoneme", "<sub", "<break", r"\ba\.m\.", r"\bDr\.", r"\b\d\d:\d\d", r"\bII\b",
        "½", r"\bNASA\b",
    )  # fmt: skip
    assert [kind for kind in kinds if not re.search(kind, page)] == []
    assert 300 <= len(page.split()) <= 400


def test_a_page_that_lost_a_word_is_noticed() -> None:
    page = PAGE.read_text(encoding="utf-8")
    wanted = words_in(WORDS.read_text(encoding="utf-8"))
    for lost in ("1,049.99", "README", "NASA", "wifi "):
        assert (spoken_words(page.replace(lost, ""), 120) == wanted) == (lost == "README")
