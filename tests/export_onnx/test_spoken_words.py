"""What people type -> the words that a good reader says: the table `spoken_words.tsv`, every line of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_onnx.text.lexicon import Lexicon
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


LANGUAGES = ("en-us", "en-gb", "es", "fr-fr", "it", "pt-br", "hi", "de", "ja", "zh")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60), st.sampled_from(LANGUAGES))
def test_any_text_has_a_spoken_form(typed: str, language: str) -> None:
    words = spoken_form(typed, language)
    assert words == " ".join(words.split())
    assert all(c.isprintable() for c in words)


@settings(max_examples=100, deadline=None)
@given(
    st.text("0123456789.,:/-$€%° kmh'()+", min_size=1, max_size=25).filter(lambda text: any(map(str.isdigit, text))),
    st.sampled_from(("es", "fr-fr", "it", "pt-br")),
)
def test_no_digit_is_left_in_languages_with_words_for_them(typed: str, language: str) -> None:
    words = spoken_form(typed, language)
    assert not any(map(str.isdigit, words))
    assert any(map(str.isalpha, words))


@pytest.mark.parametrize(
    ("language", "words"),
    sorted({(row[0], row[2]) for row in table() if row[0].startswith("en") and "|" not in row[2]}),
)
def test_spoken_words_stay_as_they_are(language: str, words: str) -> None:
    """Whoever reads a text twice hears the same: words that are spoken already are no written form of others."""
    assert spoken("\n".join(spoken_form(line, language) for line in words.split("\n")), language) == words


ENDLESS = "9" * 5000  # digits: Python itself makes no number of so many


@pytest.mark.parametrize(
    ("language", "typed"),
    [("en-us", form) for form in (f"{ENDLESS}th", f"{ENDLESS}s", f"${ENDLESS}.50", f"{ENDLESS}¢", f"1,{ENDLESS}st")]
    + [("es", f"3,{ENDLESS} €"), ("pt-br", f"{ENDLESS}º"), ("it", f"{ENDLESS}%")],
)
def test_a_number_without_end_is_said_digit_by_digit(language: str, typed: str) -> None:
    words = spoken_form(typed, language).split()
    assert len(words) >= 5000
    assert not any(any(map(str.isdigit, word)) for word in words)


def test_a_dotless_i_is_no_abbreviations_letter() -> None:
    assert spoken_form("fig. 5 and f\u0131g. 5") == "figure five and f\u0131g. five"
    assert Lexicon({"sign": "mark"}).apply("Sign, s\u0131gn") == "mark, s\u0131gn"
