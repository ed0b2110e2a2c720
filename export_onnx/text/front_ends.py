"""Spoken words -> phonemes, by the front end of each language; every word gives phonemes, or there is an error.

English goes through misaki, whose dictionary needs a spaCy model. If that is not installed, misaki's own espeak front
end gives the same alphabet (the one that Kokoro was trained on) and works offline. Japanese and Chinese go through
misaki's own front ends, which are extras of this project. Other languages go through misaki's general espeak front end.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Final

from export_onnx.errors import TextError
from export_onnx.text.scripts import script_runs
from export_onnx.text.spoken_form import ENGLISH

SPACY_MODEL: Final = "en_core_web_sm"  # the model by which misaki's English dictionary tags words
EXTRAS: Final = {"ja": ("pyopenjtalk", "fugashi"), "zh": ("pypinyin", "jieba")}  # what misaki needs beside itself
LATIN: Final = re.compile("([A-Za-zÀ-ÖØ-öø-ÿ][A-Za-zÀ-ÖØ-öø-ÿ' -]*)")
LEAST: Final = 5  # letters per phoneme: no language has more, so a front end that gives fewer lost words
# Of 300 long words without a comma, espeak speaks every one in these languages. In Korean it loses those behind the
# hundredth letter or so, in Mandarin behind the two hundredth.
WHOLE: Final = ("en", "es", "fr", "hi", "it", "pt", "ru")
MOST_OF_A_CLAUSE: Final = 60
SURE: Final = 40  # letters from which on the count is sure
# A capital A that is a letter's name, not the article; espeak says it as it says "eigh".
LETTER_A: Final = re.compile(r"(?<=\b[A-Z] )A\b(?!')|\bA(?= [A-Z]\b(?!['.]?[a-z]))|(?<=[a-z] )A(?=[^\w\s']|$)")


def english_front_end(language: str) -> str:
    """The front end for the language on this computer: `misaki` or `misaki-espeak`."""
    return "misaki" if language in ENGLISH and find_spec(SPACY_MODEL) else "misaki-espeak"


def word_phonemes(words: str, language: str) -> str:
    """The phonemes of spoken words, with their punctuation.

    Letters that no front end of the language can say stay as they are; they have no id, and `Encoded.skipped` names
    them.

    Raises:
        TextError: the language has no front end here, or the front end lost words.
    """
    if language in EXTRAS:
        _front_end(language)  # a text of Latin words alone needs it as well: no voice turns English unasked
        # These front ends do not read Latin words.
        parts = [(part, "en-us" if LATIN.match(part) else language) for part in LATIN.split(words) if part.strip()]
        return _joined([_said(part.strip(), spoken) for part, spoken in parts])
    said = [part if voice is None else _said(part, voice) for part, voice in script_runs(words, language)]
    return " ".join("".join(said).split()) if len(said) == 1 else _joined(said)


def _joined(parts: list[str]) -> str:
    """Parts of several scripts with one space between, but none before punctuation."""
    text = " ".join(part for part in parts if part)
    return re.sub(r" +(?=[,.;:!?)…])|(?<=[(“]) +", "", " ".join(text.split()))


def _said(words: str, language: str) -> str:
    if not any(c.isalnum() for c in words):
        return words.strip()
    front_end = _front_end(language)
    phonemes = " ".join(front_end(part).strip() for part in _clauses(words, language))
    letters, given = (sum(c.isalpha() for c in text) for text in (words, phonemes))
    if not given or (letters >= SURE and given * LEAST < letters):
        raise TextError(
            f"text {words[:40]!r}",
            expected=f"phonemes of all its {letters} letters",
            got=f"{given} phonemes",
            todo="Spell it as words of the language.",
        )
    return phonemes


def _clauses(words: str, language: str) -> list[str]:
    """Parts of a text that are short enough for espeak, cut at spaces; the text itself in languages that need none."""
    if language in EXTRAS or language.partition("-")[0] in WHOLE:
        return [words]
    parts = [""]
    for word in words.split():
        if len(parts[-1]) + len(word) > MOST_OF_A_CLAUSE and parts[-1]:
            parts.append("")
        parts[-1] += f" {word}" if parts[-1] else word
    return parts


@functools.cache
def _front_end(language: str) -> Callable[[str], str]:
    """Loads a front end once per language; espeak keeps process-wide state."""
    if language in EXTRAS:
        return _extra_front_end(language)
    from misaki import espeak  # slow to import, and needs espeak's data

    if language in ENGLISH:
        fallback = espeak.EspeakFallback(british=language == "en-gb")
        if english_front_end(language) == "misaki":
            from misaki import en

            dictionary = en.G2P(trf=False, british=language == "en-gb", fallback=fallback, unk="")
            return lambda text: str(dictionary(LETTER_A.sub("eigh", text))[0])
        return lambda text: str(fallback(SimpleNamespace(text=LETTER_A.sub("eigh", text)))[0] or "")
    try:
        general = espeak.EspeakG2P(language=language)
    except RuntimeError as error:
        raise TextError(
            "language",
            expected="en-us, en-gb, ja, zh or a language that espeak knows (fr-fr, es, it, hi, pt-br, …)",
            got=repr(language),
            todo="Choose one of `espeak-ng --voices`.",
        ) from error
    return lambda text: re.sub(r"\d", "", str(general(text)[0]))  # espeak writes tones as digits


def _extra_front_end(language: str) -> Callable[[str], str]:
    """Misaki's own front end for Japanese or Chinese.

    Raises:
        TextError: what it needs is not installed.
    """
    missing = [package for package in EXTRAS[language] if find_spec(package) is None]
    if missing:
        raise TextError(
            f"language {language}",
            expected=f"misaki's front end for it, which needs {', '.join(EXTRAS[language])}",
            got=f"no {', '.join(missing)}",
            todo=f"Install it with `python -m pip install '.[{language}]'`, or name another LANGUAGE.",
        )
    if language == "ja":
        from misaki import ja

        try:
            japanese = ja.JAG2P()
        except RuntimeError as error:
            raise TextError(
                "language ja",
                expected="a dictionary for MeCab",
                got="unidic without its data",
                todo="Run `python -m unidic download`, or uninstall unidic and install unidic-lite.",
            ) from error
        return lambda text: str(japanese(text)[0])
    from misaki import zh

    chinese = zh.ZHG2P()
    return lambda text: str(chinese(text)[0])
