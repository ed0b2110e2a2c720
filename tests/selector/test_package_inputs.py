"""What the steps before left is checked before anything is written; coverage is copied."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from export_onnx.contracts import BUCKETS
from export_onnx.errors import PackageError, WeightsError
from export_onnx.provenance import sha256
from selector.choose import measured_texts as corpus
from selector.package import release
from selector.package.assemble import make_package, read_inputs, read_model
from tests.selector.selector_fakes import make_build

NAME = "kokoro-npu-fake-0.1.0-cpu"
COMMAND = "python -m selector package"


@pytest.fixture(scope="module", autouse=True)
def few_texts():
    """The table itself is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "RUNS", 0)
        yield


@pytest.fixture(scope="module")
def build(tmp_path_factory) -> Path:
    return make_build(tmp_path_factory.mktemp("fake") / "build")


def test_bad_inputs_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(PackageError, match="export_onnx"):
        read_inputs(tmp_path)
    build = make_build(tmp_path / "build")
    inputs = read_inputs(build)
    fits = release.fit_tables(inputs)
    with pytest.raises(PackageError, match="quantize"):
        make_package(inputs, fits, "qnn", tmp_path / "dist", "0.1.0", COMMAND)
    report = build / "quantize" / "cpu" / "report.json"
    whole = report.read_text()
    report.write_text(json.dumps(json.loads(whole) | {"weights": {"name": "another"}}))
    with pytest.raises(PackageError, match="models of another"):
        make_package(inputs, fits, "cpu", tmp_path / "dist", "0.1.0", COMMAND)
    report.write_text(whole)
    generator = build / "quantize" / "cpu" / "generator_5s.onnx"
    generator.write_bytes(generator.read_bytes()[:-200])
    with pytest.raises(PackageError, match="whole ONNX model"):
        make_package(inputs, fits, "cpu", tmp_path / "dist", "0.1.0", COMMAND)
    assert not (tmp_path / "dist").exists()
    np.save(build / "export_onnx" / "voices" / "af_short.npy", np.zeros((511, 256), np.float32))
    with pytest.raises(WeightsError, match="510"):
        read_inputs(build)


def coverage_report(build: Path, levels: dict[str, list[str]], target: str = "nnapi") -> Path:
    variants = [
        {
            "target": target,
            "stage": stage,
            "bucket": bucket,
            "file": f"{stage}_{bucket}.onnx",
            "sha256": sha256(build / "quantize" / target / f"{stage}_{bucket}.onnx"),
            "proven": proven,
        }
        for stage, proven in levels.items()
        for bucket in (b.name for b in BUCKETS)
    ]
    file = build / "android_test" / "coverage" / "report.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"required": "rules", "variants": variants, "conditions": ["it rains"]}))
    return file


def test_coverage_is_copied_and_an_unproven_stage_runs_on_the_cpu(tmp_path):
    build = make_build(tmp_path / "build", ("nnapi",))
    report = coverage_report(build, {"generator": ["rules"], "decoder": [], "bert": []})
    inputs = read_inputs(build)
    fits = release.fit_tables(inputs)
    made = make_package(inputs, fits, "nnapi", tmp_path / "dist", "0.1.0", COMMAND).manifest
    assert made.coverage is not None
    proven: Any = made.coverage["proven"]
    assert proven["generator"]["15s"] == ["rules"]
    assert made.coverage["conditions"] == ["it rains"]
    assert {s.name for s in made.stages if s.runs_on == "npu"} == {"generator"}
    report.write_text(report.read_text().replace('"sha256": "', '"sha256": "0'))  # it speaks of other files
    stale = make_package(inputs, fits, "nnapi", tmp_path / "dist", "0.1.0", COMMAND).manifest
    assert stale.coverage is None
    assert {s.name for s in stale.stages if s.runs_on == "npu"} == {"decoder", "generator"}  # bert: by nnapi's recipe


def test_a_model_whose_weights_lie_elsewhere_is_refused(build, tmp_path):
    source = build / "quantize" / "cpu"
    model = onnx.load(source / "source_15s.onnx", load_external_data=False)
    tensor = next(t for t in model.graph.initializer if t.external_data)
    for key, value in (("location", "../weights.bin"), ("offset", str(1 << 40))):
        changed = onnx.ModelProto.FromString(model.SerializeToString())
        entries = next(t for t in changed.graph.initializer if t.name == tensor.name).external_data
        next(e for e in entries if e.key == key).value = value
        (tmp_path / "m.onnx").write_bytes(changed.SerializeToString())
        shutil.copyfile(source / "weights.bin", tmp_path / "weights.bin")
        with pytest.raises(PackageError):
            read_model(tmp_path / "m.onnx", tmp_path / "weights.bin")


def test_values_stored_inside_and_outside_are_packaged_once(build, tmp_path):
    source = build / "quantize" / "cpu"
    model = onnx.load(source / "source_15s.onnx", load_external_data=False)
    tensor = next(t for t in model.graph.initializer if t.external_data)
    tensor.float_data.extend([0.0, 1.0])
    (tmp_path / "twice.onnx").write_bytes(model.SerializeToString())
    packaged = onnx.load_from_string(read_model(tmp_path / "twice.onnx", source / "weights.bin"))
    assert not any(t.float_data for t in packaged.graph.initializer)
    once = (source / "source_15s.onnx").read_bytes()
    assert read_model(source / "source_15s.onnx", source / "weights.bin") == once
