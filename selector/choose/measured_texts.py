"""Durations of many texts of many lengths, per voice: what the selector's table is fitted on.

Texts are seeded runs of sentences cut at a word, from the project's own sentences; those held out share none with
those fitted. `bert` runs once per text, `duration` once per text and voice (see `voice_table.py`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from export_onnx.geometry import MAX_PHONEMES
from export_onnx.run import text
from selector.choose.length import PADS, mark_ids, pauses_of
from selector.choose.voice_table import READ_SPEED, SMALLEST, Fit, Measured, Thousandths, fit_voice, pause_worth
from selector.package.manifest import BucketContract
from selector.speak.synthesize import Stages, resize

FITTED: Final = "sentences_train.txt"
HELD_OUT: Final = "sentences_held_out.txt"
RUNS: Final = 1120  # of `duration`, over all voices: with five voices about a minute on two cores
FITTED_TEXTS: Final = range(40, 97)  # per voice; 64 cost 0.6 % more excess than 96, and more than 96 gain nothing
HELD_OUT_TEXTS: Final = range(16, 129)  # per voice; 128 set the floor at 96.9 %, see `worth.py`
MOST_WORKERS: Final = 4  # each holds the working memory of a run

Ids = tuple[int, ...]


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


def measure_durations(
    stages: Stages,
    buckets: Sequence[BucketContract],
    voices: Mapping[str, NDArray[np.float32]],
    texts: Sequence[Ids],
    advance: Callable[[str], None],
) -> dict[str, list[Thousandths]]:
    """Durations of each text in each voice, in thousandths of a frame at speed 1.

    Args:
        stages: of one thread each; texts are read in parallel instead, which keeps all cores busy.
    """

    def bucket_of(ids: Ids) -> BucketContract:
        return next(b for b in buckets if len(ids) <= b.tokens)

    def read(ids: Ids) -> list[Thousandths]:
        n, bucket = len(ids), bucket_of(ids)
        tensors = {
            "ids": resize(np.array([ids], np.int32), bucket.tokens),
            "token_mask": resize(np.ones((1, n), np.float32), bucket.tokens),
            "n_tokens": np.array([n], np.int32),
            "speed": np.array([READ_SPEED], np.float32),
        }
        tensors = stages.run("bert", bucket, tensors)
        durations = []
        for rows in voices.values():
            prosody = np.split(rows[n - PADS - 1 : n - PADS], 2, axis=1)[1]
            outputs = stages.run("duration", bucket, tensors | {"prosody_style": prosody})
            durations.append(outputs["frames_per_token"][0, :n].astype(np.int64))
        return durations

    for bucket in {bucket_of(ids).name: bucket_of(ids) for ids in texts}.values():
        for stage in ("bert", "duration"):
            stages.session(bucket.models[stage])  # made here: workers only use them
    result: dict[str, list[Thousandths]] = {voice: [] for voice in voices}
    with ThreadPoolExecutor(min(MOST_WORKERS, os.cpu_count() or 1)) as workers:
        reading = workers.map(read, texts)
        for number in range(len(texts)):
            advance(f"text {number + 1}")
            for voice, durations in zip(voices, next(reading), strict=True):
                result[voice].append(durations)
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
    marks = mark_ids(vocabulary)
    measured: list[dict[str, list[Measured]]] = []
    for seed, (name, number) in enumerate(zip((FITTED, HELD_OUT), texts_per_voice(len(voices)), strict=True)):
        texts = [text.encode(run, vocabulary).ids for run in runs(sentences(name), number, most - PADS, seed)]
        pauses = [pauses_of(ids, marks) for ids in texts]
        durations = measure_durations(stages, buckets, voices, texts, advance)
        measured.append(
            {voice: list(map(Measured, map(len, texts), pauses, read)) for voice, read in durations.items()}
        )
    fitted, held_out = measured
    worth = pause_worth(fitted, most)
    return {voice: fit_voice(fitted[voice], held_out[voice], most, worth) for voice in voices}


def texts_per_voice(voices: int) -> tuple[int, int]:
    """Fitted and held-out texts per voice: fewer each where there are many voices."""
    runs_each = RUNS // max(1, voices)
    fitted = min(max(runs_each * 3 // 7, FITTED_TEXTS[0]), FITTED_TEXTS[-1])
    return fitted, min(max(runs_each - fitted, HELD_OUT_TEXTS[0]), HELD_OUT_TEXTS[-1])
