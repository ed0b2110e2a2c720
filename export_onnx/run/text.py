"""Text -> phonemes -> ids, with the vocabulary of the checkpoint's config.

English goes through misaki, whose dictionary needs a spaCy model. If that is not installed, misaki's own espeak front
end gives the same alphabet (the one that Kokoro was trained on) and works offline. Other languages go through misaki's
general espeak front end.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Final

from export_onnx.errors import TextError
from export_onnx.geometry import MAX_PHONEMES

PAD: Final = 0
ENGLISH: Final = ("en-us", "en-gb")
SPACY_MODEL: Final = "en_core_web_sm"  # the model by which misaki's English dictionary tags words


@dataclass(frozen=True)
class Encoded:
    """Ids with one pad at each end, and the symbols that the vocabulary does not have.

    Attributes:
        ids: `[n]`, n = phonemes + 2, 3 to 512.
        phonemes: the symbols that became ids, in order; `len(ids) - 2` of them.
        skipped: symbols that have no id, in order of appearance. The original drops them silently; here they are
            part of the result.
    """

    ids: tuple[int, ...]
    phonemes: str
    skipped: tuple[str, ...]


def english_front_end(language: str) -> str:
    """The front end for the language on this computer: `misaki` or `misaki-espeak`."""
    return "misaki" if language in ENGLISH and find_spec(SPACY_MODEL) else "misaki-espeak"


@functools.cache
def _front_end(language: str) -> Callable[[str], str]:
    """Loads a front end once per language; espeak keeps process-wide state."""
    from misaki import espeak  # slow to import, and needs espeak's data

    if language in ENGLISH:
        fallback = espeak.EspeakFallback(british=language == "en-gb")
        if english_front_end(language) == "misaki":
            from misaki import en

            dictionary = en.G2P(trf=False, british=language == "en-gb", fallback=fallback, unk="")
            return lambda text: str(dictionary(text)[0])
        return lambda text: str(fallback(SimpleNamespace(text=text))[0] or "")
    try:
        general = espeak.EspeakG2P(language=language)
    except RuntimeError as error:
        raise TextError(
            "language",
            expected="en-us, en-gb or a language that espeak knows (fr-fr, es, it, hi, pt-br, …)",
            got=repr(language),
            todo="Choose one of `espeak-ng --voices`.",
        ) from error
    return lambda text: str(general(text)[0])


def phonemize(text: str, language: str = "en-us") -> str:
    """Converts text to a string of phoneme symbols, with its punctuation.

    Args:
        text: one sentence or a few; control characters count as spaces.
        language: `en-us`, `en-gb`, or espeak's name of another language.

    Raises:
        TextError: the text has nothing to say, or the language is unknown.
    """
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    phonemes = _front_end(language)(clean).strip() if clean else ""
    if not any(c.isalpha() for c in phonemes):
        raise TextError(
            "text",
            expected="at least one word to say",
            got=repr(text[:40]),
            todo="Pass text with words in it.",
        )
    return phonemes


def encode(phonemes: str, vocab: Mapping[str, int]) -> Encoded:
    """Converts phonemes to ids, with one pad at each end.

    Raises:
        TextError: no symbol has an id, or more than 510 have one, for which the voice packs have no row.
    """
    kept = "".join(c for c in phonemes if c in vocab)
    skipped = tuple(dict.fromkeys(c for c in phonemes if c not in vocab))
    if not kept:
        raise TextError(
            "phonemes",
            expected="at least one symbol of the vocabulary",
            got=repr(phonemes[:40]),
            todo="Check the language, or the phoneme alphabet of the text.",
        )
    if len(kept) > MAX_PHONEMES:
        raise TextError(
            "phonemes",
            expected=f"at most {MAX_PHONEMES} in one piece",
            got=str(len(kept)),
            todo="Split the text at a sentence or clause.",
        )
    return Encoded((PAD, *(vocab[c] for c in kept), PAD), kept, skipped)
