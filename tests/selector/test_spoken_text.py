"""Text normalization in C++ says what Python's says: the table line by line, thousands of other texts, any bytes."""

from __future__ import annotations

import random
import re
import subprocess
import unicodedata
from pathlib import Path

import pytest

from export_onnx.text.lexicon import read_lexicon
from selector.sdk.vectors import text_tables
from selector.sdk.vectors.split_vectors import escape
from selector.sdk.vectors.spoken_vectors import spoken_answer, spoken_line, spoken_questions
from tests.export_onnx.test_spoken_words import table
from tests.selector.text_programs import answers, link_program

TEXTS = 3000
BYTES = 1500


@pytest.fixture(scope="module")
def program(text_parts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spoken")
    link_program(text_parts, "check_spoken", folder)
    return folder / "check_spoken"


def ask(program: Path, questions: list[tuple[str, str]], lexicon: str | None = None) -> list[str]:
    return answers(program, [spoken_line(*question).encode() for question in questions], lexicon)


def test_every_line_of_the_table_is_spoken_as_a_reader_says_it(program: Path) -> None:
    rows = table()
    given = ask(program, [(language, typed) for language, typed, _ in rows])
    said = [re.sub(r"\[pause:(\d+)ms\]", lambda m: f"|{int(m[1]) / 1000:g}|", answer) for answer in given]
    assert dict(zip(rows, said, strict=True)) == {row: escape(row[2]) for row in rows}
    assert len(rows) > 300


def test_british_words_are_none_of_the_american_table(program: Path) -> None:
    """The comparison above can fail: the other English says other numbers and dates."""
    assert ask(program, [("en-us", "1,101 on 3/5/2024")]) != ask(program, [("en-gb", "1,101 on 3/5/2024")])


def test_other_texts_are_spoken_as_in_python(program: Path) -> None:
    questions = spoken_questions(TEXTS)
    wanted = [spoken_answer(*question) for question in questions]
    given = ask(program, questions)
    other = [(q, w, g) for q, w, g in zip(questions, wanted, given, strict=True) if w != g]
    assert other == []
    assert len(set(wanted)) > TEXTS * 0.8
    assert sum(answer.startswith("!") for answer in wanted) < TEXTS * 0.1


NUMBERED = (("en-us", "{} and {}th"), ("en-gb", "{} and {}th"), ("es", "{} y {}º"), ("fr-fr", "{} et {}e"),
            ("it", "{} e {}º"), ("pt-br", "{} e {}º"))  # fmt: skip


@pytest.mark.parametrize(("language", "form"), NUMBERED)
def test_thousands_of_numbers_are_num2words(program: Path, language: str, form: str) -> None:
    draws = random.Random(3)
    numbers = [*range(1, 2200), *(draws.randrange(10 ** draws.randint(4, 12)) for _ in range(1800))]
    lines = [" | ".join(form.format(n, n) for n in numbers[at : at + 50]) for at in range(0, len(numbers), 50)]
    questions = [(language, line.replace("|", "–")) for line in lines]
    assert ask(program, questions) == [spoken_answer(*question) for question in questions]


def test_a_years_words_depend_on_what_stands_beside_it(program: Path) -> None:
    questions = [
        ("en-gb" if n % 2 else "en-us", f"In {n} it rained on {n} houses, the {n}s.") for n in range(900, 2300)
    ]
    assert ask(program, questions) == [spoken_answer(*question) for question in questions]


def test_any_bytes_have_a_spoken_form(program: Path) -> None:
    """Neither a crash nor a hang nor an undefined step, also where the bytes are no UTF-8."""
    draws = random.Random(5)
    alphabet = [*range(256), *b"<>[]()*_#$0123456789.,:/-", 0xC3, 0xE2, 0x80, 0x9D, 0xF0]
    questions = []
    for _ in range(BYTES):
        text = bytes(draws.choice(alphabet) for _ in range(draws.randint(0, 60)))
        language = draws.choice([b"en-us", b"en-gb", b"es", b"fr-fr", b"hi", b"xx", b""])
        questions.append(language + b"\t" + text.replace(b"\n", b"\\n"))
    assert len(answers(program, questions)) == BYTES


@pytest.mark.parametrize("mark", ["*", "_", "[", "<b ", "`", "~~", "**a ", "9", "a.", "I ", "1/", " ", "\n"])
def test_a_books_worth_of_one_mark_ends(program: Path, mark: str) -> None:
    (answer,) = ask(program, [("en-us", mark * 5000 + " word")])
    assert answer.endswith("word")


def test_what_cannot_be_obeyed_is_refused(program: Path) -> None:
    typed = ['<break time="soon"/>', '<break time="90s"/>', "<phoneme>x</phoneme>", '<sub alais="y">x</sub>', "a"]
    assert ask(program, [("en-us", text) for text in typed]) == ["!break", "!break", "!<phoneme>", "!<sub>", "a"]


LEXICON = 'SQL sequel # a word\n\n# none\n"New York" /nˌu jˈɔɹk/\ngif /ʤˈɪf/\nKokoro cocoa\nC++ see\n'


def test_a_users_lexicon_is_pythons(program: Path, tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text(LEXICON, encoding="utf-8")
    typed = ["SQL, sql, GIF, Gif", "New York, new york", "Kokoro in [SQL](/ˈɛs/) and SQLs", "C++ 5 \u0131", "g\u0131f"]
    questions = [("en-us", text) for text in typed]
    assert ask(program, questions, escape(LEXICON)) == [spoken_answer(*q, read_lexicon(file)) for q in questions]
    assert ask(program, questions) != ask(program, questions, escape(LEXICON))
    refused = subprocess.run([program, "one"], input=b"", capture_output=True)
    assert refused.returncode != 0
    assert b"lexicon, line 1: expected a word, then /phonemes/ or other words, got 'one'" in refused.stderr


def test_the_tables_are_pythons() -> None:
    committed = (text_tables.FOLDER / "tables.inc").read_text(encoding="utf-8")
    assert committed == text_tables.tables(), "run `python -m selector vectors`"
    assert committed != committed.replace('{"Dr", "Doctor"}', '{"Dr", "Drive"}')


def test_the_characters_are_this_pythons() -> None:
    committed = (text_tables.FOLDER / "characters.inc").read_text(encoding="utf-8")
    version = re.search(r"Unicode ([\d.]+)", committed)
    assert version is not None
    if version[1] != unicodedata.unidata_version:
        pytest.skip(f"this Python has Unicode {unicodedata.unidata_version}, the tables {version[1]}")
    assert committed == text_tables.characters(), "run `python -m selector vectors`"
