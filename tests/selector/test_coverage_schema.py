"""Coverage and quality cross between steps as schemas, which refuse what says too much, too little or is unknown."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from export_onnx.buckets import BUCKETS
from export_onnx.errors import PackageError
from selector.package.coverage_schema import (
    LEVELS,
    ProvenCoverage,
    asked_of,
    coverage_signature,
    levels_in_words,
    proven_levels,
    read_coverage,
    read_coverage_report,
)
from selector.package.manifest import Manifest
from selector.package.quality_schema import TargetQuality, read_quality
from selector.package.verdict_schema import ChipCompilation, SimulatedRun
from tests.selector.coverage_fakes import COMPILATION, REFUSAL, SIMULATED, fake_coverage
from tests.selector.selector_fakes import QUALITY, make_build

STAGES = ("bert", "decoder", "generator")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_build(tmp_path_factory.mktemp("coverage") / "build", ("nnapi",))
    fake_coverage(folder, {stage: {bucket.name: ["rules"] for bucket in BUCKETS} for stage in STAGES})
    return folder


def without(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda report: report.pop(key)


def drop_a_share(report: dict[str, Any]) -> None:
    del report["share_of_multiply_adds_on_npu"]["nnapi"]["5s"]


DEFECTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "an unknown key": lambda report: report.update(verified=True),
    "no stages": without("stages"),
    "no signature": without("signature"),
    "a level that nothing proves": lambda report: report["variants"][0].update(proven=list(LEVELS)),
    "a proof that is not told": lambda report: report["variants"][0].update(proven=[]),
    "passed by nobody's proof": lambda report: report.update(passed=False),
    "an NNAPI file that was compiled": lambda report: report["variants"][0].update(
        proven=["rules", "compiled"], compiled=[COMPILATION]
    ),
    "a run that does not say its options": without("providers"),
    "a variant twice": lambda report: report["variants"].append(report["variants"][0]),
    "a stage that nobody asked for": lambda report: report.update(stages=["bert"]),
    "a bucket without its share": drop_a_share,
    "covered, with a node that is refused": lambda report: report["variants"][0]["rules"].update(refusals=[REFUSAL]),
    "covered, in two parts": lambda report: report["variants"][0]["rules"].update(partitions=[1, 2]),
    "covered, with nothing in it": lambda report: report["variants"][0]["rules"].update(
        taken=0, nodes=0, partitions=[0]
    ),
    "another variant's file": lambda report: report["variants"][0].update(file="bert_7s.onnx"),
    "no weights": without("weights"),
    "a refusal without its rule": lambda report: report["variants"][0]["rules"].update(refusals=[{"node": "Conv_1"}]),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_report_that_breaks_the_schema_is_refused(build: Path, tmp_path: Path, name: str) -> None:
    report = json.loads((build / "android_test" / "coverage" / "report.json").read_text(encoding="utf-8"))
    DEFECTS[name](report)
    file = tmp_path / "android_test" / "coverage" / "report.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(report), encoding="utf-8")
    with pytest.raises(PackageError, match=r"report\.json.*expected.*got.*python -m android_test coverage"):
        read_coverage_report(tmp_path)


def test_no_report_is_none_and_half_a_file_is_refused(tmp_path: Path) -> None:
    assert read_coverage_report(tmp_path) is None
    file = tmp_path / "android_test" / "coverage" / "report.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"stages": [', encoding="utf-8")
    with pytest.raises(PackageError, match="coverage report"):
        read_coverage_report(tmp_path)


def test_a_level_counts_with_all_below_it() -> None:
    assert proven_levels(True, [True, True], True) == LEVELS
    assert proven_levels(True, [True, False], True) == ("rules",)
    assert proven_levels(True, [], True) == ("rules",), "nothing compiled is not compiled"
    assert proven_levels(False, [True], True) == ()


def test_a_level_says_whose_it_is() -> None:
    assert levels_in_words(LEVELS, "qnn") == (
        "rules (Qualcomm HTP)",
        "compiled (Qualcomm HTP)",
        "simulated (Qualcomm HTP)",
    )
    assert levels_in_words(("rules",), "nnapi") == ("rules (NNAPI)", "compiled: only on a phone")
    assert levels_in_words((), "nnapi") == levels_in_words((), "qnn") == ("nothing proven",)
    assert levels_in_words(None, "qnn") == ("not looked at",)
    assert [asked_of(target, "simulated") for target in ("nnapi", "qnn")] == ["rules", "simulated"]


def test_a_target_gets_its_own_part(build: Path) -> None:
    coverage = read_coverage(build, "nnapi", build / "quantize" / "nnapi", ["5s"])
    assert coverage is not None
    assert coverage.proven["decoder"]["5s"] == ("rules",)
    assert read_coverage(build, "qnn", build / "quantize" / "nnapi") is None
    again = ProvenCoverage.model_validate_json(coverage.model_dump_json())
    assert coverage_signature(again) == coverage_signature(coverage) != coverage_signature(None)


def test_what_was_proven_with_other_weights_is_not_counted(build: Path, tmp_path: Path) -> None:
    """The graphs keep their bytes: their weights lie beside them."""
    models = tmp_path / "models"
    shutil.copytree(build / "quantize" / "nnapi", models)
    assert read_coverage(build, "nnapi", models) is not None
    weights = models / "weights.bin"
    whole = weights.read_bytes()
    weights.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    assert read_coverage(build, "nnapi", models) is None
    weights.unlink()
    assert read_coverage(build, "nnapi", models) is None


@pytest.mark.parametrize(
    "change", [{"outcome": "crashed"}, {"nodes_on_npu": 2}, {"subgraphs": 2}, {"nodes": 0, "nodes_on_npu": 0}], ids=str
)
def test_a_compilation_that_is_not_whole_is_not_covered(change: dict[str, Any]) -> None:
    assert ChipCompilation.model_validate(COMPILATION | change | {"covered": False}).covered is False
    with pytest.raises(ValidationError, match="`covered` is True, which does not follow"):
        ChipCompilation.model_validate(COMPILATION | change)


@pytest.mark.parametrize(
    "change",
    [
        {"decibels": {"spectrum": 39.9}},
        {"decibels": {"spectrum": float("nan")}},
        {"decibels": {}},
        {"blocks": {"b": 3.0}},
    ],
    ids=str,
)
def test_a_run_below_its_floor_does_not_agree(change: dict[str, Any]) -> None:
    assert SimulatedRun.model_validate(SIMULATED).agrees
    with pytest.raises(ValidationError, match="`agrees` is True, which does not follow"):
        SimulatedRun.model_validate(SIMULATED | change)


@pytest.mark.parametrize(
    "change",
    [
        {"snr_db": 31.5},
        {"groups": {}},
        {"meets_goal": False},
        {"durations": {"tokens": 3}},
        {"missed": "none"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_quality_that_breaks_the_schema_is_refused(change: dict[str, Any]) -> None:
    assert read_quality({"quality": QUALITY}, "build").model_dump(mode="json") == QUALITY
    with pytest.raises(PackageError, match=r"build, quality.*python -m quantize"):
        read_quality({"quality": {**QUALITY, **change}}, "build")
    with pytest.raises(PackageError, match="quality"):
        read_quality({}, "build")


def test_the_json_schema_says_that_unknown_keys_are_refused() -> None:
    schema = Manifest.model_json_schema()
    for name in (ProvenCoverage.__name__, TargetQuality.__name__):
        assert name in schema["$defs"]
    assert all(one["additionalProperties"] is False for one in schema["$defs"].values() if one["type"] == "object")
    assert {"coverage", "quality", "golden", "devices"} <= set(schema["required"])
