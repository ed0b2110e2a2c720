"""Vectors for espeak's phonemizer: a language, spoken words, and Python's phonemes; `!` is an error.

English is asked for as misaki's espeak front end says it, which is Python's wherever misaki's dictionary is not
installed. The answers hold for the version of espeak-ng that pyproject.toml names.

`english.tsv` has what misaki's dictionary says, with the part-of-speech tags of spaCy's en_core_web_sm 3.8.0: the
phonemizer without espeak is compared with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from export_onnx.demo_voice.sentences import read_sentences
from export_onnx.errors import ContractError, TextError
from export_onnx.run.text import phonemize_plain
from export_onnx.text.front_ends import english_front_end
from export_onnx.text.pronunciations import GIVEN
from export_onnx.text.spoken_form import ENGLISH as ENGLISH_NAMES
from export_onnx.text.spoken_form import spoken_form
from selector.package.whole_files import whole_file
from selector.sdk.vectors.phoneme_texts import ENGLISH, ODD, OTHERS, SENTENCES, sentences_of

PHONEMES: Final = "phonemes.tsv"
ENGLISH_PHONEMES: Final = "english.tsv"
EACH: Final = 24  # sentences in odd marks per language
FROM_TRAINING: Final = 40
FROM_TRAINING_EVERY: Final = 4
NEEDED: Final = "misaki-espeak"  # the front end of English that these vectors hold for
SEED: Final = 12


def phoneme_questions() -> list[str]:
    """Questions with their answers: `language`, spoken words, phonemes.

    Raises:
        ContractError: English goes through misaki's dictionary here, whose answers are others.
    """
    if english_front_end("en-us") != NEEDED:
        raise ContractError(
            "vectors of phonemes",
            expected=f"English by {NEEDED}",
            got=english_front_end("en-us"),
            todo="Write them in an environment without the spaCy model, as this project's own is.",
        )
    return [line for language, text in phoneme_texts() if (line := _asked(text, language))]


def phoneme_texts() -> Iterator[tuple[str, str]]:
    """Languages and texts, as people type them."""
    draws = np.random.default_rng(SEED)
    english = [*read_sentences("held_out"), *read_sentences("train")[:FROM_TRAINING], *ENGLISH]
    for language, sentences in {
        **dict.fromkeys(ENGLISH_NAMES, english),
        **{name: sentences_of(name) for name in SENTENCES},
    }.items():
        yield from ((language, text) for text in sentences)
        for _ in range(EACH):
            one, other = (sentences[i].rstrip(".") for i in draws.integers(len(sentences), size=2))
            yield language, ODD[int(draws.integers(len(ODD)))].format(one, other)
    yield from OTHERS


def _asked(text: str, language: str) -> str:
    """A line; empty where the words are not their own spoken form, so that only phonemes are compared."""
    spoken = spoken_form(text, language)
    if spoken_form(spoken, language) != spoken:
        return ""
    if GIVEN.search(spoken) is None:
        spoken = " ".join(spoken.split())
    try:
        phonemes = phonemize_plain(spoken, language)
    except TextError as error:
        phonemes = "" if "at least one word" in str(error) else "!"
    return "\t".join((language, spoken, phonemes))


def write_phoneme_vectors(folder: Path) -> None:
    """Writes `phonemes.tsv`.

    Raises:
        ContractError: as `phoneme_questions`.
    """
    with whole_file(folder / PHONEMES) as work:
        work.write_text("\n".join(phoneme_questions()) + "\n", encoding="utf-8")


def write_misaki_vectors(folder: Path) -> None:
    """Writes `english.tsv`: both accents, a language, spoken words and misaki's phonemes per line.

    Raises:
        ContractError: misaki's dictionary is not what says English here.
    """
    if english_front_end("en-us") == NEEDED:
        raise ContractError(
            "vectors of misaki's English",
            expected="the spaCy model en_core_web_sm",
            got="none",
            todo="Install it in an environment of its own, and run this there.",
        )
    sentences = [*read_sentences("held_out"), *read_sentences("train")[::FROM_TRAINING_EVERY]]
    pairs = [(language, spoken_form(text, language)) for language in ENGLISH_NAMES for text in sentences]
    with whole_file(folder / ENGLISH_PHONEMES) as work:
        lines = ("\t".join((language, spoken, phonemize_plain(spoken, language))) for language, spoken in pairs)
        work.write_text("\n".join(lines) + "\n", encoding="utf-8")
