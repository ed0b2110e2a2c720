"""The floors at the size of Kokoro-82M, with seeded random weights: minutes, so `make full-size`, not `make test`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from export_onnx.buckets import BUCKETS
from export_onnx.checkpoint.voice_packs import voice_row
from export_onnx.checkpoint.weights import Weights, load_weights
from export_onnx.contracts import STAGES, sizes
from export_onnx.graph.export import export_stages
from export_onnx.graph.merge import merge
from export_onnx.graph.shared_weights import ModelFolder
from export_onnx.proof import parity
from export_onnx.proof.decibels import require, snr
from export_onnx.run import text

pytestmark = pytest.mark.full_size
SHORTEST, LONGEST = BUCKETS[0], BUCKETS[-1]


@pytest.fixture(scope="module")
def weights() -> Weights:
    return load_weights("random")  # 330 MB in build/weights, kept


@pytest.fixture(scope="module")
def folder(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("full")
    with ModelFolder(folder) as models:
        for bucket in (SHORTEST, LONGEST):
            graphs = export_stages([s.name for s in STAGES], weights.model, weights.config, bucket)
            graphs["kokoro"] = merge(graphs, sizes(weights.config, bucket), bucket)
            for name, graph in graphs.items():
                models.save(graph, f"{name}_{bucket.name}")
    return folder


@pytest.mark.parametrize("fill", [0.05, 0.37, 0.555, 0.93, 1.0])
def test_sound_stages_in_the_shortest_bucket(weights: Weights, folder: Path, fill: float) -> None:
    style = weights.voices["random_a"][20:21]
    measured = parity.sound_parity(weights.model, folder, SHORTEST, round(SHORTEST.frames * fill), style)
    print(fill, measured)
    assert min(measured.values()) >= 80


def test_sound_stages_in_the_longest_bucket(weights: Weights, folder: Path) -> None:
    style = weights.voices["random_a"][20:21]
    measured = parity.sound_parity(weights.model, folder, LONGEST, round(LONGEST.frames * 0.555), style)
    print(measured)
    assert min(measured.values()) >= 80


@pytest.mark.parametrize("speed", [0.7, 1.0, 2.0])
def test_text_stages(weights: Weights, folder: Path, speed: float) -> None:
    encoded = text.encode(text.phonemize("The quick brown fox jumps over the lazy dog."), weights.model.vocab)
    style = voice_row(weights.voices["random_a"], len(encoded.phonemes))
    measured = parity.text_parity(weights.model, folder, SHORTEST, encoded.ids, style, speed)
    print(speed, measured)
    assert measured["source"] >= 80


def test_the_defects_show_at_full_size(weights: Weights) -> None:
    sound = parity.make_sound(weights.model, 20, weights.voices["random_a"][20:21])
    assert torch.isfinite(sound.spectrum).all()
    with pytest.raises(Exception, match="at least 80 dB"):
        require("gain", snr(sound.spectrum, 1.5 * sound.spectrum), 80)
