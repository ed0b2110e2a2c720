"""Test vectors for the joining of chunks: seeded sounds, where their phonemes are, and the sound that Python makes.

One question per line: `join`, the speed, and the chunks, separated by semicolons: the bound behind it, the phonemes'
first and last sample (`-`: not known), and its parts as `level*samples`. A part is a square wave of 40 samples at that
level in 1/8192 of full scale. The answer has how many samples each chunk and the end give, and the CRC-32 of all
samples as little-endian float32.

Another question is `at`: symbols and their frames, with a pad at each end; the answer is where the phonemes are.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from export_onnx.geometry import SAMPLE_RATE
from selector.speak.join import Joiner, Samples
from selector.speak.phonemes_at import phonemes_at
from selector.text.bounds import Bound

SEED: Final = 9
RANDOM_JOINS: Final = 150
FULL_SCALE: Final = 8192
PERIOD: Final = 40
SPEEDS: Final = (0.5, 0.87, 1.0, 1.3, 2.0)
LOUD, QUIET, ROOM = 4096, 20, 1  # -6 dB; 46 dB less; below what counts as sound anywhere
# A quiet ending, silence around it, silence inside a phoneme, no silence at all, and hardly any samples.
SHAPES: Final = (
    ((0, 9600), (LOUD, SAMPLE_RATE), (QUIET, SAMPLE_RATE), (0, 9600)),
    ((ROOM, 7000), (LOUD, 6001), (0, 3000), (LOUD, 2000), (ROOM, 5000)),
    ((LOUD, 4801),),
    ((QUIET, 3000), (LOUD, 3000), (QUIET, 3000)),
    ((0, 2400),),
    ((LOUD, 50),),
    ((0, 0),),
)


@dataclass(frozen=True)
class ShapedChunk:
    """A chunk of a question. `parts` are (level, samples)."""

    bound: Bound
    phonemes: tuple[int, int] | None
    parts: Sequence[tuple[int, int]]

    @property
    def sound(self) -> Samples:
        """The samples."""
        parts = [np.full(samples, level, np.float32) for level, samples in self.parts]
        levels = np.concatenate(parts) / np.float32(FULL_SCALE)
        signs = 1 - 2 * (np.arange(len(levels)) % PERIOD >= PERIOD // 2).astype(np.float32)
        return np.asarray(levels * signs, np.float32)

    @property
    def field(self) -> str:
        """The chunk as a question has it."""
        at = f"{self.phonemes[0]}-{self.phonemes[1]}" if self.phonemes else "-"
        return f"{self.bound.name.lower()} {at} " + ",".join(f"{level}*{samples}" for level, samples in self.parts)


def join_answer(speed: float, chunks: Sequence[ShapedChunk]) -> str:
    """This implementation's answer."""
    joiner, given, fields = Joiner(speed), b"", []
    for chunk in chunks:
        samples, _ = joiner.push(chunk.sound, chunk.bound, chunk.phonemes)
        fields.append(str(len(samples)))
        given += samples.astype("<f4").tobytes()
    last = joiner.finish()
    given += last.astype("<f4").tobytes()
    return " ".join((*fields, str(len(last)), f"{zlib.crc32(given):08x}"))


def join_questions() -> Iterator[str]:
    """Questions with their answers: every shape behind every bound, and seeded chains of chunks."""
    draws = np.random.default_rng(SEED)
    for shape in SHAPES:
        size = sum(samples for _, samples in shape)
        for phonemes in (None, (0, size), (size // 4, size * 3 // 4), (size // 2, size // 2)):
            for bound in Bound:
                yield _line(1.0, [ShapedChunk(bound, phonemes, shape)] * 2)
    for symbols in ("“a, bˈ", "ab.", "…!", "kˈOkəɹO.", " (ɑ̃) ", "!", "ʤ↗—"):
        frames = [int(n) for n in draws.integers(1, 30, len(symbols) + 2)]
        at = phonemes_at(symbols, frames)
        yield "\t".join(("at", symbols, ",".join(map(str, frames)), f"{at[0]}-{at[1]}" if at else "-"))
    for _ in range(RANDOM_JOINS):
        chunks = [_drawn(draws) for _ in range(int(draws.integers(1, 5)))]
        yield _line(float(draws.choice(SPEEDS)), chunks)


def _drawn(draws: np.random.Generator) -> ShapedChunk:
    levels = draws.choice([0, 0, ROOM, QUIET, 300, LOUD, FULL_SCALE], size=int(draws.integers(1, 7)))
    parts = [(int(level), int(draws.integers(0, 6000))) for level in levels]
    size = sum(samples for _, samples in parts)
    first, last = sorted(int(at) for at in draws.integers(0, size + 1, 2))
    bound = Bound(int(draws.integers(int(min(Bound)), int(max(Bound)) + 1)))
    return ShapedChunk(bound, (first, last) if draws.integers(4) else None, parts)


def _line(speed: float, chunks: Sequence[ShapedChunk]) -> str:
    return "\t".join(("join", repr(speed), ";".join(chunk.field for chunk in chunks), join_answer(speed, chunks)))
