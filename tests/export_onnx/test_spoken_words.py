"""What people type -> the words that a good reader says: the table `spoken_words.tsv`, every line of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from export_onnx.text.markup import read_markup
from export_onnx.text.spoken_form import spoken_form

TABLE = Path(__file__).parent / "spoken_words.tsv"
LEAST_LINES = 150


def table() -> list[tuple[str, str, str]]:
    """Language, typed text and spoken words of each line, with the escapes undone."""
    rows = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("# "):
            language, typed, spoken = line.split("\t")
            rows.append((language, _typed(typed), _typed(spoken)))
    return rows


def _typed(text: str) -> str:
    return text.replace("\\\\", "\0").replace("\\n", "\n").replace("\\t", "\t").replace("\0", "\\")


def spoken(typed: str, language: str) -> str:
    """The words of a typed text, line by line, and its pauses as the table writes them."""
    said = []
    for passage in read_markup(typed).passages:
        lines = (spoken_form(line, language) for line in passage.text.split("\n"))
        said.append("\n".join(lines))
        if passage.pause is not None:
            said.append(f"|{passage.pause:g}|")
    return " ".join(part for part in said if part).strip()


def test_the_table_is_large_enough_and_repeats_nothing() -> None:
    rows = table()
    assert len(rows) >= LEAST_LINES
    assert len({row[:2] for row in rows}) == len(rows)


@pytest.mark.parametrize(("language", "typed", "words"), table())
def test_every_line_is_spoken_as_a_reader_says_it(language: str, typed: str, words: str) -> None:
    assert spoken(typed, language) == words
