"""Each word of a text is found in the joined sound; a word that is lost, silenced, faded or out of order is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from export_onnx.geometry import frames_to_samples
from selector.speak.join import Joiner
from selector.speak.phonemes_at import SILENT, phonemes_at
from selector.speak.recorded_chunks import RecordedChunk
from selector.speak.word_check import LEAST_FRAMES, WordCheck, check_words, core, words_of
from selector.text.bounds import Bound

Sound = NDArray[np.float32]
TEXTS = ("ðə kˈæt sˈæt, ˈɑn ə mˈæt.", "ɪt ɹˈæn!", "nˈoʊ wˈʌn sˈɔ ɪt.")


def chunk(phonemes: str, seed: int) -> RecordedChunk:
    """Noise of a level of its own for each symbol, 3 frames each; marks and spaces are nearly silent."""
    draws = np.random.default_rng(seed)
    frames = (4, *(3 for _ in phonemes), 4)
    levels = [1e-4, *(1e-4 if c in SILENT else draws.uniform(0.05, 0.2) for c in phonemes), 1e-4]
    parts = [level * draws.standard_normal(frames_to_samples(n)) for level, n in zip(levels, frames, strict=True)]
    return RecordedChunk(np.concatenate(parts).astype(np.float32), phonemes, frames)


def join(chunks: list[RecordedChunk]) -> Sound:
    joiner, out = Joiner(1.0), []
    for one in chunks:
        out.append(joiner.push(one.sound, Bound.SENTENCE, phonemes_at(one.phonemes, one.frames_per_token))[0])
    return np.concatenate([*out, joiner.finish()])


@pytest.fixture
def chunks() -> list[RecordedChunk]:
    return [chunk(text, seed) for seed, text in enumerate(TEXTS)]


def named(found: WordCheck) -> list[tuple[int, str]]:
    """Chunk and word of each fault."""
    parts = [fault.split(" at ")[0].split(", word ") for fault in found.faults]
    return [(int(number.removeprefix("chunk ")), word) for number, word in parts]


def middle(chunks: list[RecordedChunk], joined: Sound) -> slice:
    """Where `kˈæt`, the second word of the first chunk, is in the joined sound."""
    word = list(words_of(chunks[0]))[1]
    assert word.phonemes == "kˈæt"
    part = core(chunks[0].sound[word.start : word.end])
    at = joined.tobytes().find(part.tobytes()) // joined.itemsize
    return slice(at, at + len(part))


def test_every_word_is_found(chunks: list[RecordedChunk]) -> None:
    found = check_words(chunks, join(chunks))
    assert found.faults == ()
    assert [word.phonemes for word in found.words if word.chunk == 0] == ["ðə", "kˈæt", "sˈæt", "ˈɑn", "ə", "mˈæt"]
    assert found.text().startswith("12 words, 0 faults; the shortest has 3 frames (ə)")


def test_a_word_cut_out_is_found(chunks: list[RecordedChunk]) -> None:
    joined = join(chunks)
    assert named(check_words(chunks, np.delete(joined, middle(chunks, joined)))) == [(0, "kˈæt")]


@pytest.mark.parametrize("gain", [0.0, 0.5, 1.01])
def test_a_word_that_was_silenced_or_is_louder_is_found(chunks: list[RecordedChunk], gain: float) -> None:
    joined = join(chunks)
    joined[middle(chunks, joined)] *= np.float32(gain)
    assert named(check_words(chunks, joined)) == [(0, "kˈæt")]


def test_a_word_that_the_stages_left_silent_is_found(chunks: list[RecordedChunk]) -> None:
    """There it is in its place, and yet nobody hears it."""
    word = list(words_of(chunks[0]))[1]
    quiet = chunks[0].sound.copy()
    quiet[word.start : word.end] *= np.float32(0.01)
    changed = [replace(chunks[0], sound=quiet), *chunks[1:]]
    found = check_words(changed, join(changed))
    assert named(found) == [(0, "kˈæt")]
    assert "silent" in found.faults[0]


def test_chunks_in_another_order_are_found(chunks: list[RecordedChunk]) -> None:
    swapped = join([chunks[0], chunks[2], chunks[1]])
    assert (2, "nˈoʊ") in named(check_words(chunks, swapped))
    assert {number for number, _ in named(check_words(chunks, join(chunks[:2])))} == {2}


def test_a_word_without_time_is_found(chunks: list[RecordedChunk]) -> None:
    short = RecordedChunk(chunks[0].sound, "ə ɪt sˈɪt", (4, 1, 1, 0, LEAST_FRAMES - 1, 1, 3, 3, 3, 3, 3))
    found = check_words([short], short.sound)
    assert [fault for fault in found.faults if fault.endswith(f"{LEAST_FRAMES - 1} frames")] == [found.faults[0]]
    assert named(found)[0] == (0, "ɪt")


def test_a_word_of_zeros_has_no_core() -> None:
    assert len(core(np.zeros(100, np.float32))) == 0
    assert len(core(np.zeros(0, np.float32))) == 0
