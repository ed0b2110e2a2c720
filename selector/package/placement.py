"""Where each stage of a package runs, and why it is the CPU where it is the CPU."""

from __future__ import annotations

from typing import Final

from export_onnx.contracts import Processor, Stage
from quantize.recipes import recipe
from selector.package.coverage_schema import ProvenCoverage, level_name

NOT_PROVEN: Final = "not proven"  # what the reason begins with where coverage is it


def processor(stage: Stage, target: str, coverage: ProvenCoverage | None) -> Processor:
    """Where a stage runs: on the NPU only where `reason_for_cpu` finds nothing against it."""
    return "cpu" if reason_for_cpu(stage, target, coverage) else "npu"


def reason_for_cpu(stage: Stage, target: str, coverage: ProvenCoverage | None) -> str:
    """Why a stage runs on the CPU; empty where it runs on the NPU, which every bucket's proof must allow."""
    if target == "cpu":
        return "the target runs every stage on the CPU"
    if stage.runs_on == "cpu":
        return "its contract has it on the CPU"
    if stage.name in recipe(target).compact:
        return "the target's recipe has it on the CPU"
    if coverage is None:
        return f"{NOT_PROVEN}: no coverage was measured for these files and provider options"
    of_others = [bucket for levels in coverage.proven.values() for bucket in levels]
    buckets = dict.fromkeys((*coverage.share_of_multiply_adds_on_npu, *of_others))
    if not buckets:
        return f"{NOT_PROVEN}: the coverage report names no bucket"
    levels = coverage.proven.get(stage.name, {})
    unproven = [bucket for bucket in buckets if coverage.required not in levels.get(bucket, ())]
    return f"{NOT_PROVEN}: {level_name(coverage.required, target)} in {', '.join(unproven)}" if unproven else ""
