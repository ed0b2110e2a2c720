"""The proof of an export: floors below what is measured, rounding ties told from defects, texts that fill a bucket."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import numpy_helper

from export_onnx.buckets import Bucket
from export_onnx.contracts import STAGES
from export_onnx.errors import ParityError
from export_onnx.graph.shared_weights import ModelFolder, load
from export_onnx.proof import parity, reference
from export_onnx.proof.proof_text import LEAST_FILL, PROOF_TEXT, fill_bucket
from tests.conftest import Small


def speak(small: Small) -> reference.OriginalSpeech:
    text = fill_bucket(small.weights.model, small.weights.voices["random_a"], small.bucket)
    return reference.speak_original(small.weights.model, torch.tensor([text.ids]), text.style, text.speed)


def with_sums(spoken: reference.OriginalSpeech, token: int, total: float) -> reference.OriginalSpeech:
    """The same where the sum of one token is another."""
    unrounded = spoken.unrounded.clone()
    unrounded[0, token] = total
    return dataclasses.replace(spoken, unrounded=unrounded, frames_per_token=torch.round(unrounded).clamp(min=1).long())


def test_every_stage_has_a_floor_ten_decibels_below_the_least_measured() -> None:
    assert set(parity.FLOORS) == {stage.name for stage in STAGES}
    documented = (parity.__doc__ or "").splitlines()
    for stage, floor in parity.FLOORS.items():
        (row,) = [line.split() for line in documented if line.split()[:1] == [stage] and len(line.split()) == 5]
        least = min(float(figure) for figure in row[1:4])
        assert float(row[4]) == floor
        assert floor == (least - 10) // 5 * 5, f"{stage}: 10 dB below {least}, rounded down to 5"


@pytest.mark.parametrize("seconds", [2, 5])
def test_the_text_of_the_proof_fills_the_bucket(small: Small, seconds: float) -> None:
    bucket = Bucket(seconds, 24 * round(seconds))
    text = fill_bucket(small.weights.model, small.weights.voices["random_a"], bucket)
    assert LEAST_FILL * bucket.frames <= text.frames <= bucket.frames
    assert len(text.ids) <= bucket.tokens
    spoken = reference.speak_original(small.weights.model, torch.tensor([text.ids]), text.style, text.speed)
    assert spoken.asr.shape[2] == text.frames


def test_durations_that_follow_no_speed_fill_no_bucket(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = reference.read_durations

    def stuck(model, ids, style, speed):
        return dataclasses.replace(honest(model, ids, style, speed), frames_per_token=torch.ones_like(ids))

    monkeypatch.setattr("export_onnx.proof.proof_text.read_durations", stuck)
    with pytest.raises(ParityError, match=r"proof of 15s: expected 480 to 600 frames, got \d+ at"):
        fill_bucket(small.weights.model, small.weights.voices["random_a"], Bucket(15, 384))
    assert len(PROOF_TEXT.split()) > 60, "long enough for any bucket at a natural pace"


def test_a_rounding_tie_is_told_with_both_values_and_is_no_failure(small: Small) -> None:
    spoken = with_sums(speak(small), 2, 3.50004)
    sums, frames = spoken.unrounded[0].numpy().copy(), spoken.frames_per_token[0].numpy().copy()
    assert parity.rounding_ties("duration 2s", spoken, sums, frames) == []
    sums[2], frames[2] = 3.49997, 3
    (tie,) = parity.rounding_ties("duration 2s", spoken, sums, frames)
    assert tie == (
        "duration 2s, token 2: a rounding tie. The original has 3.500040 frames before rounding and 4 after, "
        "the exported stage 3.499970 and 3."
    )


@pytest.mark.parametrize(("total", "ours"), [(3.5002, 3.49997), (3.50004, 3.4998), (3.50004, 2.49997), (3.6, 3.4)])
def test_frames_that_differ_by_more_than_a_tie_are_refused(small: Small, total: float, ours: float) -> None:
    spoken = with_sums(speak(small), 2, total)
    sums = spoken.unrounded[0].numpy().copy()
    sums[2] = ours
    with pytest.raises(ParityError, match=r"token 2: expected 3\.\d+ frames before rounding and 4 after, got"):
        parity.rounding_ties("duration 2s", spoken, sums, np.round(sums).astype(np.int64))


def exported_with(small: Small, folder: Path, shift: float) -> Path:
    """The small stages, with a shift of each of the sums that `duration` adds up before it rounds."""
    shutil.copytree(small.folder, folder, dirs_exist_ok=True)
    graph = load(small.folder / f"duration_{small.bucket.name}.onnx")
    for tensor in graph.graph.initializer:
        if tensor.name == "project.bias":
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + np.float32(shift), tensor.name))
    with ModelFolder(folder / "planted") as models:
        models.save(graph, f"duration_{small.bucket.name}")
    return folder / "planted"


def test_a_changed_duration_is_seen_by_the_proof(small: Small, tmp_path: Path) -> None:
    text = fill_bucket(small.weights.model, small.weights.voices["random_a"], small.bucket)
    model, ids, style = small.weights.model, text.ids, text.style
    measured = parity.text_parity(model, small.folder, small.bucket, ids, style, text.speed, ["duration"])
    assert measured["duration"] >= parity.FLOORS["duration"]
    planted = exported_with(small, tmp_path / "stages", 0.3)
    with pytest.raises(ParityError, match=r"duration 2s, token \d+: expected .* frames before rounding"):
        parity.text_parity(model, planted, small.bucket, ids, style, text.speed, ["duration"])


def test_a_tie_does_not_stop_the_proof(
    small: Small, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = fill_bucket(small.weights.model, small.weights.voices["random_a"], small.bucket)
    original = reference.speak_original(small.weights.model, torch.tensor([text.ids]), text.style, text.speed)
    said = float(original.unrounded[0, 3])
    half = np.floor(said) + 0.5
    tied = with_sums(original, 3, half)
    other = original.frames_per_token.clone()
    other[0, 3] += 1 if half > said else -1
    tied = dataclasses.replace(tied, frames_per_token=other)
    sums = original.unrounded[0].numpy().copy()
    sums[3] = half - 2e-5
    monkeypatch.setattr(reference, "speak_original", lambda *_: tied)
    monkeypatch.setattr(parity, "sums_before_rounding", lambda *_: sums)
    arguments = (small.weights.model, small.folder, small.bucket, text.ids, text.style, text.speed, ["duration"])
    assert parity.text_parity(*arguments)["duration"] >= parity.FLOORS["duration"]
    assert "token 3: a rounding tie" in capsys.readouterr().out
