"""Reads the page's facts from the steps' reports: nothing is measured here, and a missing fact stays missing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from export_onnx.buckets import Bucket
from export_onnx.contracts import QUANTIZED, STAGES
from export_onnx.errors import PackageError
from export_onnx.provenance import completed, read_report
from quantize.recipes import recipe
from selector.package.arm64_schema import EmulatedStage, read_arm64
from selector.package.build_inputs import exported_buckets
from selector.package.coverage_schema import ProvenCoverage, read_coverage, read_coverage_report
from selector.package.fused_inputs import read_fused_quality
from selector.package.placement import reason_for_cpu
from selector.package.quality_schema import GroupQuality, read_quality

BLOCKLIST: Final = "blocklist.json"
RANGES: Final = "ranges.json"
BENCH: Final = Path("android_test", "bench")
STAGE_NAMES: Final = tuple(stage.name for stage in STAGES)


@dataclass(frozen=True)
class TargetFacts:
    """One target's folder in `build/quantize/`.

    Attributes:
        buckets: the target's own.
        report: what quantization measured.
        blocklist: its source, and `convolutions`: name -> decision, reason, and `mel_db` where it was heard alone.
        ranges: value -> range and share used, before and after equalization.
        coverage: as `read_coverage` gives it; None where nothing was measured for these files.
        arm64: its CPU stages on emulated ARM64 processors; empty where nothing was measured for these files.
        runs_on: stage -> "npu" or "cpu", as the package says.
        why_cpu: stage -> why it runs on the CPU; the stages that do.
        work: bucket -> stage -> multiply-adds; empty where nothing was measured for these files.
        sizes: file -> bytes.
        fused: how the models with fused operators sound; None where there are none.
    """

    name: str
    buckets: tuple[Bucket, ...]
    report: Mapping[str, Any]
    blocklist: Mapping[str, Any]
    ranges: Mapping[str, Mapping[str, Any]]
    coverage: ProvenCoverage | None
    arm64: tuple[EmulatedStage, ...]
    runs_on: Mapping[str, str]
    why_cpu: Mapping[str, str]
    work: Mapping[str, Mapping[str, int]]
    sizes: Mapping[str, int]
    fused: GroupQuality | None = None


@dataclass(frozen=True)
class BuildFacts:
    """The reports of one build.

    Attributes:
        exported, calibrated: reports of the first two steps.
        buckets: the exported fixed ones, smallest first.
        targets: those that were made, in the requested order; `missing` are the others.
        bench: the report of `android_test/bench`, if there is one.
    """

    exported: Mapping[str, Any]
    calibrated: Mapping[str, Any]
    buckets: tuple[Bucket, ...]
    targets: tuple[TargetFacts, ...]
    missing: tuple[str, ...]
    bench: Mapping[str, Any] | None

    @property
    def steps(self) -> dict[str, Mapping[str, Any]]:
        """Every step's report, by its folder in the build."""
        quantized = {f"quantize/{target.name}": target.report for target in self.targets}
        return {"export_onnx": self.exported, "calibrate": self.calibrated, **quantized}

    @property
    def comparison(self) -> Mapping[str, Mapping[str, Any]]:
        """The ordinary ways to 8 bits by name, if a target with 8-bit activations was compared with them; else none."""
        narrow = [target.report for target in self.targets if recipe(target.name).activation_bits == 8]
        return next((report["comparison"] for report in narrow if "comparison" in report), {})


def read_build_facts(build: Path, targets: Sequence[str]) -> BuildFacts:
    """Reads the reports of a build.

    Raises:
        ContractError: the export or the calibration has not completed, or a step was restricted to some stages.
        PackageError: coverage was restricted, or a target lacks a file or a figure that quantization writes.
    """
    exported = completed(build / "export_onnx", "export_onnx", STAGE_NAMES)
    buckets = exported_buckets(exported, str(build / "export_onnx"))
    calibrated = completed(build / "calibrate", "calibrate", QUANTIZED)
    here = [name for name in targets if read_report(build / "quantize" / name) is not None]
    return BuildFacts(
        exported,
        calibrated,
        buckets,
        tuple(_target(build, name, recipe(name).buckets(buckets)) for name in here),
        tuple(name for name in targets if name not in here),
        read_report(build / BENCH),
    )


def _target(build: Path, name: str, buckets: tuple[Bucket, ...]) -> TargetFacts:
    folder = build / "quantize" / name
    report = completed(folder, "quantize", QUANTIZED, [bucket.name for bucket in buckets])
    read_quality(report, str(folder))  # refuses figures that the page would misread
    coverage = read_coverage(build, name, folder)
    covered = read_coverage_report(build) if coverage else None
    work = next((work for target, work in covered.multiply_adds.items() if target == name), {}) if covered else {}
    reasons = {stage.name: reason_for_cpu(stage, name, coverage) for stage in STAGES}
    reasons_for_cpu = {stage: reason for stage, reason in reasons.items() if reason}
    return TargetFacts(
        name,
        buckets,
        report,
        _json(folder / BLOCKLIST),
        _json(folder / RANGES),
        coverage,
        read_arm64(build, name, folder, list(reasons_for_cpu)),
        {stage: "cpu" if reason else "npu" for stage, reason in reasons.items()},
        reasons_for_cpu,
        work,
        {file: (folder / file).stat().st_size for file in report["files"] if file.endswith((".onnx", ".bin"))},
        read_fused_quality(build, name),
    )


def _json(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PackageError(
            str(file), expected="a JSON file", got=str(error)[:120], todo="Run `python -m quantize` again."
        ) from error
    return content
