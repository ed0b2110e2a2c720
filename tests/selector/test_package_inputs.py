"""What the steps before left is checked before anything is written; coverage is copied."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest

from android_test.coverage.htp.htp_host import CompileJob, CompileRequest, compile_request
from export_onnx.buckets import BUCKETS
from export_onnx.errors import PackageError, WeightsError
from export_onnx.provenance import sha256
from selector.package import providers
from selector.package.build_inputs import BuildInputs, read_build_inputs, read_target_inputs
from selector.package.compose_manifest import PackagePlan
from selector.package.fit_tables import fit_tables
from selector.package.make_packages import make_packages
from selector.package.manifest import Manifest
from selector.package.opened import Package
from selector.package.packaged_models import read_model
from selector.package.write_package import write_package
from tests.selector.conftest import COMMAND, NAME
from tests.selector.coverage_fakes import fake_coverage
from tests.selector.selector_fakes import list_files, make_build

pytestmark = pytest.mark.usefixtures("few_texts")


def plan_of(inputs: BuildInputs) -> PackagePlan:
    return PackagePlan(inputs, fit_tables(inputs), "0.1.0", COMMAND)


def test_bad_inputs_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(PackageError, match="export_onnx"):
        read_build_inputs(tmp_path)
    build = make_build(tmp_path / "build")
    inputs = read_build_inputs(build)
    with pytest.raises(PackageError, match="quantize"):
        read_target_inputs(inputs, "qnn")
    report = build / "quantize" / "cpu" / "report.json"
    whole = report.read_text()
    report.write_text(json.dumps(json.loads(whole) | {"weights": {"name": "another"}}))
    with pytest.raises(PackageError, match="models of another"):
        read_target_inputs(inputs, "cpu")
    report.write_text(json.dumps(json.loads(whole) | {"quality": {"snr_db": 31.5}}))
    with pytest.raises(PackageError, match=r"quality, .*python -m quantize"):
        read_target_inputs(inputs, "cpu")
    report.write_text(json.dumps(json.loads(whole) | {"files": {}}))
    with pytest.raises(PackageError, match=r"a report that lists none.*python -m quantize"):
        read_target_inputs(inputs, "cpu")
    report.write_text(whole)
    exported = build / "export_onnx" / "report.json"
    before = exported.read_text()
    exported.write_text(json.dumps({k: v for k, v in json.loads(before).items() if k != "buckets"}))
    with pytest.raises(PackageError, match=r"exported buckets.*python -m export_onnx"):
        read_build_inputs(build)
    exported.write_text(before)
    generator = build / "quantize" / "cpu" / "generator_any.onnx"
    generator.write_bytes(generator.read_bytes()[:-200])
    with pytest.raises(PackageError, match=r"files as the step wrote them, got others in generator_any.onnx.*quantize"):
        read_target_inputs(inputs, "cpu")
    list_files(generator.parent)
    with pytest.raises(PackageError, match="whole ONNX model"):
        write_package(plan_of(inputs), read_target_inputs(inputs, "cpu"), tmp_path / "dist")
    assert not (tmp_path / "dist").exists()
    np.save(build / "export_onnx" / "voices" / "af_short.npy", np.zeros((511, 256), np.float32))
    with pytest.raises(PackageError, match=r"files as the step wrote them, got others in voices/af_short.npy"):
        read_build_inputs(build)
    list_files(build / "export_onnx")
    with pytest.raises(WeightsError, match="510"):
        read_build_inputs(build)


def test_coverage_is_copied_and_an_unproven_stage_runs_on_the_cpu(tmp_path):
    build = make_build(tmp_path / "build", ("nnapi",))
    levels = {"generator": ["rules"], "decoder": [], "bert": []}
    proven = {stage: {bucket.name: found for bucket in BUCKETS} for stage, found in levels.items()}
    report = fake_coverage(build, proven)
    plan = plan_of(read_build_inputs(build))
    made = write_package(plan, read_target_inputs(plan.inputs, "nnapi"), tmp_path / "dist").manifest
    assert made.coverage is not None
    assert made.coverage.proven["generator"]["15s"] == ("rules",)
    assert made.coverage.conditions == ("it rains",)
    assert {s.name for s in made.stages if s.runs_on == "npu"} == {"generator"}
    assert made.coverage.proven["decoder"]["15s"] == ()
    digest = sha256(build / "quantize" / "nnapi" / "generator_5s.onnx")
    report.write_text(report.read_text().replace(digest, "0" * 64))  # it speaks of other files
    stale = write_package(plan, read_target_inputs(plan.inputs, "nnapi"), tmp_path / "dist").manifest
    assert stale.coverage is None
    assert {s.runs_on for s in stale.stages} == {"cpu"}, "what nobody looked at is not proven"


def test_the_report_says_why_a_stage_runs_on_the_cpu(tmp_path, capsys):
    build, dist = make_build(tmp_path / "build", ("nnapi",)), tmp_path / "dist"

    def on_cpu() -> dict[str, str]:
        report = make_packages(build, dist, ["nnapi"], "0.1.0", COMMAND)
        manifest = Package.open(dist / NAME.replace("cpu", "nnapi")).manifest
        found: dict[str, str] = report["targets"]["nnapi"]["on_cpu"]
        assert set(found) == {stage.name for stage in manifest.stages if stage.runs_on == "cpu"}
        return found

    reasons = on_cpu()
    assert reasons["generator"] == "not proven: no coverage was measured for these files and provider options"
    assert reasons["bert"] == "the target's recipe has it on the CPU"
    assert reasons["tail"] == "its contract has it on the CPU"
    assert "nnapi: generator runs on the CPU, not proven" in capsys.readouterr().out
    rules = {bucket.name: ["rules"] for bucket in BUCKETS}
    fake_coverage(build, {"generator": rules, "decoder": {**rules, "10s": []}})
    assert "generator" not in on_cpu()
    assert on_cpu()["decoder"] == "not proven: rules (NNAPI) in 10s"
    fake_coverage(build, {"generator": rules})
    assert on_cpu()["decoder"] == "not proven: rules (NNAPI) in 3s, 5s, 10s, 15s"


def test_what_was_proven_under_other_options_is_not_proven_for_a_package(tmp_path, monkeypatch):
    """The compiler, the report and the manifest read one value."""
    build = make_build(tmp_path / "build", ("qnn",))
    fake_coverage(build, {s: {b.name: ["rules"] for b in BUCKETS} for s in ("decoder", "generator")}, target="qnn")
    plan = plan_of(read_build_inputs(build))
    model = build / "quantize" / "qnn" / "generator_5s.onnx"

    def manifest_and_request() -> tuple[Manifest, CompileRequest]:
        made = write_package(plan, read_target_inputs(plan.inputs, "qnn"), tmp_path / "dist").manifest
        return made, compile_request(model, CompileJob())

    manifest, request = manifest_and_request()
    assert {s.name for s in manifest.stages if s.runs_on == "npu"} == {"decoder", "generator"}
    changed = replace(
        providers.NPU["qnn"],
        options={**providers.NPU["qnn"].options, "htp_graph_finalization_optimization_mode": "3"},
        session={"session.planted": "1"},
        optimization="all",
    )
    monkeypatch.setitem(providers.NPU, "qnn", changed)
    manifest, request = manifest_and_request()
    npu = manifest.providers["npu"]
    assert npu.options["htp_graph_finalization_optimization_mode"] == "3"
    assert request.provider_options.items() >= npu.options.items()
    assert (request.session, request.optimization) == (npu.session, npu.optimization) == (changed.session, "all")
    assert manifest.coverage is None
    assert {s.runs_on for s in manifest.stages} == {"cpu"}


def test_a_folder_of_another_export_or_calibration_is_refused(tmp_path):
    build = make_build(tmp_path / "build")
    inputs = read_build_inputs(build)
    read_target_inputs(inputs, "cpu")
    for step, said in (("calibrate", "calibrate"), ("export_onnx", "export_onnx")):
        file = build / step / "report.json"
        whole = file.read_text()
        file.write_text(json.dumps(json.loads(whole) | {"signature": "another"}))
        with pytest.raises(PackageError, match=f"a result of this build's {said}, got one of another.*-m quantize"):
            read_target_inputs(read_build_inputs(build), "cpu")
        file.write_text(whole)
    quantized = build / "quantize" / "cpu" / "report.json"
    quantized.write_text(json.dumps({k: v for k, v in json.loads(quantized.read_text()).items() if k != "made_from"}))
    with pytest.raises(PackageError, match="one that does not say of which"):
        read_target_inputs(inputs, "cpu")
    (build / "calibrate" / "report.json").unlink()
    with pytest.raises(PackageError, match="calibrate: expected a completed step"):
        read_target_inputs(inputs, "cpu")


def test_a_model_whose_weights_lie_elsewhere_is_refused(build, tmp_path):
    source = build / "quantize" / "cpu"
    model = onnx.load(source / "style_any.onnx", load_external_data=False)
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
    model = onnx.load(source / "style_any.onnx", load_external_data=False)
    tensor = next(t for t in model.graph.initializer if t.external_data)
    tensor.float_data.extend([0.0, 1.0])
    (tmp_path / "twice.onnx").write_bytes(model.SerializeToString())
    packaged = onnx.load_from_string(read_model(tmp_path / "twice.onnx", source / "weights.bin"))
    assert not any(t.float_data for t in packaged.graph.initializer)
    once = (source / "style_any.onnx").read_bytes()
    assert read_model(source / "style_any.onnx", source / "weights.bin") == once
