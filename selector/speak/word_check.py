"""Checks that every word of a text is in the joined sound, by the durations; it shares no threshold with `join.py`.

A word is what stands between spaces of the phonemes. The durations say which samples of its chunk it has. Of these, the
shortest middle part that holds nearly all of the word's energy must be in the joined sound, sample for sample, and
behind that of the word before. What is lost, silenced, faded or out of order is found so, with the word's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from export_onnx.geometry import SAMPLE_RATE, frames_to_samples
from selector.speak.phonemes_at import SILENT
from selector.speak.recorded_chunks import RecordedChunk

ENERGY_LEFT_OUT: Final = 0.005  # of a word's energy, at each of its ends: what a fade at a chunk's end may take
LEAST_FRAMES: Final = 2  # 50 ms; one frame for a word of one symbol: PyTorch's own speech has an "a" of 25 ms
LEAST_DB: Final = -55.0  # of full scale, the RMS of a word; the quietest of PyTorch's own is an "if" of -50 dB
BELOW_CHUNK_DB: Final = -36.0  # relative to its chunk's loudest word; that same "if" is 31 dB below it


@dataclass(frozen=True)
class SpokenWord:
    """One word of a chunk.

    Attributes:
        chunk: the chunk's number.
        phonemes: the word's symbols.
        start, end: its samples in the chunk's own sound.
        frames: as the durations say.
        decibels: its RMS, of full scale.
    """

    chunk: int
    phonemes: str
    start: int
    end: int
    frames: int
    decibels: float


@dataclass(frozen=True)
class WordCheck:
    """What was found.

    Attributes:
        words: all of them, in order.
        faults: one line for each word that is not as it must be.
    """

    words: tuple[SpokenWord, ...]
    faults: tuple[str, ...]

    def text(self) -> str:
        """One line: how many words, and the shortest and the quietest of them."""
        short, quiet = min(self.words, key=lambda w: w.frames), min(self.words, key=lambda w: w.decibels)
        return (
            f"{len(self.words)} words, {len(self.faults)} faults; the shortest has {short.frames} frames "
            f"({short.phonemes}), the quietest {quiet.decibels:.0f} dB of full scale ({quiet.phonemes})"
        )


def words_of(chunk: RecordedChunk, number: int = 0) -> Iterator[SpokenWord]:
    """The words of a chunk in order; marks between them belong to none."""
    ends = np.cumsum(chunk.frames_per_token)  # token i ends behind frame ends[i]; token 0 is a pad
    symbols = enumerate(chunk.phonemes, 1)
    for spoken, run in groupby(symbols, lambda one: one[1] not in SILENT):
        if not spoken:
            continue
        tokens = list(run)
        first, last = tokens[0][0], tokens[-1][0]
        start, end = frames_to_samples(int(ends[first - 1])), frames_to_samples(int(ends[last]))
        sound = chunk.sound[start:end].astype(np.float64)
        power = float((sound * sound).mean()) if len(sound) else 0.0
        decibels = 10 * np.log10(power + 1e-12)
        yield SpokenWord(
            number, "".join(s for _, s in tokens), start, end, int(ends[last] - ends[first - 1]), float(decibels)
        )


def core(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """The middle part of a word's samples that holds all but `ENERGY_LEFT_OUT` of its energy at each end."""
    power = np.cumsum(sound.astype(np.float64) ** 2)
    if not len(power) or power[-1] == 0:
        return sound[:0]
    first, last = np.searchsorted(power, [ENERGY_LEFT_OUT * power[-1], (1 - ENERGY_LEFT_OUT) * power[-1]])
    return sound[first : last + 1]


def check_words(chunks: Sequence[RecordedChunk], joined: NDArray[np.float32]) -> WordCheck:
    """Looks for every word of the chunks in the joined sound, in order.

    Args:
        chunks: in order, as the stages made them.
        joined: [samples] float32, all of it, as it is played.
    """
    raw, at = joined.astype(np.float32).tobytes(), 0
    size, faults, words = joined.itemsize, list[str](), list[SpokenWord]()
    for number, chunk in enumerate(chunks):
        here = list(words_of(chunk, number))
        loudest = max((word.decibels for word in here), default=0.0)
        for word in here:
            words.append(word)
            name = f"chunk {number}, word {word.phonemes} at {word.start / SAMPLE_RATE:.2f} s"
            if word.frames < min(LEAST_FRAMES, len(word.phonemes)):
                faults.append(f"{name}: {word.frames} frames")
            if word.decibels < max(LEAST_DB, loudest + BELOW_CHUNK_DB):
                faults.append(f"{name}: silent, {word.decibels:.0f} dB of full scale")
            found = _find(raw, core(chunk.sound[word.start : word.end]).tobytes(), at, size)
            if found < 0:
                faults.append(f"{name}: not in the joined sound, or not in its place")
            else:
                at = found
    return WordCheck(tuple(words), tuple(faults))


def _find(raw: bytes, part: bytes, at: int, size: int) -> int:
    """The offset behind the first place of `part` at or behind `at`, on whole samples; -1 if there is none."""
    found = raw.find(part, at) if part else -1
    while found >= 0 and found % size:
        found = raw.find(part, found + 1)
    return found + len(part) if found >= 0 else -1
