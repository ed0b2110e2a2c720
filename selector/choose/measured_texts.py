"""Measures the durations of many texts of many lengths per voice; the selector's table is fitted on them.

Texts are seeded runs of sentences cut at a word, from the project's own sentences; those held out share none with
those fitted. `bert` runs once per text, `duration` once per text and voice (see `voice_table.py`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from export_onnx.demo_voice.sentences import read_sentences
from export_onnx.geometry import MAX_PHONEMES
from export_onnx.run import text
from export_onnx.run.chain import DURATIONS, Chain
from export_onnx.run.padding import id_inputs, text_inputs
from selector.choose.length import PADS, mark_ids, pauses_of
from selector.choose.voice_table import READ_SPEED, SMALLEST, Fit, Measured, Thousandths, fit_voice, pause_worth

FITTED: Final = "train"
HELD_OUT: Final = "held_out"
RUNS: Final = 1120  # of `duration`, over all voices: with five voices about a minute on two cores
FITTED_TEXTS: Final = range(40, 97)  # per voice; 64 cost 0.6 % more excess than 96, and more than 96 gain nothing
HELD_OUT_TEXTS: Final = range(16, 129)  # per voice; 128 set the floor at 96.9 %, see `worth.py`
MOST_WORKERS: Final = 4  # each holds the working memory of a run

Ids = tuple[int, ...]


@cache
def sentence_phonemes(name: str) -> tuple[str, ...]:
    """The phonemes of the project's own sentences."""
    return tuple(map(text.phonemize, read_sentences(name)))


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
    chains: Sequence[Chain],
    voices: Mapping[str, NDArray[np.float32]],
    texts: Sequence[Ids],
    advance: Callable[[str], None],
) -> dict[str, list[Thousandths]]:
    """Durations of each text in each voice, in thousandths of a frame at speed 1.

    Args:
        chains: with one thread each, the smallest bucket first; texts are read in parallel instead, which keeps all
            cores busy.
    """

    def chain_of(ids: Ids) -> Chain:
        return next(chain for chain in chains if len(ids) <= chain.bucket.tokens)

    def read(ids: Ids) -> list[Thousandths]:
        n, chain = len(ids), chain_of(ids)
        heard = chain.run("bert", id_inputs(ids, chain.bucket))
        durations = []
        for rows in voices.values():
            inputs = text_inputs(ids, rows[n - PADS - 1 : n - PADS], READ_SPEED, chain.bucket)
            outputs = chain.run("duration", inputs | heard)
            durations.append(outputs["frames_per_token"][0, :n].astype(np.int64))
        return durations

    for chain in {chain_of(ids).bucket.name: chain_of(ids) for ids in texts}.values():
        for stage in DURATIONS:
            chain.session(stage)  # made here, because workers only use them
    result: dict[str, list[Thousandths]] = {voice: [] for voice in voices}
    with ThreadPoolExecutor(min(MOST_WORKERS, os.cpu_count() or 1)) as workers:
        reading = workers.map(read, texts)
        for number in range(len(texts)):
            advance(f"text {number + 1}")
            for voice, durations in zip(voices, next(reading), strict=True):
                result[voice].append(durations)
    return result


def fit(
    chains: Sequence[Chain],
    voices: Mapping[str, NDArray[np.float32]],
    vocabulary: Mapping[str, int],
    advance: Callable[[str], None],
) -> dict[str, Fit]:
    """The table of every voice, with its held-out coverage."""
    most = min(max(chain.bucket.tokens for chain in chains), MAX_PHONEMES + PADS)
    marks = mark_ids(vocabulary)
    measured: list[dict[str, list[Measured]]] = []
    for seed, (name, number) in enumerate(zip((FITTED, HELD_OUT), texts_per_voice(len(voices)), strict=True)):
        texts = [text.encode(run, vocabulary).ids for run in runs(sentence_phonemes(name), number, most - PADS, seed)]
        pauses = [pauses_of(ids, marks) for ids in texts]
        durations = measure_durations(chains, voices, texts, advance)
        measured.append(
            {voice: list(map(Measured, map(len, texts), pauses, read)) for voice, read in durations.items()}
        )
    fitted, held_out = measured
    worth = pause_worth(fitted, most)
    return {voice: fit_voice(fitted[voice], held_out[voice], most, worth) for voice in voices}


def texts_per_voice(voices: int) -> tuple[int, int]:
    """How many fitted and held-out texts per voice: the fewer, the more voices there are."""
    runs_each = RUNS // max(1, voices)
    fitted = min(max(runs_each * 3 // 7, FITTED_TEXTS[0]), FITTED_TEXTS[-1])
    return fitted, min(max(runs_each - fitted, HELD_OUT_TEXTS[0]), HELD_OUT_TEXTS[-1])
