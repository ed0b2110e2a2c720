"""`python -m selector english`: the files of the SDK's English phonemizer, from the dictionaries of the package misaki.

read_dictionaries    what misaki's people proofread ("gold"), and what they did not ("silver")
learn_units, best_units, count_ngrams   the model of words that neither holds, from most of them
accent_bytes         both as one file per accent
write_english_aar    the files as an archive that Gradle takes
"""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path
from typing import Final

from export_onnx.errors import PackageError
from selector.english.accent_file import Dictionary, accent_bytes
from selector.english.letter_alignment import Unit, best_units, learn_units
from selector.english.letter_ngrams import Ngrams, count_ngrams
from selector.package.archive import ENGLISH, write_english_aar
from selector.package.whole_files import whole_folder

ACCENTS: Final = {"en-us": "us", "en-gb": "gb"}  # language -> the name in misaki's files
HELD_OUT: Final = 20  # one word in so many teaches the model nothing, so that its errors can be counted
LEAST_SEEN: Final = 4  # times that a unit must occur; rarer ones are loan words
WORD: Final = re.compile("[A-Za-z][a-z]+")
NOTICE: Final = """kokoro-npu, English pronunciations
Licensed under the Apache License 2.0 (see LICENSE).

en-us.bin and en-gb.bin hold the dictionaries of misaki {version} by hexgrad, https://github.com/hexgrad/misaki, Apache
License 2.0, in another form, and a model of unknown words that was made from them.
"""


def make_english(dist: Path, version: str) -> Path:
    """Makes `dist/kokoro-npu-english-<version>/` with a file per accent, the license and the notice; takes minutes.

    Beside it, `kokoro-npu-english-<version>.aar` holds the same files as assets of an Android app.

    Returns:
        The folder.

    Raises:
        PackageError: misaki's dictionaries are not there, or `dist` cannot be written.
    """
    folder = dist / f"{ENGLISH}-{version}"
    dist.mkdir(parents=True, exist_ok=True)
    with whole_folder(folder) as work:
        for language in ACCENTS:
            gold, silver = read_dictionaries(language)
            (work / f"{language}.bin").write_bytes(accent_bytes(gold, silver, *letter_model(taught(gold, silver))))
        misaki = distribution("misaki")
        licenses = [file for file in misaki.files or () if file.name == "LICENSE"]
        if not licenses:
            raise _missing("LICENSE")
        (work / "LICENSE").write_text(licenses[0].read_text(encoding="utf-8"), encoding="utf-8", newline="\n")
        (work / "NOTICE").write_text(NOTICE.format(version=misaki.version), encoding="utf-8", newline="\n")
    write_english_aar(folder)
    return folder


def read_dictionaries(language: str) -> tuple[Dictionary, Dictionary]:
    """Misaki's gold and silver dictionary of `en-us` or `en-gb`.

    Raises:
        PackageError: they are not there.
    """
    folder = files("misaki").joinpath("data")
    names = [f"{ACCENTS[language]}_{kind}.json" for kind in ("gold", "silver")]
    for name in names:
        if not folder.joinpath(name).is_file():
            raise _missing(name)
    gold, silver = (json.loads(folder.joinpath(name).read_text(encoding="utf-8")) for name in names)
    return gold, silver


def _missing(name: str) -> PackageError:
    return PackageError(
        "package misaki",
        expected=f"its file {name}",
        got="none",
        todo="Install the version of misaki that pyproject.toml names.",
    )


def plain_words(gold: Dictionary, silver: Dictionary) -> dict[str, str]:
    """Words of letters alone, small, with their usual pronunciation; gold counts where both have one."""
    return {
        word.lower(): said
        for dictionary in (silver, gold)
        for word, entry in dictionary.items()
        if WORD.fullmatch(word) and (said := entry if isinstance(entry, str) else entry["DEFAULT"])
    }


def is_held_out(word: str) -> bool:
    """Whether the model is judged by this word, and so not taught it."""
    return zlib.crc32(word.encode()) % HELD_OUT == 0


def taught(gold: Dictionary, silver: Dictionary) -> list[tuple[str, str]]:
    """The words that teach the model, in order, with their phonemes."""
    return [pair for pair in sorted(plain_words(gold, silver).items()) if not is_held_out(pair[0])]


def letter_model(words: Sequence[tuple[str, str]]) -> tuple[list[Unit], Ngrams]:
    """The units, which the n-grams number from 1 on, and the n-grams of these words."""
    chances = learn_units(words)
    aligned = [best_units(word, said, chances) for word, said in words]
    seen = Counter(unit for units in aligned for unit in units)
    known = sorted(unit for unit, times in seen.items() if times >= LEAST_SEEN)
    number = {unit: i for i, unit in enumerate(known, 1)}
    runs = [[number[unit] for unit in units] for units in aligned if units and all(unit in number for unit in units)]
    return known, count_ngrams(runs)
