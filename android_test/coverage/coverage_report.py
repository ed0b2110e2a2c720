"""Writes coverage's results: a table for people, and `report.json` for programs (`coverage_schema.py`)."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final, get_args

from rich.console import Console
from rich.table import Table

from android_test.coverage.coverage_levels import CoverageSettings, Result, Variant, share_on_npu, work_of_stages
from android_test.coverage.htp.htp_host import Compilation
from android_test.coverage.htp.simulate import Agreement
from android_test.coverage.rule_verdict import Verdict
from calibrate.speech import SPEECH
from calibrate.store import RANGES
from export_onnx.buckets import Bucket
from export_onnx.errors import PackageError
from export_onnx.graph.shared_weights import WEIGHTS_FILE
from export_onnx.provenance import REPORT, code_digest, package_version, sha256, signature
from selector.package.coverage_schema import (
    LEVELS,
    CoverageReport,
    CoveredVariant,
    Level,
    asked_of,
    level_name,
    levels_in_words,
    read_coverage_report,
)
from selector.package.providers import NPU, NpuTarget
from selector.package.verdict_schema import ChipCompilation, RefusedNode, RuleFindings, SimulatedRun

COLUMNS: Final = ("target", "stage", "bucket", "nodes", "on NPU", "partitions", "share", "proven")
# Every verdict comes from these and from what they import; `compile_table.py` beside them measures cost.
DECIDING: Final = tuple(
    f"android_test/coverage/{file}" for file in ("coverage_levels.py", "coverage_report.py", "htp/htp_child.py")
)
PACKAGES: Final = ("onnx", "onnxruntime", "onnxruntime-qnn")


def report_of(results: Sequence[Result], settings: CoverageSettings, inputs: str) -> CoverageReport:
    """The report of one run.

    Args:
        inputs: the digest that `inputs_of` gives.
    """
    shares: dict[NpuTarget, dict[str, float]] = {}
    work: dict[NpuTarget, dict[str, dict[str, int]]] = {}
    for target in get_args(NpuTarget):
        for bucket in dict.fromkeys(result.variant.bucket for result in results if result.variant.target == target):
            shares.setdefault(target, {})[bucket.name] = round(share_on_npu(results, settings, target, bucket), 4)
            work.setdefault(target, {})[bucket.name] = work_of_stages(_same(results, target, bucket), settings, bucket)
    return CoverageReport(
        stages=settings.stages,
        required=settings.require,
        passed=bool(results) and all(asked_of(r.variant.target, settings.require) in r.proven for r in results),
        levels=LEVELS,
        feature_level=settings.nnapi.feature_level,
        socs=settings.socs if settings.require != "rules" else (),
        conditions=tuple(sorted({line for result in results for line in result.rules.conditions})),
        providers={target: asdict(NPU[target]) for target in shares},
        share_of_multiply_adds_on_npu=shares,
        multiply_adds=work,
        variants=tuple(covered_variant(result) for result in results),
        versions=proof_versions(),
        signature=inputs,
        weights={target: sha256(file) for target in shares if (file := _weights_of(results, target)).is_file()},
    )


def _weights_of(results: Sequence[Result], target: NpuTarget) -> Path:
    """The target's weights, which all of its graphs share."""
    return next(r.variant.path.parent for r in results if r.variant.target == target) / WEIGHTS_FILE


def _same(results: Sequence[Result], target: str, bucket: Bucket) -> list[Result]:
    return [one for one in results if (one.variant.target, one.variant.bucket) == (target, bucket)]


def covered_variant(result: Result) -> CoveredVariant:
    """One variant as the report contains it."""
    return CoveredVariant.model_validate(
        {
            "target": result.variant.target,
            "stage": result.variant.stage,
            "bucket": result.variant.bucket.name,
            "file": result.variant.path.name,
            "sha256": sha256(result.variant.path),
            "multiply_adds": result.multiply_adds,
            "proven": result.proven,
            "rules": _rule_findings(result.rules),
            "lost_by_basic_optimizations": tuple(str(refusal) for refusal in result.optimized),
            "compiled": tuple(_chip_compilation(one) for one in result.compiled),
            "simulated": _simulated_run(result.simulated) if result.simulated else None,
        }
    )


def _rule_findings(verdict: Verdict) -> RuleFindings:
    refusals = tuple(RefusedNode(**asdict(refusal)) for refusal in verdict.refusals)
    return RuleFindings(covered=verdict.covered, taken=verdict.taken, **{**asdict(verdict), "refusals": refusals})


def _chip_compilation(compilation: Compilation) -> ChipCompilation:
    return ChipCompilation(covered=compilation.covered, **asdict(compilation))


def _simulated_run(agreement: Agreement) -> SimulatedRun:
    return SimulatedRun(
        agrees=agreement.agrees,
        compilation=_chip_compilation(agreement.compilation),
        decibels=dict(agreement.decibels),
        floor=agreement.floor,
        blocks=dict(agreement.blocks),
        sha256=agreement.sha256,
    )


def inputs_of(variants: Sequence[Variant], settings: CoverageSettings) -> str:
    """One digest of everything that a report depends on, except for the level asked for.

    Of the code it holds what decides, with all that it imports; not the bench, nor what runs on devices.
    """
    files = {f"{v.target}/{v.path.name}": sha256(v.path) for v in variants}
    folders = sorted({v.path.parent for v in variants} | ({settings.calibrated} if settings.calibrated else set()))
    # What the graphs alone do not hold: weights, the config of the float stages, ranges, and speech to compute on.
    beside = [folder / name for folder in (*folders, settings.floats) for name in (WEIGHTS_FILE, "config.json", RANGES)]
    beside += sorted((settings.calibrated / SPEECH).glob("*.npz")) if settings.calibrated else []
    others = [sha256(file) for file in beside if file.is_file()]
    floats = {path.name: sha256(path) for path in sorted(settings.floats.glob("*.onnx"))}
    asked = {"stages": settings.stages, "buckets": settings.buckets, "socs": settings.socs, "nnapi": settings.nnapi}
    asked |= {"limits": settings.limits, "one_context": settings.one_context}
    proven_under = {
        target: asdict(NPU[target]) for target in dict.fromkeys(v.target for v in variants) if target in NPU
    }
    return signature(
        code=code_digest(*DECIDING),
        versions=proof_versions(),
        providers=proven_under,
        files=files,
        others=others,
        floats=floats,
        **asked,
    )


def proof_versions() -> dict[str, str]:
    """The versions that verdicts hold for: of the runtime whose rules are replayed, of the compiler, and of Python."""
    return {name: package_version(name) for name in PACKAGES} | {"python": platform.python_version()}


def still_holds(build: Path, inputs: str, level: Level) -> CoverageReport | None:
    """The build's report, if it proves `level` or more of the same inputs for every variant."""
    try:
        report = read_coverage_report(build)
    except PackageError:  # this run replaces it
        return None
    if report is None or report.signature != inputs or not report.passed:
        return None
    return report if LEVELS.index(report.required) >= LEVELS.index(level) else None


def verdict_in_words(report: CoverageReport) -> str:
    """The run's result per target, with whose level it is; nothing is said of a level that only a phone can try."""
    targets = dict.fromkeys(variant.target for variant in report.variants)
    asked = ", ".join(level_name(asked_of(target, report.required), target) for target in targets)
    beyond = [target for target in targets if asked_of(target, report.required) != report.required]
    phone = f"; {report.required} was not looked at for {', '.join(beyond)}: only on a phone" if beyond else ""
    return f"{'every variant is covered' if report.passed else 'NOT covered'} at the level {asked}{phone}"


def write_report(report: CoverageReport, folder: Path) -> Path:
    """`report.json` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / REPORT
    path.write_text(json.dumps(report.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def rows(report: CoverageReport) -> list[tuple[str, ...]]:
    """One row per variant, in the order of `COLUMNS`."""
    table: list[tuple[str, ...]] = []
    for one in report.variants:
        share = report.share_of_multiply_adds_on_npu[one.target][one.bucket]
        table.append(
            (
                one.target,
                one.stage,
                one.bucket,
                str(one.rules.nodes),
                str(one.rules.taken),
                str(len(one.rules.partitions)),
                f"{100 * share:.1f} %",
                ", ".join(levels_in_words(one.proven, one.target)),
            )
        )
    return table


def show_coverage(report: CoverageReport, console: Console | None = None) -> None:
    """Prints the table, then every obstacle to full coverage."""
    console = console or Console(soft_wrap=True, highlight=False)
    table = Table(*COLUMNS, title="NPU coverage", pad_edge=False)
    table.columns[-1].min_width = len("(Qualcomm")  # no word of a level is cut in a narrow terminal
    for row in rows(report):
        table.add_row(*row)
    console.print(table)
    for one in report.variants:
        for line in complaints(one):
            console.print(f"{one.target} {one.stage} {one.bucket}: {line}", markup=False)
    for condition in report.conditions:
        console.print(f"Holds where {condition}.", markup=False)


def complaints(variant: CoveredVariant) -> list[str]:
    """The obstacles to a variant's next level, one line each."""
    found = []
    kinds: dict[tuple[str, str], list[RefusedNode]] = {}
    for refusal in variant.rules.refusals:
        kinds.setdefault((refusal.rule, refusal.op), []).append(refusal)
    for (rule, op), ones in kinds.items():
        first, more = ones[0], f", and {len(ones) - 1} more like it" if len(ones) > 1 else ""
        basis = "" if first.basis == "provider" else f" [{first.basis}]"
        found.append(f"{first.node} ({op}): {rule}, got {first.value}{basis}{more}. {first.hint}")
    if variant.rules.dropped:
        found.append(f"handed back to the CPU, alone in a partition: {', '.join(variant.rules.dropped)}")
    for one in variant.compiled:
        if not one.covered:
            nodes = f"{one.nodes_on_npu} of {one.nodes} nodes in {one.subgraphs} subgraphs"
            found.append(f"{one.soc}: {one.outcome}, {one.reason or nodes}")
    simulated = variant.simulated
    if simulated and not simulated.agrees:
        reason = simulated.compilation.reason or simulated.decibels
        low = {name: decibels for name, decibels in simulated.blocks.items() if decibels < simulated.floor}
        where = f"; alone, {low}" if low else ""
        found.append(f"simulation: {reason}, floor {simulated.floor:g} dB{where}")
    return found
