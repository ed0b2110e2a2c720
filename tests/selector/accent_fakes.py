"""Accents of few words, for tests that need some phonemizer of English within a second."""

from __future__ import annotations

from pathlib import Path

import pytest

from selector.english import make_english as english

WORDS = (
    "the",
    "bad",
    "dog",
    "jumps",
    "over",
    "and",
    "run",
    "far",
    "away",
    "hill",
    "it",
    "a",
    "hello",
    "world",
    "used",
    "to",
    "Zoe",
)


def teach_few_words(patch: pytest.MonkeyPatch) -> None:
    """From now on, `make_english` knows a few words and the names of letters."""
    full = {language: english.read_dictionaries(language) for language in english.ACCENTS}
    few = {
        language: (
            {word: said for word, said in gold.items() if word in WORDS or len(word) == 1},
            {word: silver[word] for word in list(silver)[:40]},
        )
        for language, (gold, silver) in full.items()
    }
    taught = {language: [*english.plain_words(*full[language]).items()][::600] for language in full}
    patch.setattr(english, "read_dictionaries", lambda language: few[language])
    patch.setattr(english, "taught", lambda gold, silver: taught["en-us" if gold is few["en-us"][0] else "en-gb"])


def make_few_words(dist: Path, version: str = "0.0.0") -> Path:
    """A folder of both accents, and an AAR beside it."""
    with pytest.MonkeyPatch.context() as patch:
        teach_few_words(patch)
        return english.make_english(dist, version)
