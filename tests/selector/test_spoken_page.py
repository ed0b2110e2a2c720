"""Kokoro-82M speaks a part of the page of real-world text with every word present; planted losses are found.

make export-int8 WEIGHTS=kokoro-82m-int8 TARGETS=nnapi BUCKETS=5 BUILD=build/kokoro DIST=build/kokoro/dist
pytest -m real_weights tests/selector/test_spoken_page.py
python -m tests.selector.test_spoken_page <package> <voice>     the whole page; 20 minutes on a busy computer
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from export_onnx.text.spoken_form import spoken_form
from selector.package.opened import Package
from selector.speak.recorded_chunks import RecordedChunk, recording
from selector.speak.synthesize import Spoken
from selector.speak.word_check import SpokenWord, WordCheck, check_words, core, words_of
from tests.selector.test_real_world_page import PAGE, words_in
from tests.selector.word_likelihood import WordLikelihood

DIST, EXPORTED = Path("build/kokoro/dist"), Path("build/kokoro/export_onnx")
FOUND = sorted(path for path in DIST.glob("kokoro-npu-kokoro-82m-int8-*-nnapi") if path.is_dir())
VOICE = "jf_alpha"
FIRST, BEHIND = "The till runs", "Part II"  # of the page: code, a unit, a date, a version, initialisms
FEWER = 1 / 20  # the words that a recognizer may hear of the float stages' speech and not of ours

pytestmark = pytest.mark.real_weights


@dataclass(frozen=True)
class Spoke:
    """A text that was spoken: its chunks before joining, and the pieces that are played."""

    chunks: list[RecordedChunk]
    pieces: list[Spoken]

    @property
    def joined(self) -> NDArray[np.float32]:
        return np.concatenate([piece.samples for piece in self.pieces])

    def margins(self, recognizer: WordLikelihood, number: int) -> list[tuple[str, float]]:
        """The recognizer's words of one chunk, each with its margin."""
        said = words_in(spoken_form(self.pieces[number].text, "en-us"))
        known = [word for word in said if recognizer.knows(word)]
        return list(zip(known, recognizer.margins(self.chunks[number].sound, known), strict=True))


def speak(package: Package, text: str, voice: str = VOICE) -> Spoke:
    package, chunks = recording(package)
    return Spoke(chunks, list(package.synthesize(text, voice, language="en-us")))


def with_floats(package: Package, floats: Path) -> Package:
    """The same package with the float stages that it was made from."""
    chains = {
        name: replace(chain, folder=floats, files={stage: floats / f"{stage}_{name}.onnx" for stage in chain.files})
        for name, chain in package.chains.items()
    }
    return replace(package, chains=chains, stock=True)


@pytest.fixture(scope="module")
def package() -> Package:
    if not FOUND:
        pytest.skip(f"no Kokoro-82M in {DIST}; see the top of this file")
    return Package.open(FOUND[-1])


@pytest.fixture(scope="module")
def part() -> str:
    page = PAGE.read_text(encoding="utf-8")
    return page[page.index(FIRST) : page.index(BEHIND)]


@pytest.fixture(scope="module")
def spoke(package: Package, part: str) -> Spoke:
    return speak(package, part)


def a_long_word(spoke: Spoke) -> SpokenWord:
    """The longest word of the second chunk, whose loss must be found."""
    return max(words_of(spoke.chunks[1], 1), key=lambda word: word.frames)


def with_sound(spoke: Spoke, sound: NDArray[np.float32]) -> list[RecordedChunk]:
    first, second, *others = spoke.chunks
    return [first, replace(second, sound=sound), *others]


def faults_of(found: WordCheck, number: int, word: str) -> list[str]:
    return [fault for fault in found.faults if fault.startswith(f"chunk {number}, word {word} at ")]


def test_every_word_is_in_the_joined_sound(spoke: Spoke) -> None:
    found = check_words(spoke.chunks, spoke.joined)
    assert found.faults == ()
    assert len(found.words) > 30


def test_a_word_cut_out_of_the_sound_is_found(spoke: Spoke) -> None:
    word, joined = a_long_word(spoke), spoke.joined
    part = core(spoke.chunks[1].sound[word.start : word.end])
    at = joined.tobytes().find(part.tobytes()) // joined.itemsize
    assert at > 0
    place = slice(at, at + len(part))
    assert faults_of(check_words(spoke.chunks, np.delete(joined, place)), 1, word.phonemes)
    silenced = joined.copy()
    silenced[place] = 0
    assert faults_of(check_words(spoke.chunks, silenced), 1, word.phonemes)


def test_swapped_chunks_are_found(spoke: Spoke) -> None:
    pieces = [piece.samples for piece in spoke.pieces]
    pieces[0], pieces[1] = pieces[1], pieces[0]
    assert check_words(spoke.chunks, np.concatenate(pieces)).faults


def test_a_recognizer_hears_what_it_hears_of_the_float_stages(spoke: Spoke, package: Package, part: str) -> None:
    recognizer, floats = WordLikelihood(), speak(with_floats(package, EXPORTED), part)
    heard, of_floats = (
        [pair for number in range(len(one.chunks)) for pair in one.margins(recognizer, number)]
        for one in (spoke, floats)
    )
    assert [word for word, _ in heard] == [word for word, _ in of_floats]
    assert len(heard) > 30
    known = sum(margin > 0 for _, margin in of_floats)
    assert known > len(heard) * 2 // 3
    assert sum(margin > 0 for _, margin in heard) >= known - FEWER * len(heard)


def test_a_recognizer_misses_what_was_silenced(spoke: Spoke) -> None:
    recognizer, number = WordLikelihood(), 1
    margins = spoke.margins(recognizer, number)
    # Half a chunk of silence: most words of that half are no longer heard.
    sound = spoke.chunks[number].sound.copy()
    sound[: len(sound) // 2] = 0
    silenced = Spoke(with_sound(spoke, sound), spoke.pieces).margins(recognizer, number)
    lost = [word for (word, before), (_, after) in zip(margins, silenced, strict=True) if before > 0 >= after]
    assert len(lost) >= len(margins) // 4


def main(folder: Path, voice: str) -> None:
    """Speaks the whole page; says what the durations and the recognizer find."""
    spoke, recognizer = speak(Package.open(folder), PAGE.read_text(encoding="utf-8"), voice), WordLikelihood()
    found = check_words(spoke.chunks, spoke.joined)
    print(found.text(), *found.faults, sep="\n")
    margins = [pair for number in range(len(spoke.chunks)) for pair in spoke.margins(recognizer, number)]
    missed = [word for word, margin in margins if margin <= 0]
    print(f"the recognizer hears {len(margins) - len(missed)} of {len(margins)} words; not {', '.join(missed)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
