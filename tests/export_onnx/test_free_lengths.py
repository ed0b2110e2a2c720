"""Graphs of free lengths: equal to the original at any length, without padding, and with defects that must be seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export_onnx.buckets import DYNAMIC, Bucket
from export_onnx.checkpoint.voice_packs import voice_row
from export_onnx.contracts import FREE, OF_PADDING, STAGES, free_sizes, stage, stage_in
from export_onnx.errors import ContractError, ParityError
from export_onnx.geometry import MAX_TOKENS
from export_onnx.graph.shared_weights import ModelFolder, load
from export_onnx.graph.simplify import check_graph
from export_onnx.proof import parity
from export_onnx.proof.decibels import snr
from export_onnx.proof.proof_text import SHORT, proof_texts
from export_onnx.run.chain import Chain
from export_onnx.run.padding import waveform
from tests.conftest import Small

MOST = (0, *(1 + i % 100 for i in range(MAX_TOKENS - 2)), 0)  # as many ids as a voice has rows for


@pytest.mark.parametrize("frames", [2, 29, 371, DYNAMIC.frames])
def test_sound_stages_equal_the_original_at_any_length(free: Small, frames: int) -> None:
    measured = parity.sound_parity(free.weights.model, free.folder, free.bucket, frames, free.style)
    assert measured["decoder to tail"] >= 80


def test_text_stages_equal_the_original_from_one_word_to_the_longest_text(free: Small) -> None:
    model, voice = free.weights.model, free.weights.voices["random_a"]
    texts = proof_texts(model, voice, free.bucket)
    assert len(texts) == len(SHORT) + 1
    assert len(texts[0].ids) < 12
    for text in texts:
        parity.text_parity(model, free.folder, free.bucket, text.ids, text.style, text.speed)
    parity.text_parity(
        model, free.folder, free.bucket, MOST, voice_row(voice, len(MOST) - 2), 2.0, ["bert", "duration"]
    )


def test_the_whole_chain_takes_a_text_as_it_is(free: Small, small: Small) -> None:
    ids, style = (0, 43, 16, 61, 5, 0), free.style.numpy()
    values = Chain(free.folder, free.bucket).speak(ids, style)
    frames = int(values["n_frames"][0])
    at = free_sizes(free.bucket.holding(len(ids), frames))
    for one in STAGES:
        ports = stage_in(one, free.bucket)
        for port in (*ports.inputs, *ports.outputs):
            free_axes = [at[size] for size in port.shape if size in FREE]
            assert [n for n, size in zip(values[port.name].shape, port.shape, strict=True) if size in FREE] == free_axes
    padded = Chain(small.folder, small.bucket).speak(ids, style)
    assert snr(waveform(padded), waveform(values)) >= 40, "limited by the source's phases, as the whole chain is"


def test_no_port_tells_of_padding(free: Small) -> None:
    for one in STAGES:
        graph = load(free.folder / f"{one.name}_any.onnx").graph
        names = {value.name for value in (*graph.input, *graph.output)}
        assert not names & {port.name for port in OF_PADDING}, one.name
        assert ("n_frames" in names) == (one.name == "prosody")


def planted(free: Small, folder: Path, name: str, old: str, change: onnx.TensorProto | None = None) -> Path:
    """The stage's file with one initializer changed: rolled by a step of its last axis, or replaced."""
    graph = load(free.folder / f"{name}_any.onnx")
    (tensor,) = [t for t in graph.graph.initializer if t.name == old]
    array = numpy_helper.to_array(tensor)
    tensor.CopyFrom(change or numpy_helper.from_array(np.roll(array, 1, -1), old))
    with ModelFolder(folder) as models:
        models.save(graph, f"{name}_any")
    return folder


def test_positions_that_begin_one_token_late_are_seen(free: Small, tmp_path: Path) -> None:
    text = proof_texts(free.weights.model, free.weights.voices["random_a"], free.bucket)[1]
    folder = planted(free, tmp_path, "bert", "albert.positions")
    with pytest.raises(ParityError, match="bert any"):
        parity.text_parity(free.weights.model, folder, free.bucket, text.ids, text.style, text.speed, ["bert"])


def test_a_length_that_tracing_kept_is_seen(free: Small, tmp_path: Path) -> None:
    """A graph that is right at the length it was traced with, and at no other."""
    graph = load(free.folder / "tail_any.onnx")
    (cut,) = [n for n in graph.graph.node if n.op_type == "Slice" and "waveform" not in n.output and len(n.input) > 2][
        :1
    ]
    fixed = numpy_helper.from_array(np.array([17], np.int64), "traced")
    graph.graph.initializer.append(fixed)
    cut.input[2] = "traced"
    with ModelFolder(tmp_path) as models:
        models.save(graph, "tail_any")
    with pytest.raises((ParityError, ContractError), match="tail"):
        parity.sound_parity(free.weights.model, tmp_path, free.bucket, 29, free.style, ["tail"])


def test_a_graph_with_a_fixed_port_is_refused(free: Small) -> None:
    one = stage("tail")
    sizes = {"rows": 22, **free_sizes(DYNAMIC)}
    graph = load(free.folder / "tail_any.onnx")
    check_graph(graph, stage_in(one, DYNAMIC), sizes, "tail_any", FREE)
    graph.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 4801
    with pytest.raises(ContractError, match="tail_any, ports"):
        check_graph(graph, stage_in(one, DYNAMIC), sizes, "tail_any", FREE)


def test_only_a_dynamic_bucket_takes_a_texts_own_sizes() -> None:
    assert Bucket(5, 128).holding(9, 30) == Bucket(5, 128)
    at = DYNAMIC.holding(9, 30)
    assert (at.tokens, at.frames, at.name, at.dynamic) == (9, 30, "any", True)
    for frames in range(1, DYNAMIC.frames + 1):
        assert DYNAMIC.holding(3, frames).frames == frames
    assert stage_in(stage("bert"), Bucket(5, 128)) == stage("bert")
    assert free_sizes(at)["columns"] == 30 * 120 + 1
