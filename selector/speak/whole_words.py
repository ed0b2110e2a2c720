"""Checks that every word of the joined sound is whole: compares each chunk with its durations and the joined sound.

It does not depend on the way in which `join.py` finds speech: it takes the chunks as the stages made them, the
durations, and the sound to play. Where the durations say that a phoneme is, every audible window must be there, by a
level in dB of full scale; elsewhere, what is near the chunk's loudest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from export_onnx.geometry import SAMPLE_RATE, frames_to_samples

Samples = NDArray[np.float32]

WINDOW: Final = SAMPLE_RATE // 200  # 5 ms
AUDIBLE_DB: Final = -60.0  # of full scale: where a phoneme is, quieter sound may be faded or left out
FADED_BELOW_DB: Final = -40.0  # of the chunk's loudest window: likewise where no phoneme is
DECAYED_BELOW_DB: Final = -30.0  # the chunk's last window, likewise


@dataclass(frozen=True)
class Rendered:
    """A chunk as the stages made it.

    Attributes:
        sound: [samples] float32, 24 kHz, before joining.
        frames_per_token: [tokens] integers, pads included.
        phonemes_at: first and last sample of the phonemes, see `phonemes_at`; None where it has none.
    """

    sound: Samples
    frames_per_token: Sequence[int]
    phonemes_at: tuple[int, int] | None = None


@dataclass(frozen=True)
class WholeWords:
    """The findings; `faults` is empty if every word is whole.

    Attributes:
        faults: one line each.
        ends_db: each chunk's last 5 ms, relative to its loudest.
        kept: samples of each chunk found unchanged in the joined sound.
    """

    faults: tuple[str, ...]
    ends_db: tuple[float, ...]
    kept: tuple[int, ...]


def levels_db(sound: Samples) -> NDArray[np.float64]:
    """The RMS of whole 5 ms windows, relative to the loudest of them."""
    n = len(sound) // WINDOW
    blocks = sound[: n * WINDOW].reshape(n, WINDOW).astype(np.float64)
    rms = np.sqrt((blocks * blocks).mean(1)) + 1e-9
    return np.asarray(20 * np.log10(rms / rms.max(initial=1e-9)))


def needed_windows(chunk: Rendered) -> NDArray[np.bool_]:
    """Which whole 5 ms windows of a chunk must be heard."""
    levels = levels_db(chunk.sound)
    needed = levels >= FADED_BELOW_DB
    if chunk.phonemes_at is not None:
        first, last = chunk.phonemes_at[0] // WINDOW, -(-chunk.phonemes_at[1] // WINDOW)
        blocks = chunk.sound[: len(levels) * WINDOW].reshape(len(levels), WINDOW)[first:last].astype(np.float64)
        needed[first:last] |= np.sqrt((blocks * blocks).mean(1)) >= 10 ** (AUDIBLE_DB / 20)
    return needed


def check_joined(chunks: Sequence[Rendered], joined: Samples) -> WholeWords:
    """Checks that each chunk is as long as its durations, decays before its end, and is in `joined` to the sample.

    From a chunk's first to its last needed window nothing may differ: not cut, squeezed, faded or reordered.

    Args:
        chunks: in order.
        joined: [samples] float32, all of it.
    """
    faults: list[str] = []
    ends: list[float] = []
    kept: list[int] = []
    raw, at = joined.tobytes(), 0
    for number, chunk in enumerate(chunks):
        wanted = frames_to_samples(int(sum(chunk.frames_per_token)))
        if len(chunk.sound) != wanted:
            faults.append(f"chunk {number}: {len(chunk.sound)} samples, durations say {wanted}")
        levels = levels_db(chunk.sound)
        if not len(levels):
            faults.append(f"chunk {number}: no sound")
            continue
        ends.append(float(levels[-1]))
        if levels[-1] > DECAYED_BELOW_DB:
            faults.append(f"chunk {number}: ends at {levels[-1]:.0f} dB of its loudest")
        loud = np.flatnonzero(needed_windows(chunk))
        if not len(loud):
            faults.append(f"chunk {number}: silent")
            continue
        body = chunk.sound[loud[0] * WINDOW : (loud[-1] + 1) * WINDOW].tobytes()
        found = raw.find(body, at)
        kept.append(len(body) // chunk.sound.itemsize if found >= 0 else 0)
        if found < 0:
            faults.append(f"chunk {number}: changed where it is heard")
        else:
            at = found + len(body)
    return WholeWords(tuple(faults), tuple(ends), tuple(kept))
