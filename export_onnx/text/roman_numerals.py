"""Roman numerals behind a name: "Henry VIII" -> "Henry the eighth", "World War II" -> "World War two"."""

from __future__ import annotations

import re
from typing import Final

from export_onnx.text.english_numbers import cardinal, ordinal

# Rulers are counted with ordinals.
RULERS: Final = """Henry Louis Charles George Edward Elizabeth James William Richard Philip Ferdinand Napoleon Nicholas
    Peter Catherine Frederick Pius Paul Benedict Gregory Leo Innocent Alexander Clement Urban Ivan Ramses Ramesses
    Ptolemy Cleopatra Xerxes Darius Mary Robert Alfonso Carlos Juan Gustav Christian Haakon Harald Olav Otto
    Rudolf Leopold Wilhelm Umberto Victor Emmanuel Sixtus Boniface Celestine Rama Mehmed Murad Selim Thutmose Amenhotep
    Francis Joseph Maximilian Isabella Margaret Theodore Constantine Julius Adrian Stephen Baldwin Edmund"""
TITLES: Final = "King Queen Pope Emperor Empress Tsar Czar Kaiser Sultan Prince Princess"  # rulers of any name
# Nouns that are counted with cardinals, also by a lone I.
COUNTED: Final = """Chapter Part Act Scene Volume Vol. Book War Section Article Phase Type Title Figure Table Class Bowl
    Appendix Level Grade Apollo Canto Stage Group Division Episode Season Mark Schedule Annex Unit Lesson Exercise
    Psalm Round Step chapter part act scene volume book section article phase type figure table appendix level grade"""
VALUES: Final = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
NUMERAL: Final = r"(?=[IVXLCDM])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
NAMED: Final = rf"(?:{'|'.join(TITLES.split())}) [A-Z]\w+|{'|'.join(RULERS.split())}"
RULER: Final = re.compile(rf"\b({NAMED}) ({NUMERAL})(?!\w|\.\w|['’](?!s))")
NOUN: Final = re.compile(rf"\b({'|'.join(map(re.escape, COUNTED.split()))}) ({NUMERAL})(?![\w'’])")
NAME: Final = re.compile(rf"\b([A-Z][a-z]+) ((?=[IVX]{{2}}){NUMERAL})(?![\w'’])")
PRONOUN: Final = re.compile(r"\s+(?!of\b|and\b|was\b|is\b|had\b|in\b|by\b|ruled\b|reigned\b|died\b|became\b|to\b)\w")


def roman_numerals(text: str, british: bool) -> str:
    """Replaces Roman numerals that follow a name; a lone I behind a ruler's name may be the pronoun and then stays."""
    text = RULER.sub(lambda m: _ruler(m, british), text)
    text = NOUN.sub(lambda m: f"{m[1]} {cardinal(value(m[2]), british)}", text)
    return NAME.sub(lambda m: f"{m[1]} {cardinal(value(m[2]), british)}", text)


def _ruler(m: re.Match[str], british: bool) -> str:
    if m[2] == "I" and PRONOUN.match(m.string[m.end() :]):
        return m[0]
    return f"{m[1]} the {ordinal(value(m[2]), british)}"


def value(numeral: str) -> int:
    """The number that a Roman numeral means."""
    values = [VALUES[c] for c in numeral]
    return sum(-v if v < max(values[i:]) else v for i, v in enumerate(values))
