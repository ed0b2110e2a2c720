"""On trained weights, no word is cut, squeezed or faded by the joining; each such defect, planted, is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from export_onnx.buckets import Bucket
from export_onnx.checkpoint.voice_packs import voice_row
from export_onnx.checkpoint.weights import load_weights
from export_onnx.contracts import STAGES
from export_onnx.geometry import SAMPLE_RATE, frames_to_samples
from export_onnx.graph.export import export_stage
from export_onnx.graph.shared_weights import ModelFolder
from export_onnx.run import text
from export_onnx.run.chain import Chain
from selector.speak.join import Joiner
from selector.speak.phonemes_at import phonemes_at
from selector.speak.whole_words import FADED_BELOW_DB, Rendered, check_joined, levels_db
from selector.text.bounds import Bound
from selector.text.chunk import chunk

BUCKET = Bucket(3, 64)
TEXT = "The lazy dog sleeps all day. Is it nine o'clock, or ten? Seven small boats came home."
LIMIT = 32  # phonemes that the voice says within the bucket


def join(chunks: list[Rendered]) -> np.ndarray:
    joiner = Joiner(1.0)
    return np.concatenate([*(joiner.push(c.sound, Bound.SENTENCE, c.phonemes_at)[0] for c in chunks), joiner.finish()])


@pytest.fixture(scope="module")
def chunks(tmp_path_factory: pytest.TempPathFactory) -> list[Rendered]:
    weights, folder = load_weights("demo"), tmp_path_factory.mktemp("demo")
    with ModelFolder(folder) as models:
        for stage in STAGES:
            graph = export_stage(stage.name, weights.model, weights.config, BUCKET)
            models.save(graph, f"{stage.name}_{BUCKET.name}")
    chain, voice = Chain(folder, BUCKET), next(iter(weights.voices.values()))
    rendered = []
    for piece in chunk(TEXT, lambda words: len(text.phonemize(words)), LIMIT):
        encoded = text.encode(text.phonemize(piece.text), weights.model.vocab)
        values = chain.speak(encoded.ids, voice_row(voice, len(encoded.phonemes)).numpy())
        frames = values["frames_per_token"][0].tolist()
        sound = values["waveform"].astype(np.float32)[0, : frames_to_samples(int(values["n_frames"][0]))]
        rendered.append(Rendered(sound, frames, phonemes_at(encoded.phonemes, frames)))
    return rendered


def test_every_word_of_the_demo_voice_is_whole(chunks: list[Rendered]) -> None:
    joined = join(chunks)
    found = check_joined(chunks, joined)
    assert found.faults == ()
    assert len(chunks) >= 3
    assert min(found.kept) > SAMPLE_RATE // 2
    assert len(joined) < sum(len(c.sound) for c in chunks) + 2 * SAMPLE_RATE


def test_a_cut_end_is_found(chunks: list[Rendered]) -> None:
    cut = SAMPLE_RATE * 80 // 1000
    first, *others = chunks
    short = [replace(first, sound=first.sound[:-cut]), *others]
    assert any("durations say" in fault for fault in check_joined(short, join(short)).faults)
    # Cut where the word still sounds, its length kept by zeros: only the joined sound can tell.
    loud = np.flatnonzero(levels_db(first.sound) >= FADED_BELOW_DB)
    end = (int(loud[-1]) + 1) * (SAMPLE_RATE // 200)
    broken = first.sound.copy()
    broken[end - cut :] = 0
    assert check_joined(chunks, join([replace(first, sound=broken), *others])).faults
    # Cut before the decay: the chunk ends loud.
    peak = (int(np.argmax(levels_db(first.sound))) + 1) * (SAMPLE_RATE // 200)
    assert any("ends at" in f for f in check_joined([replace(first, sound=first.sound[:peak])], join(chunks)).faults)


def test_a_squeezed_chunk_is_found(chunks: list[Rendered]) -> None:
    first, *others = chunks
    n = len(first.sound)
    places = np.linspace(0, n - 1, round(n * 0.95))
    squeezed = replace(first, sound=np.interp(places, np.arange(n), first.sound).astype(np.float32))
    joined = join([squeezed, *others])
    assert any("changed" in fault for fault in check_joined(chunks, joined).faults)
    assert any("durations say" in fault for fault in check_joined([squeezed, *others], joined).faults)


def test_a_fade_inside_a_word_and_a_lost_chunk_are_found(chunks: list[Rendered]) -> None:
    joined = join(chunks)
    peak = int(np.argmax(np.abs(joined)))
    faded = joined.copy()
    faded[peak - 120 : peak + 120] *= np.linspace(1, 0.5, 240, dtype=np.float32)
    assert any("changed" in fault for fault in check_joined(chunks, faded).faults)
    assert any("changed" in fault for fault in check_joined(chunks, join(chunks[1:])).faults)
