"""Durations of many texts of many lengths, per voice: what the selector's table is fitted on.

Texts are seeded runs of sentences cut at a word, from the project's own sentences; those held out share none with
those fitted. `bert` runs once a text, `duration` once a text and voice (see `durations.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from export_onnx import text
from export_onnx.geometry import MAX_PHONEMES
from selector.durations import READ_SPEED, SMALLEST, Durations, Fit, Measured, fit_voice
from selector.length import PADS, length, mark_ids
from selector.manifest import BucketContract
from selector.synth import Stages, resize

FITTED: Final = "sentences_train.txt"
HELD_OUT: Final = "sentences_held_out.txt"
MOST_TEXTS, FEWEST_TEXTS, RUNS = 160, 32, 960  # texts a voice: as many as the runs of `duration` allow
HELD_OUT_SHARE: Final = 4  # one held out for so many fitted

Encoded = tuple[int, ...]


@cache
def sentences(name: str) -> tuple[str, ...]:
    """Phonemes of the project's own sentences."""
    lines = files("export_onnx.demo_voice").joinpath(name).read_text(encoding="utf-8").splitlines()
    return tuple(text.phonemize(line) for line in lines if line.strip() and not line.startswith("#"))


def runs(pool: Sequence[str], number: int, most: int, seed: int) -> Iterator[str]:
    """`number` strings of up to `most` phonemes, their lengths spread evenly from one word up."""
    draws = np.random.default_rng(seed)
    for i in range(number):
        length = SMALLEST + round((most - SMALLEST) * i / max(1, number - 1))
        run = pool[int(draws.integers(len(pool)))]
        while len(run) < length:
            run += " " + pool[int(draws.integers(len(pool)))]
        cut = run.rfind(" ", 0, length + 1) if len(run) > length else length
        yield run[: cut if cut > 0 else run.find(" ")][:most] or run[:most]


def measure(
    stages: Stages,
    buckets: Sequence[BucketContract],
    voices: Mapping[str, NDArray[np.float32]],
    texts: Sequence[Encoded],
    advance: Callable[[str], None],
) -> dict[str, list[Durations]]:
    """Durations of each text in each voice, in thousandths of a frame at speed 1."""
    result: dict[str, list[Durations]] = {voice: [] for voice in voices}
    for number, ids in enumerate(texts):
        advance(f"text {number + 1}")
        n = len(ids)
        bucket = next(b for b in buckets if n <= b.tokens)
        tensors = {
            "ids": resize(np.array([ids], np.int32), bucket.tokens),
            "token_mask": resize(np.ones((1, n), np.float32), bucket.tokens),
            "n_tokens": np.array([n], np.int32),
            "speed": np.array([READ_SPEED], np.float32),
        }
        tensors = stages.run("bert", bucket, tensors)
        for name, rows in voices.items():
            prosody = np.split(rows[n - PADS - 1 : n - PADS], 2, axis=1)[1]
            outputs = stages.run("duration", bucket, tensors | {"prosody_style": prosody})
            result[name].append(outputs["frames_per_token"][0, :n].astype(np.int64))
    return result


def fit(
    stages: Stages,
    buckets: Sequence[BucketContract],
    voices: Mapping[str, NDArray[np.float32]],
    vocabulary: Mapping[str, int],
    advance: Callable[[str], None],
) -> dict[str, Fit]:
    """The table of every voice, with its held-out coverage."""
    most = min(max(b.tokens for b in buckets), MAX_PHONEMES + PADS)
    number = texts_per_voice(len(voices))
    marks = mark_ids(vocabulary)
    measured: list[dict[str, list[Measured]]] = []
    for seed, (name, share) in enumerate(((FITTED, number), (HELD_OUT, max(8, number // HELD_OUT_SHARE)))):
        texts = [text.encode(run, vocabulary).ids for run in runs(sentences(name), share, most - PADS, seed)]
        lengths = [length(ids, marks) for ids in texts]
        durations = measure(stages, buckets, voices, texts, advance)
        measured.append({voice: list(map(Measured, lengths, read)) for voice, read in durations.items()})
    return {voice: fit_voice(measured[0][voice], measured[1][voice], most) for voice in voices}


def texts_per_voice(voices: int) -> int:
    """Fitted texts a voice."""
    return max(FEWEST_TEXTS, min(MOST_TEXTS, RUNS // max(1, voices)))
