"""Joins chunks of sound into one sound, without clicks and dead air, and holds one chunk at a time.

The punctuation between two chunks determines the pause. If the chunks' own silence is long enough, they fade into each
other inside it (equal power); if it is not, both fade out and zeros fill the pause. Speech itself is never shortened.
Where the durations say that a phoneme is, only digital silence is cut, however quiet a word ends; before the first
phoneme and behind the last one, what is well below the loudest sound. A guard around speech stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from export_onnx.geometry import SAMPLE_RATE
from selector.text.bounds import Bound

Samples = NDArray[np.float32]

# Choices, in seconds at speed 1.
PAUSE: Final = {
    Bound.PARAGRAPH: 0.7,
    Bound.SENTENCE: 0.4,
    Bound.CLAUSE: 0.2,
    Bound.WORD: 0.06,
    Bound.GLUE: 0.05,
    Bound.INSIDE: 0.05,
}
SHORTEST_PAUSE: Final = 0.05
LEAD: Final = 0.1  # seconds of silence kept before the first and behind the last chunk

WINDOW: Final = SAMPLE_RATE // 200  # 5 ms
FADE: Final = SAMPLE_RATE // 100  # 10 ms
DECLICK: Final = SAMPLE_RATE // 400  # 2.5 ms: what a chunk without silence fades at its ends
GUARD: Final = SAMPLE_RATE // 50  # 20 ms around speech that count as speech: soft onsets
CONTEXT: Final = SAMPLE_RATE // 10  # 100 ms of sound on both sides of a measured seam
BELOW_PEAK: Final = 10 ** (-45 / 20)  # of the loudest window: silence
FLOOR: Final = 10 ** (-70 / 20)  # full scale: silence in any case


@dataclass(frozen=True)
class Seam:
    """The sound around a join: 100 ms before, the gap, 100 ms behind.

    Attributes:
        sound: samples; the gap is `sound[start:end]`.
        wanted: seconds of pause.
    """

    sound: Samples
    start: int
    end: int
    wanted: float

    @property
    def click_db(self) -> float:
        """The largest step between samples in the gap, relative to the largest in the speech around it, in dB."""
        steps = np.abs(np.diff(self.sound, prepend=self.sound[:1]))
        edge = WINDOW // 5
        inside = steps[max(0, self.start - edge) : self.end + edge].max(initial=0.0)
        around = max(steps[: self.start - edge].max(initial=0.0), steps[self.end + edge :].max(initial=0.0))
        return float(20 * np.log10((inside + 1e-9) / max(around, FLOOR)))

    @property
    def dead_air(self) -> float:
        """Seconds of silence beyond the wanted pause; negative if there is less."""
        quiet = _levels(self.sound) < _threshold(self.sound)
        longest = run = 0
        for silent in quiet:
            run = run + 1 if silent else 0
            longest = max(longest, run)
        return longest * WINDOW / SAMPLE_RATE - self.wanted


def _levels(sound: Samples) -> NDArray[np.float64]:
    """RMS of whole 5 ms windows."""
    n = len(sound) // WINDOW
    blocks = sound[: n * WINDOW].reshape(n, WINDOW).astype(np.float64)
    return np.asarray(np.sqrt((blocks * blocks).mean(1)))


def _threshold(sound: Samples) -> float:
    return max(FLOOR, float(_levels(sound).max(initial=0.0)) * BELOW_PEAK)


def speech(sound: Samples, phonemes: tuple[int, int] | None = None) -> tuple[int, int]:
    """The first sample of speech and the first behind it, guards included; declicked ends are never speech.

    Args:
        phonemes: as `phonemes_at`; None where the durations are not known, and loudness alone decides.
    """
    levels = _levels(sound)
    least = np.full(len(levels), _threshold(sound))
    if phonemes is not None:
        least[phonemes[0] // WINDOW : -(-phonemes[1] // WINDOW)] = FLOOR
    loud = np.flatnonzero(levels >= least)
    if not len(loud):
        return min(DECLICK, len(sound)), max(min(DECLICK, len(sound)), len(sound) - DECLICK)
    start = max(int(loud[0]) * WINDOW - GUARD, min(DECLICK, len(sound) // 2))
    end = min((int(loud[-1]) + 1) * WINDOW + GUARD, len(sound) - min(DECLICK, len(sound) // 2))
    return start, end


def pause(bound: Bound, speed: float) -> float:
    """Seconds of silence behind a chunk that ends with this bound."""
    return max(SHORTEST_PAUSE, PAUSE[bound] / speed)


def _fade(length: int) -> Samples:
    """Equal power, from 0 up: its square and its mirror's square add up to 1.

    Computed in float64 and rounded once, so that the engine in C++ gives the same numbers on every processor.
    """
    return np.sin(np.linspace(0, np.pi / 2, length)).astype(np.float32)


def gap(tail: Samples, head: Samples, length: int) -> Samples:
    """The sound between two speeches, `length` samples: silence `tail` fading into silence `head`."""
    out = np.zeros(length, np.float32)
    spare = len(tail) + len(head) - length - FADE
    a, b = len(tail), len(head)
    if spare > 0:  # enough silence of their own: overlap by a fade
        a = min(a, max(length + FADE - b, (length + FADE) // 2))
        b = length + FADE - a
    a, b = min(a, length), min(b, length)
    if a:
        kept = tail[:a].copy()
        kept[-min(a, FADE) :] *= _fade(min(a, FADE))[::-1]
        out[:a] += kept
    if b:
        kept = head[len(head) - b :].copy()
        kept[: min(b, FADE)] *= _fade(min(b, FADE))
        out[length - b :] += kept
    return out


class Joiner:
    """Takes chunks and gives sound to play. It holds the silence behind the last chunk and 100 ms before it."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._tail: Samples | None = None
        self._before = np.zeros(0, np.float32)
        self._bound = Bound.PARAGRAPH
        self._rest: float | None = None

    def rest(self, seconds: float) -> None:
        """Sets the pause before the next chunk, at any speed, in place of its bound's; several add up."""
        self._rest = seconds + (self._rest or 0.0)

    def push(
        self, sound: Samples, bound: Bound, phonemes: tuple[int, int] | None = None
    ) -> tuple[Samples, Seam | None]:
        """Gives the gap to the chunk before and this chunk's speech; its silence is held until the next chunk.

        Args:
            sound: [samples] of one chunk.
            bound: what ends behind it.
            phonemes: as in `speech`.
        """
        start, end = speech(sound, phonemes)
        body = sound[start:end]
        seam = None
        if self._tail is None:
            head = gap(np.zeros(0, np.float32), sound[:start], min(start, round(LEAD * SAMPLE_RATE)))
            head = np.concatenate([_silence(self._rest), head])
        else:
            # Both guards are silence to the ear: the pause includes them.
            wanted = pause(self._bound, self._speed) if self._rest is None else max(SHORTEST_PAUSE, self._rest)
            head = gap(self._tail, sound[:start], round(wanted * SAMPLE_RATE) - 2 * GUARD)
            around = np.concatenate([self._before, head, body[:CONTEXT]])
            seam = Seam(around, len(self._before), len(self._before) + len(head), wanted)
        self._tail, self._bound, self._before, self._rest = sound[end:], bound, body[-CONTEXT:], None
        return np.concatenate([head, body]), seam

    def finish(self) -> Samples:
        """Gives the silence behind the last chunk, faded out."""
        tail = np.zeros(0, np.float32) if self._tail is None else self._tail
        self._tail = None
        end = gap(tail, np.zeros(0, np.float32), min(len(tail), round(LEAD * SAMPLE_RATE)))
        return np.concatenate([end, _silence(self._rest)])


def _silence(seconds: float | None) -> Samples:
    return np.zeros(round((seconds or 0.0) * SAMPLE_RATE), np.float32)
