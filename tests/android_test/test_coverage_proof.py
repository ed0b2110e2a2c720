"""What a coverage proof holds for: the levels that can be tried here, and everything that the verdicts depend on."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from android_test.coverage import coverage_levels as coverage
from android_test.coverage import coverage_report
from android_test.coverage.coverage_levels import CoverageSettings, find_variants
from android_test.coverage.coverage_report import inputs_of, rows
from android_test.coverage.htp.htp_host import Compilation
from calibrate.speech import SPEECH
from export_onnx import provenance
from export_onnx.errors import CoverageError
from export_onnx.provenance import ROOT, package_version
from selector.package.coverage_schema import CoverageReport
from selector.package.providers import NPU
from tests.android_test.test_coverage_levels import FIVE, legal_chain, run
from tests.test_layout import STEPS


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    return legal_chain(tmp_path)


def test_nnapi_is_never_compiled_here(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(coverage, "compile_for", lambda path, job: (pytest.fail(str(path)), {}))
    with pytest.raises(CoverageError, match=r"level compiled: expected a target .* qnn, got nnapi"):
        run(folders, "nnapi", extra=("--require", "compiled"))
    good = Compilation("m", "SM8550", "compiled", nodes=3, nodes_on_npu=3, subgraphs=1)
    monkeypatch.setattr(coverage, "compile_for", lambda path, job: (good, {}))
    status, report = run(folders, "nnapi", "qnn", extra=("--require", "compiled"))
    assert status == 0
    assert {one["target"]: one["proven"] for one in report["variants"]} == {
        "nnapi": ["rules"],
        "qnn": ["rules", "compiled"],
    }
    said = "every variant is covered at the level rules (NNAPI), compiled (Qualcomm HTP)"
    said += "; compiled was not looked at for nnapi: only on a phone"
    assert said in " ".join(capsys.readouterr().out.split())
    table = dict.fromkeys(row[-1] for row in rows(CoverageReport.model_validate_json(json.dumps(report))))
    assert list(table) == ["rules (NNAPI), compiled: only on a phone", "rules (Qualcomm HTP), compiled (Qualcomm HTP)"]


def test_a_proof_holds_for_its_versions_its_options_and_the_code_that_decides(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants, settings = find_variants(folders / "qnn", [FIVE]), CoverageSettings(floats=folders / "floats")
    before = inputs_of(variants, settings)
    for package in ("onnxruntime", "onnxruntime-qnn"):
        with monkeypatch.context() as patch:
            patch.setattr(
                coverage_report,
                "package_version",
                lambda name, other=package: "0" if name == other else package_version(name),
            )
            assert inputs_of(variants, settings) != before, package
    with monkeypatch.context() as patch:
        patch.setitem(NPU, "nnapi", replace(NPU["nnapi"], options={}))
        assert inputs_of(variants, settings) == before, "of another target"
        patch.setitem(NPU, "qnn", replace(NPU["qnn"], session={}))
        assert inputs_of(variants, settings) != before
    assert inputs_of(variants, replace(settings, one_context=not settings.one_context)) != before
    assert inputs_of(variants, replace(settings, limits=replace(settings.limits, seconds=1.5))) != before
    calibrated = tmp_path / "calibrate"
    (calibrated / SPEECH).mkdir(parents=True)
    beside = [folders / "qnn" / "weights.bin", folders / "floats" / "config.json", calibrated / SPEECH / "a.npz"]
    with_speech = replace(settings, calibrated=calibrated)
    for one in beside:
        whole, seen = one.read_bytes() if one.exists() else None, inputs_of(variants, with_speech)
        one.write_bytes(b"other bytes than before")
        assert inputs_of(variants, with_speech) != seen, one
        one.unlink() if whole is None else one.write_bytes(whole)
        assert inputs_of(variants, with_speech) == seen, one
    for step in STEPS:
        shutil.copytree(
            ROOT / step, tmp_path / "copy" / step, ignore=shutil.ignore_patterns("__pycache__", "demo_voice")
        )
    monkeypatch.setattr(provenance, "ROOT", tmp_path / "copy")
    copied = inputs_of(variants, settings)
    planted = {
        "android_test/bench/measure.py": True,
        "android_test/device/adb.py": True,
        "android_test/__main__.py": True,
        "android_test/coverage/nnapi/nnapi_rules.py": False,
        "android_test/coverage/htp/htp_child.py": False,
        "export_onnx/run/sessions.py": False,
        "quantize/recipes.py": False,
        "selector/package/providers.py": False,
    }
    for file, keeps in planted.items():
        path = tmp_path / "copy" / file
        text = path.read_text(encoding="utf-8")
        path.write_text(f"{text}# edited\n", encoding="utf-8")
        assert (inputs_of(variants, settings) == copied) == keeps, file
        path.write_text(text, encoding="utf-8")
