"""Buckets whose graphs differ in nothing but length share one simulation; any other difference is simulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from android_test.coverage import coverage_levels as coverage
from android_test.coverage.coverage_levels import CoverageSettings, Variant, run_simulation
from android_test.coverage.htp.htp_host import Compilation
from android_test.coverage.htp.simulate import Agreement
from export_onnx import contracts
from export_onnx.buckets import Bucket
from export_onnx.checkpoint.architecture import load_architecture
from export_onnx.checkpoint.weights import load_weights
from export_onnx.graph.export import export_stage

SHORT, LONG = Bucket(1, 32), Bucket(2, 64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("once")
    weights = load_weights("random-small", folder)
    for bucket in (SHORT, LONG):
        onnx.save(export_stage("generator", weights.model, weights.config, bucket), folder / f"{bucket.name}.onnx")
    changed = onnx.load(folder / f"{LONG.name}.onnx")
    tensor = next(t for t in changed.graph.initializer if t.name.endswith("convs1.0.weight"))
    tensor.CopyFrom(numpy_helper.from_array(np.asarray(numpy_helper.to_array(tensor) * 1.01), tensor.name))
    onnx.save(changed, folder / "changed.onnx")
    return folder


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> list[onnx.ModelProto]:
    """The crops that were really run; each gets a figure of its own."""
    ran: list[onnx.ModelProto] = []

    def simulate(model: onnx.ModelProto, feed: object, job: object) -> Agreement:
        ran.append(model)
        return Agreement(Compilation("crop", "SM8550", "compiled"), {"spectrum": 50.0 + len(ran)}, 40)

    def speech(floats: Path, calibrated: Path, bucket: Bucket) -> dict[str, np.ndarray]:
        sizes = contracts.sizes(load_architecture("small"), bucket)
        return {p.name: np.ones(p.resolve(sizes), np.float32) for p in contracts.stage("generator").inputs}

    monkeypatch.setattr(coverage, "simulate", simulate)
    monkeypatch.setattr(coverage, "simulate_blocks", lambda *given: {"resblocks.0": 60.0})
    monkeypatch.setattr(coverage, "_speech", speech)
    monkeypatch.setattr(coverage, "loudest", lambda values: 0)
    return ran


def run(folder: Path, crops: dict[str, Agreement], *files: tuple[str, Bucket]) -> list[Agreement]:
    variants = [Variant("qnn", "generator", bucket, folder / f"{name}.onnx") for name, bucket in files]
    return [run_simulation(variant, CoverageSettings(), crops) for variant in variants]


def test_the_same_crop_is_simulated_once(folder: Path, simulated: list[onnx.ModelProto]) -> None:
    short, long = run(folder, {}, (SHORT.name, SHORT), (LONG.name, LONG))
    assert len(simulated) == 1
    assert short == long
    assert len(short.sha256) == 64
    assert short.blocks == {"resblocks.0": 60.0}


def test_another_weight_is_another_crop(folder: Path, simulated: list[onnx.ModelProto]) -> None:
    same, changed = run(folder, {}, (LONG.name, LONG), ("changed", LONG))
    assert len(simulated) == 2
    assert same.sha256 != changed.sha256
    assert same.decibels != changed.decibels


def test_another_run_simulates_again(folder: Path, simulated: list[onnx.ModelProto]) -> None:
    run(folder, {}, (SHORT.name, SHORT))
    run(folder, {}, (SHORT.name, SHORT))
    assert len(simulated) == 2
