"""`python -m quantize.ops` on a small vocoder, and the gate of the fused models' sound."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibrate.speech import write_sample
from export_onnx.errors import ContractError, ParityError
from export_onnx.graph.cut import cut
from export_onnx.graph.shared_weights import ModelFolder, load
from export_onnx.provenance import Report, read_report
from quantize.listen.quality import Quality
from quantize.ops import __main__ as command
from quantize.ops.fused_proof import MEL_LOSS, PESQ_LOSS, FusedSound, check_fused, without_padding
from quantize.sound.choose_blocklist import convolutions
from quantize.sound.vocoder_plan import apply, make_plan
from tests.quantize.conftest import Bench

GOOD = Quality(4.5, 0.99, 1.1, 24.0)


def test_the_gate_refuses_a_loss() -> None:
    check_fused(FusedSound((GOOD,), (replace(GOOD, pesq=4.5 - 0.9 * PESQ_LOSS),), (25.0,)))
    for worse in (
        replace(GOOD, pesq=4.5 - 1.1 * PESQ_LOSS),
        replace(GOOD, mel_db=1.1 + 1.1 * MEL_LOSS),
        replace(GOOD, finite=False),
        replace(GOOD, pesq=float("nan")),
    ):
        with pytest.raises(ParityError, match="fused models"):
            check_fused(FusedSound((GOOD,), (worse,), (25.0,)))


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
    Report(folder, "made", {"weights": {"name": "random-small"}, "stages": ["vocoder"], "buckets": [name]}).write()
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
    assert report["sound"]["apart_db"] > 15
    assert set(report["files"]) >= {f"decoder_{bench.bucket.name}.onnx", f"generator_{bench.bucket.name}.onnx"}
    assert set(report["seconds_by_threads"]) == {"1", "2"}


def test_the_library_and_the_stock_models_are_needed(build: Path, ops: Path, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="Run `make ops`"):
        command.main(["--build", str(build)])
    with pytest.raises(ContractError, match="Run `python -m quantize --targets cpu`"):
        command.main(["--build", str(tmp_path), "--library", str(ops)])
