"""Text -> phonemes -> ids, with the vocabulary of the checkpoint's config.

`export_onnx/text/` turns what people type into spoken words; misaki's front ends turn the words into phonemes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from export_onnx.errors import TextError
from export_onnx.geometry import MAX_PHONEMES
from export_onnx.text.front_ends import word_phonemes
from export_onnx.text.lexicon import Lexicon
from export_onnx.text.markup import read_markup
from export_onnx.text.pronunciations import GIVEN, phonemes_of
from export_onnx.text.scripts import UNSAID
from export_onnx.text.spoken_form import spoken_form

PAD: Final = 0


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


def phonemize(text: str, language: str = "en-us", lexicon: Lexicon | None = None) -> str:
    """Converts text as people type it to a string of phoneme symbols, with its punctuation.

    Markup is silent; numbers, abbreviations and signs become words; `[word](/phonemes/)` gives a pronunciation.

    Args:
        text: one sentence or a few; control characters count as spaces.
        language: `en-us`, `en-gb`, `ja`, `zh`, or espeak's name of another language.
        lexicon: a user's, over the repository's own.

    Raises:
        TextError: the text has nothing to say, the language is unknown or not installed, or words would be lost.
    """
    return phonemize_plain(read_markup(text).text, language, lexicon)


def phonemize_plain(text: str, language: str = "en-us", lexicon: Lexicon | None = None) -> str:
    """As `phonemize`, for text whose markup was read: `read_markup` of a whole text, then this per piece.

    Raises:
        TextError: as `phonemize`.
    """
    said, at = [], 0
    spoken = spoken_form(text, language, lexicon)
    for given in GIVEN.finditer(spoken):
        said += [_between(spoken[at : given.start()], language), phonemes_of(given)]
        at = given.end()
    said.append(_between(spoken[at:], language))
    phonemes = "".join(said).strip()
    if not any(c.isalpha() and not UNSAID.match(c) for c in phonemes):
        raise TextError(
            "text",
            expected="at least one word to say",
            got=repr(text[:40]),
            todo="Pass text with words in it.",
        )
    return phonemes


def _between(words: str, language: str) -> str:
    """Phonemes of the words beside a given pronunciation, with the spaces that keep them apart."""
    before, after = (" " if edge.isspace() else "" for edge in (words[:1], words[-1:]))
    return before + word_phonemes(words.strip(), language) + after if words.strip() else before


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
