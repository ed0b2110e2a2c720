"""espeak-ng's phonemizer in C++ against Python's: every phoneme of the shared vectors."""

from __future__ import annotations

import subprocess
from pathlib import Path

import espeakng_loader
import pytest

from export_onnx.errors import PipelineError
from export_onnx.text.front_ends import english_front_end
from selector.sdk.vectors import phoneme_vectors as vectors

VECTORS = Path(__file__).parent / "vectors"
ESPEAK = (espeakng_loader.get_library_path(), espeakng_loader.get_data_path())
Questions = list[tuple[str, str]]


@pytest.fixture(scope="module")
def program(check_phonemes: Path) -> Path:
    return check_phonemes


def ask(program: Path, kind: tuple[object, ...], asked: Questions) -> list[str]:
    """Answers to pairs of a language and words."""
    lines = "".join(f"{language}\t{words}\n" for language, words in asked)
    done = subprocess.run([program, *map(str, kind)], input=lines, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode in (0, 3), done.stderr
    return done.stdout.split("\n")[:-1]


def stored() -> list[tuple[str, str, str]]:
    lines = (VECTORS / vectors.PHONEMES).read_text(encoding="utf-8").split("\n")[:-1]
    return [tuple(line.split("\t")) for line in lines]  # type: ignore[misc]


def wrong(program: Path, wanted: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Language, phonemes of Python and of C++, where they differ; Python's `!` stands for any error."""
    answers = ask(program, ("espeak", *ESPEAK), [(language, words) for language, words, _ in wanted])
    pairs = zip(wanted, answers, strict=True)
    return [
        (name, theirs, ours) for (name, _, theirs), ours in pairs if (ours[:1] if theirs == "!" else ours) != theirs
    ]


def test_the_stored_phonemes_are_what_python_says_today(monkeypatch: pytest.MonkeyPatch) -> None:
    if english_front_end("en-us") == vectors.NEEDED:
        assert ["\t".join(line) for line in stored()] == vectors.phoneme_questions(), "run `python -m selector vectors`"
    monkeypatch.setattr(vectors, "english_front_end", lambda language: "misaki")
    with pytest.raises(PipelineError, match="vectors of phonemes: expected English by misaki-espeak, got misaki"):
        vectors.phoneme_questions()


def test_espeak_says_what_python_says(program: Path) -> None:
    wanted = stored()
    assert len(wanted) > 450
    languages = [language for language, _, _ in wanted]
    assert all(languages.count(name) >= 40 for name in ("en-us", "en-gb", "es", "fr-fr", "it", "pt-br", "hi"))
    assert wrong(program, wanted) == []


def test_an_altered_phoneme_is_noticed(program: Path) -> None:
    language, words, phonemes = next(line for line in stored() if line[0] == "fr-fr" and len(line[2]) > 20)
    for altered in (phonemes[:-1], phonemes.replace("ˈ", "ˌ", 1), phonemes.replace(" ", "", 1), "!"):
        assert wrong(program, [(language, words, altered)]) == [(language, altered, phonemes)]


@pytest.mark.parametrize("language", ["ja", "zh", "xx", "", "fr"])
def test_a_language_without_a_phonemizer_is_refused_with_four_facts(program: Path, language: str) -> None:
    (answer,) = ask(program, ("espeak", *ESPEAK), [(language, "hello")])
    got = f"got '{language}'. Pass a phonemizer for it, or another language."
    assert (
        answer
        == f"! language: expected one that espeak-ng says with Kokoro's symbols, such as en-us, fr-fr or hi, {got}"
    )


@pytest.mark.parametrize(
    ("library", "data", "where"),
    [
        ("/nowhere/libespeak-ng.so.1", "", "/nowhere/libespeak-ng.so.1: expected a library that can be loaded"),
        ("libc.so.6", "", "espeak-ng's library: expected the function espeak_Initialize, got none"),
        (ESPEAK[0], "/nowhere", "/nowhere: expected espeak-ng-data of the library's version"),
    ],
)
def test_what_is_no_espeak_is_refused(program: Path, library: str, data: str, where: str) -> None:
    (answer,) = ask(program, ("espeak", library, data), [("en-us", "hello")])
    assert answer.startswith(f"! {where}")
    assert answer.endswith("Install espeak-ng, or pass the paths of its library and its data.")
