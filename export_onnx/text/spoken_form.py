"""The words that a reader says for a written text, in the order in which rules must see it.

    3 km for $5.99, Dr. No!  ->  three kilometers for five dollars and ninety nine cents, Doctor No!

Every front end gets this form, so that computers with and without misaki's dictionary say the same words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from export_onnx.text.abbreviations import abbreviations
from export_onnx.text.clock_times import clock_times
from export_onnx.text.dates import dates
from export_onnx.text.folded_characters import VANISHING, folded_characters
from export_onnx.text.initialisms import initialisms
from export_onnx.text.lexicon import Lexicon, builtin_lexicon
from export_onnx.text.money import money
from export_onnx.text.number_marks import number_marks
from export_onnx.text.other_languages import other_languages
from export_onnx.text.phone_numbers import phone_numbers
from export_onnx.text.pronunciations import GIVEN
from export_onnx.text.roman_numerals import roman_numerals
from export_onnx.text.symbols import symbols
from export_onnx.text.units import units
from export_onnx.text.web_addresses import web_addresses
from export_onnx.text.written_numbers import written_numbers

Rule = Callable[[str, bool], str]  # text, whether it is British English -> text

ENGLISH: Final = ("en-us", "en-gb")
ENGLISH_RULES: Final[tuple[Rule, ...]] = (
    web_addresses,  # first: their dots, slashes and digits mean nothing else
    phone_numbers,  # before ranges and differences, which have the same hyphens
    number_marks,  # before every rule that reads an amount
    dates,  # before fractions (3/4/2024) and abbreviations (Mar. 4)
    clock_times,  # before ratios (3:2) and abbreviations (a.m.)
    money,  # before units ($5 m) and numbers
    roman_numerals,  # before abbreviations, whose words are no names
    abbreviations,  # before units and numbers: "No. 5" needs its digit
    units,  # before numbers, which would leave the unit alone
    initialisms,  # after units, whose symbols are capitals, too
    written_numbers,  # every digit that is left
    symbols,  # every sign that is left
)
OF_FIGURES: Final = (phone_numbers, number_marks, dates, clock_times, units, written_numbers)  # only digits need them
OWN_FRONT_ENDS: Final = ("ja", "zh")  # they read digits and marks themselves
LONGEST_WORD: Final = 40  # letters; espeak loses the end of much longer ones
PLACEHOLDER: Final = 0xF0000  # a private character stands for a given pronunciation while the rules run


def spoken_form(text: str, language: str = "en-us", lexicon: Lexicon | None = None) -> str:
    """The spoken words of a text without markup; given pronunciations, `[word](/phonemes/)`, stay as they are.

    Args:
        lexicon: a user's, over the repository's own.
    """
    words = builtin_lexicon() if lexicon is None else lexicon.over(builtin_lexicon())
    text = "".join(c if c.isprintable() else " " for c in VANISHING.sub("", text))
    given: list[str] = []

    def hide(m: re.Match[str]) -> str:
        given.append(m[0])
        return chr(PLACEHOLDER + len(given) - 1)

    text = words.apply(GIVEN.sub(hide, text))
    text = GIVEN.sub(hide, text)  # those of the lexicon
    text = folded_characters(text, own_marks=language in OWN_FRONT_ENDS)
    if language in ENGLISH:
        figures = any(map(str.isdigit, text))
        for rule in ENGLISH_RULES:
            if figures or rule not in OF_FIGURES:
                text = rule(text, language == "en-gb")
    else:
        text = other_languages(text, language)
    text = LONG.sub(_cut, text)
    text = re.sub(r"\s+([,.;:!?…])(?=\s|$)", r"\1", " ".join(text.split()))
    return PRIVATE.sub(lambda m: given[ord(m[0]) - PLACEHOLDER], text)


PRIVATE: Final = re.compile("[\U000f0000-\U0010ffff]")
_MARKS: Final = "\u0300-\u036f\u0900-\u109f\u1780-\u17ff"  # vowels over and behind letters are no letters to `re`
LONG: Final = re.compile(rf"(?:[^\W\d_]|['’{_MARKS}]){{{LONGEST_WORD + 1},}}")


def _cut(m: re.Match[str]) -> str:
    """Pieces of a run of letters that is no word of any language, apart."""
    return " ".join(m[0][i : i + LONGEST_WORD] for i in range(0, len(m[0]), LONGEST_WORD))
