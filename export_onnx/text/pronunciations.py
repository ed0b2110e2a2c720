"""Pronunciations that a text gives: `[Kokoro](/kˈOkəɹO/)`, the original's way, for every front end.

Between the slashes are symbols of the checkpoint's vocabulary, with their stress marks; they are spoken as they stand.
While a text is split, a space inside the brackets is written "␣", so that the form stays one word.
"""

from __future__ import annotations

import re
from typing import Final

GIVEN: Final = re.compile(r"\[([^\[\]\n]+)\]\(/([^/()\[\]\n]+)/\)")
SPACE: Final = "\N{OPEN BOX}"

# The International Phonetic Alphabet's pairs, which the vocabulary has as single symbols.
IPA: Final = {
    "d͡ʒ": "ʤ", "t͡ʃ": "ʧ", "dʒ": "ʤ", "tʃ": "ʧ", "eɪ": "A", "aɪ": "I", "aʊ": "W", "ɔɪ": "Y", "oʊ": "O", "əʊ": "Q",
    "ɝ": "ɜɹ", "ɚ": "əɹ", "ɡ": "ɡ", "g": "ɡ", "r": "ɹ", "'": "ˈ", ":": "ː", ".": "",
}  # fmt: skip


def given_form(word: str, phonemes: str) -> str:
    """The form of a word and its phonemes, as one word without white space."""
    return f"[{SPACE.join(word.split())}](/{SPACE.join(phonemes.split())}/)"


def from_ipa(phonemes: str) -> str:
    """The vocabulary's symbols of a pronunciation in the International Phonetic Alphabet."""
    for pair, symbol in IPA.items():
        phonemes = phonemes.replace(pair, symbol)
    return phonemes


def phonemes_of(given: re.Match[str]) -> str:
    """The phonemes of a match of `GIVEN`."""
    return given[2].replace(SPACE, " ").strip()
