"""What the coverage step proved for a target, as it stands in its report, and where each stage therefore runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from export_onnx.contracts import NPU_STAGES, Stage
from export_onnx.errors import PackageError
from export_onnx.provenance import read_report, sha256
from quantize.recipes import recipe

REPORT_FOLDER = Path("android_test", "coverage")


def read_coverage(build: Path, target: str, models: Path, buckets: Sequence[str] = ()) -> dict[str, Any] | None:
    """Levels proven, by stage and bucket; None where nothing was measured for these very files.

    Args:
        build: holds `android_test/coverage/report.json`.
        models: the folder of the target's models; a report of other bytes speaks of others.
        buckets: names that a report must speak of, if it speaks at all.

    Raises:
        PackageError: the step looked at some of the NPU stages or buckets only.
    """
    folder = build / REPORT_FOLDER
    report = read_report(folder)
    variants = [v for v in (report or {}).get("variants", []) if v.get("target") == target]
    if report is None or not variants:
        return None
    looked_at = dict.fromkeys(v["bucket"] for v in variants)
    for kind, wanted, there in (
        ("stages", NPU_STAGES, report.get("stages", NPU_STAGES)),
        ("buckets", buckets, looked_at),
    ):
        if missing := [name for name in wanted if name not in there]:
            raise PackageError(
                str(folder),
                expected=f"{kind} {', '.join(missing)}",
                got=f"a run restricted to {', '.join(there)}",
                todo=f"Run `python -m android_test coverage` with more --{kind}.",
            )
    if any(not (models / v["file"]).is_file() or sha256(models / v["file"]) != v.get("sha256") for v in variants):
        return None
    proven: dict[str, dict[str, list[str]]] = {}
    for variant in variants:
        proven.setdefault(variant["stage"], {})[variant["bucket"]] = variant["proven"]
    kept = ("required", "feature_level", "socs", "conditions", "versions")
    share = report.get("share_of_multiply_adds_on_npu", {}).get(target, {})
    return {
        "proven": proven,
        "share_of_multiply_adds_on_npu": share,
        **{key: report[key] for key in kept if key in report},
    }


def processor(stage: Stage, target: str, coverage: dict[str, Any] | None) -> Literal["npu", "cpu"]:
    """Where a stage runs: as its contract says, but on the CPU where the target's recipe has it there, or where its
    coverage was tried and not proven.
    """
    if target == "cpu" or stage.runs_on == "cpu" or stage.name in recipe(target).compact:
        return "cpu"
    if coverage is None or stage.name not in coverage["proven"]:
        return stage.runs_on
    buckets = coverage["proven"][stage.name].values()
    return "npu" if all(coverage.get("required", "rules") in levels for levels in buckets) else "cpu"
