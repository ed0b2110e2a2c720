"""The compiler's process: whatever happens in it is a verdict, with its cost."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from android_test.coverage.htp import htp_host as qnn_host
from android_test.coverage.htp import limited_child
from android_test.coverage.htp.context_record import compiler_version, record_file, require_context
from android_test.coverage.htp.htp_host import (
    DEFAULT_SOCS,
    SOCS,
    Compilation,
    CompileJob,
    compile_and_run,
    compile_for,
    provider_options,
    unavailable,
)
from android_test.coverage.htp.limited_child import CompileLimits
from export_onnx.errors import CoverageError
from export_onnx.provenance import sha256
from selector.package.providers import NO_HALF_PRECISION

needs_compiler = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "-")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 8, 1, 64)) for name in "xy")
    nodes = [helper.make_node("Sqrt", ["x"], ["a"]), helper.make_node("Mul", ["a", "a"], ["y"])]
    path = tmp_path / "small.onnx"
    graph = helper.make_graph(nodes, "g", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@needs_compiler
def test_compiles_runs_and_counts(model: Path, tmp_path: Path) -> None:
    feed = {"x": np.full((1, 8, 1, 64), 4, np.float32)}
    verdict, outputs = compile_for(model, CompileJob(context=tmp_path / "context" / "small.onnx"), feed)
    assert verdict.covered, verdict
    assert (verdict.nodes, verdict.nodes_on_npu, verdict.subgraphs) == (2, 2, 1)
    assert verdict.context > 0
    assert verdict.cpu_seconds > 0
    np.testing.assert_allclose(outputs["y"], 4, rtol=1e-2)


def integers(path: Path) -> Path:
    """A product of uint8 tensors."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.UINT8, (1, 8, 1, 64)) for name in "xy")
    scale = numpy_helper.from_array(np.array(0.1, np.float32), "scale")
    zero = numpy_helper.from_array(np.array(0, np.uint8), "zero")
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "scale", "zero"], ["a"]),
        helper.make_node("Mul", ["a", "a"], ["b"]),
        helper.make_node("QuantizeLinear", ["b", "scale", "zero"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", [x], [y], [scale, zero])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@needs_compiler
@pytest.mark.parametrize("chip", sorted(SOCS))
def test_a_chip_takes_float_nodes_unless_it_has_no_half_precision(model: Path, tmp_path: Path, chip: str) -> None:
    """Two chips of one architecture may differ; integers run on each."""
    assert compile_for(integers(tmp_path / "integers.onnx"), CompileJob((chip,)))[0].covered
    takes_float = compile_for(model, CompileJob((chip,)))[0].covered
    assert takes_float is SOCS[chip].has_half_precision


def test_chips_without_half_precision_are_known_chips() -> None:
    assert set(NO_HALF_PRECISION) < set(SOCS)
    assert {SOCS[name].has_half_precision for name in DEFAULT_SOCS} == {True}
    assert SOCS["SM8635"].arch == SOCS["SM8550"].arch, "the architecture alone does not tell"


@needs_compiler
def test_a_context_is_refused_on_another_chip(model: Path, tmp_path: Path) -> None:
    """Without its record the session takes it: Qualcomm's simulation does not check the chip."""
    context, feed = tmp_path / "context" / "small.onnx", {"x": np.full((1, 8, 1, 64), 4, np.float32)}
    assert compile_for(model, CompileJob(("SM8650",), context))[0].covered
    record = record_file(context)
    noted = json.loads(record.read_text())
    assert (noted["socs"], noted["compiler"], noted["weights"]) == (["SM8650"], compiler_version(), "")
    assert noted["options"]["soc_model"] == "57"
    assert noted["graph"] == sha256(model)
    assert re.fullmatch(r"v\d+\.\d+\.\d+\.\d+", noted["sdk"])
    assert compile_for(context, CompileJob(("SM8650",)), feed)[0].outcome == "compiled"
    refused, outputs = compile_for(context, CompileJob(("SM8550",)), feed)
    assert (refused.outcome, refused.reason, outputs) == ("refused", "a context for SM8650, not for SM8550", {})
    assert not refused.covered
    whole = record.read_text()
    record.write_text(whole.replace(f'"{compiler_version()}"', '"0.0.1"'))
    assert "the compiler 0.0.1" in compile_for(context, CompileJob(("SM8650",)))[0].reason
    record.write_text(whole.replace(noted["sdk"], "v1.0.0.1"))
    assert "recorded as of v1.0.0.1" in compile_for(context, CompileJob(("SM8650",)))[0].reason
    record.unlink()
    assert "without a record of its chip" in compile_for(context, CompileJob(("SM8650",)))[0].reason


@needs_compiler
def test_a_context_of_other_weights_is_refused_with_four_facts(model: Path, tmp_path: Path) -> None:
    context, chip = tmp_path / "context" / "small.onnx", ("SM8650",)
    assert compile_for(model, CompileJob(chip, context))[0].covered
    assert require_context(context, chip, model).socs == ["SM8650"]
    with pytest.raises(
        CoverageError, match=r"small\.onnx: expected a context for SM8550 .*got a context for SM8650, not"
    ):
        require_context(context, ("SM8550",), model)
    with pytest.raises(CoverageError, match=r"got a model that is no context\. Run `make contexts` again"):
        require_context(model, chip, model)
    record = record_file(context)
    record.write_text(re.sub('"weights": ""', f'"weights": "{"0" * 64}"', record.read_text()))
    with pytest.raises(CoverageError, match="a context of another weights than"):
        require_context(context, chip, model)
    changed = onnx.load(model)
    changed.graph.name = "other"
    onnx.save(changed, model)
    with pytest.raises(CoverageError, match="a context of another graph than"):
        require_context(context, chip, model)


@needs_compiler
def test_one_session_runs_several_inputs(model: Path) -> None:
    feeds = [{"x": np.full((1, 8, 1, 64), value, np.float32)} for value in (4, 9)]
    verdict, runs = compile_and_run(model, CompileJob(), feeds)
    assert verdict.covered
    assert [round(float(run["y"].mean())) for run in runs] == [4, 9]


@needs_compiler
def test_a_node_that_only_the_cpu_takes_is_refused(tmp_path: Path) -> None:
    """Fallback is disabled: a session that would use the CPU does not start."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, (4, 4)) for name in "xy")
    nodes = [helper.make_node("Sqrt", ["x"], ["a"]), helper.make_node("Det", ["a"], ["d"])]
    nodes.append(helper.make_node("Mul", ["a", "d"], ["y"]))
    path = tmp_path / "det.onnx"
    graph = helper.make_graph(nodes, "g", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    verdict, _ = compile_for(path, CompileJob())
    assert verdict.outcome == "refused"
    assert not verdict.covered
    assert "CPU" in verdict.reason


@needs_compiler
def test_integer_only_chips_refuse_float(model: Path) -> None:
    assert not compile_for(model, CompileJob(("SM8350",)))[0].covered


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    if unavailable():
        pytest.skip(unavailable())
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    assert compile_for(path, CompileJob())[0].outcome == "refused"


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [(CompileLimits(seconds=0.0), "timeout"), (CompileLimits(bytes=1), "memory")],
)
@needs_compiler
def test_limits_end_the_process(model: Path, limits: CompileLimits, outcome: str) -> None:
    verdict, outputs = compile_for(model, CompileJob(limits=limits))
    assert verdict.outcome == outcome
    assert not verdict.covered
    assert not outputs


@needs_compiler
def test_a_crash_is_a_verdict(model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    crashing = tmp_path / "python"
    crashing.write_text("#!/bin/sh\necho the compiler says something\nkill -SEGV $$\n")
    crashing.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(crashing))
    verdict, _ = compile_for(model, CompileJob())
    assert verdict.outcome == "crashed"
    assert "the compiler says something" in verdict.reason


def test_without_the_wheel_nothing_is_proven(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qnn_host, "unavailable", lambda: "onnxruntime-qnn is not installed")
    verdict, outputs = compile_for(model, CompileJob())
    assert verdict.outcome == "skipped"
    assert "not installed" in verdict.reason
    assert not verdict.covered
    assert not outputs


def test_ctrl_c_ends_the_compiler(model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It may be native code that does not listen to the terminal's signal."""
    sleeping, noted = tmp_path / "python", tmp_path / "pid"
    sleeping.write_text(f"#!/bin/sh\ntrap '' INT\necho $$ > {noted}.part\nmv {noted}.part {noted}\nexec sleep 60\n")
    sleeping.chmod(0o755)

    def memory(pid: int, what: str) -> int:
        if noted.exists():
            raise KeyboardInterrupt
        return 0

    monkeypatch.setattr(qnn_host, "unavailable", lambda: "")
    monkeypatch.setattr(sys, "executable", str(sleeping))
    monkeypatch.setattr(limited_child, "_memory", memory)
    with pytest.raises(KeyboardInterrupt):
        compile_for(model, CompileJob())
    assert not Path("/proc", noted.read_text().strip()).exists()


def test_chips_have_numbers() -> None:
    assert provider_options(CompileJob(("SM8550",)))["htp_arch"] == "73"
    several = provider_options(CompileJob(("SM8550", "SM8650", "SM8750")))
    assert several["soc_model"] == "43,57,69"
    assert several["is_multi_soc_ep_context"] == "1"
    with pytest.raises(CoverageError, match="SM9999"):
        provider_options(CompileJob(("SM9999",)))


def test_an_empty_session_is_not_covered() -> None:
    assert not Compilation("m", "SM8550", "compiled").covered


@needs_compiler
def test_the_peak_is_the_compilers_and_not_ours(model: Path) -> None:
    """A child inherits its parent's maximum in `getrusage`."""
    held = np.ones(2 * 1024**3, np.uint8)
    verdict, _ = compile_for(model, CompileJob())
    assert 0 < verdict.peak < held.nbytes
