"""`python -m quantize.ops` on a small vocoder, and the gate of the fused models' sound."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from calibrate.speech import write_sample
from export_onnx.contracts import QUANTIZED
from export_onnx.errors import ContractError, ParityError
from export_onnx.graph.cut import cut
from export_onnx.graph.shared_weights import ModelFolder, load
from export_onnx.provenance import Report, read_report
from quantize.gates import standard
from quantize.listen.quality import Quality
from quantize.ops import __main__ as command
from quantize.ops import build_library
from quantize.ops.build_library import OPS_LIBRARY, built_libraries, keep_why_not
from quantize.ops.fuse_graph import Fused, fuse_graph
from quantize.ops.fused_proof import MEL_LOSS, PESQ_LOSS, FusedSound, check_fused, without_padding
from quantize.ops.platforms import this_platform
from quantize.sound.choose_blocklist import convolutions
from quantize.sound.vocoder_plan import apply, make_plan
from tests.quantize.conftest import Bench

WEIGHTS = {"source": "random", "name": "random-small"}
GOOD = Quality(4.5, 0.99, 1.1, 24.0)


def test_the_gate_refuses_a_loss() -> None:
    floor = standard(8, "hub").floor
    check_fused("fused", FusedSound((GOOD,), (replace(GOOD, pesq=4.5 - 0.9 * PESQ_LOSS),), (25.0,)), floor)
    for worse in (
        replace(GOOD, pesq=4.5 - 1.1 * PESQ_LOSS),
        replace(GOOD, mel_db=1.1 + 1.1 * MEL_LOSS),
        replace(GOOD, finite=False),
        replace(GOOD, pesq=float("nan")),
    ):
        with pytest.raises(ParityError, match="fused"):
            check_fused("fused", FusedSound((GOOD,), (worse,), (25.0,)), floor)


def test_the_gates_of_stock_models_hold_for_fused_ones() -> None:
    """Both forms are equally bad, so that only the floor can refuse them."""
    for bad in (replace(GOOD, pesq=2.0), replace(GOOD, gain_db=3.5), replace(GOOD, quiet_db=9.0)):
        with pytest.raises(ParityError):
            check_fused("fused", FusedSound((bad,), (bad,), (25.0,)), standard(8, "hub").floor)


@pytest.fixture(scope="module")
def build(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build whose target cpu has one bucket of a small vocoder, and two sentences."""
    build = tmp_path_factory.mktemp("build")
    folder, name = build / "quantize" / "cpu", bench.bucket.name
    nodes = tuple(node for node in convolutions(bench.model) if "conv_post" not in node)
    plan = make_plan(bench.model, bench.statistics["vocoder"], nodes, 8)
    with ModelFolder(folder) as models:
        for half, model in cut(apply(plan, bench.model)).items():
            models.save(model, f"{half}_{name}")
        models.save(load(bench.folder / f"tail_{name}.onnx"), f"tail_{name}")
    Report(folder, "made", {"weights": WEIGHTS, "stages": list(QUANTIZED), "buckets": [name]}).write()
    for number, sample in enumerate(bench.judge.samples):
        (build / "calibrate").mkdir(exist_ok=True)
        write_sample(build / "calibrate", "held_out", number, sample)
    return build


def test_a_sample_without_padding(bench: Bench) -> None:
    (sample, *_) = bench.judge.samples
    config = json.loads((bench.folder / "config.json").read_text(encoding="utf-8"))
    found = without_padding(sample, config)
    assert found.values["asr"].shape[-1] == sample.frames < sample.values["asr"].shape[-1]
    assert found.values["f0"].shape[-1] == 2 * sample.frames
    assert found.values["har"].shape[-1] == 120 * sample.frames + 1
    assert found.values["frame_mask"].all()
    assert np.array_equal(found.values["asr"], sample.values["asr"][..., : sample.frames])


def test_the_command(build: Path, ops: Path, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--build", str(build), "--library", str(ops), "--sentences", "1", "--runs", "1"]) == 0
    said = capsys.readouterr().out
    assert "times as fast as stock operators" in said
    report = read_report(build / "quantize" / "cpu-fused")
    assert report is not None
    assert report["fused"]["generator"]["sites"] > 40
    assert report["fused"]["decoder"]["convolutions"] > 0
    assert report["fused"]["decoder"]["bytes_not_shared"] == 0
    assert (build / "quantize" / "cpu-fused" / f"generator_{bench.bucket.name}.onnx").stat().st_size < 500_000, (
        "weights are not inside"
    )
    assert report["sound"]["apart_db"] > 15
    assert set(report["files"]) >= {f"decoder_{bench.bucket.name}.onnx", f"generator_{bench.bucket.name}.onnx"}
    assert set(report["seconds_by_threads"]) == {"1", "2"}
    assert command.main(["--build", str(build), "--library", str(ops), "--sentences", "1", "--runs", "1"]) == 0
    assert "is up to date" in capsys.readouterr().out


def test_fused_models_with_another_sound_are_refused(build: Path, ops: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted defect: the zero points of what the norms give are wrong."""

    def planted(model: onnx.ModelProto) -> Fused:
        fused = fuse_graph(model)
        for tensor in fused.model.graph.initializer:
            if tensor.name in {node.input[12] for node in fused.model.graph.node if node.op_type == "AdaIN"}:
                tensor.raw_data = np.uint8(200).tobytes()
                tensor.ClearField("int32_data")
        return fused

    monkeypatch.setattr(command, "fuse_graph", planted)
    with pytest.raises(ParityError, match="cpu with fused operators"):
        command.main(["--build", str(build), "--library", str(ops), "--sentences", "2"])
    assert read_report(build / "quantize" / "cpu-fused") is None, "an unproven folder does not count"


def test_without_a_library_the_report_says_why(build: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_why_not(build / "ops", "no c++ (apt install g++)")
    assert command.main(["--build", str(build), "--if-possible"]) == 0
    assert "stock operators alone" in capsys.readouterr().out
    report = read_report(build / "quantize" / "cpu-fused")
    assert report is not None
    assert report["why_not"] == "no c++ (apt install g++)"
    assert not list((build / "quantize" / "cpu-fused").glob("*.onnx"))
    (build / "ops" / "report.json").unlink()


def test_a_library_that_is_older_than_its_sources_does_not_count(ops: Path, tmp_path: Path) -> None:
    shutil.copy(ops, tmp_path / OPS_LIBRARY)
    assert built_libraries(tmp_path) == ({this_platform(): tmp_path / OPS_LIBRARY}, ())
    os.utime(tmp_path / OPS_LIBRARY, (0, 0))
    assert built_libraries(tmp_path) == ({}, (this_platform(),))


def test_the_flags_of_a_library_are_among_its_sources(
    ops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(ops, tmp_path / OPS_LIBRARY)
    shutil.copytree(build_library.OPS_SOURCES, tmp_path / "sources")
    monkeypatch.setattr(build_library, "OPS_SOURCES", tmp_path / "sources")
    for file in (tmp_path / "sources").iterdir():
        os.utime(file, (0, 0))
    assert built_libraries(tmp_path)[1] == ()
    (tmp_path / "sources" / "CMakeLists.txt").touch()
    os.utime(tmp_path / OPS_LIBRARY, (1, 1))
    assert built_libraries(tmp_path) == ({}, (this_platform(),))


def test_the_library_and_the_stock_models_are_needed(build: Path, ops: Path, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="Run `make ops`"):
        command.main(["--build", str(build)])
    with pytest.raises(ContractError, match="Run `python -m quantize --targets cpu`"):
        command.main(["--build", str(tmp_path), "--library", str(ops)])
