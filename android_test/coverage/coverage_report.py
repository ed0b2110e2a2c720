"""What coverage writes: a table for people, `report.json` for programs."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from android_test.coverage.check import LEVELS, CoverageSettings, Level, Result, Variant, share_on_npu, work_of_stages
from export_onnx.provenance import code_digest, read_report, sha256, signature

COLUMNS: Final = ("target", "stage", "bucket", "nodes", "on NPU", "partitions", "share", "proven")
PACKAGES: Final = ("onnx", "onnxruntime", "onnxruntime-qnn")


def report_of(results: Sequence[Result], settings: CoverageSettings) -> dict[str, Any]:
    """Everything, as JSON values. `passed` holds where every variant proves the level asked for."""
    shares: dict[str, dict[str, float]] = {}
    work: dict[str, dict[str, dict[str, int]]] = {}
    for target, bucket in dict.fromkeys((result.variant.target, result.variant.bucket) for result in results):
        shares.setdefault(target, {})[bucket.name] = round(share_on_npu(results, settings, target, bucket), 4)
        same = [r for r in results if (r.variant.target, r.variant.bucket) == (target, bucket)]
        work.setdefault(target, {})[bucket.name] = work_of_stages(same, settings, bucket)
    return {
        "stages": list(settings.stages),
        "required": settings.require,
        "passed": bool(results) and all(settings.require in result.proven for result in results),
        "levels": list(LEVELS),
        "feature_level": settings.nnapi.feature_level,
        "socs": list(settings.socs) if settings.require != "rules" else [],
        "conditions": sorted({line for result in results for line in result.rules.conditions}),
        "share_of_multiply_adds_on_npu": shares,
        "multiply_adds": work,
        "variants": [result.as_dict() for result in results],
        "versions": {name: _version(name) for name in PACKAGES} | {"python": platform.python_version()},
    }


def inputs_of(variants: Sequence[Variant], settings: CoverageSettings) -> str:
    """One digest of all that a report depends on, but the level asked for."""
    files = {f"{v.target}/{v.path.name}": sha256(v.path) for v in variants}
    floats = {path.name: sha256(path) for path in sorted(settings.floats.glob("*.onnx"))}
    asked = {"stages": settings.stages, "buckets": settings.buckets, "socs": settings.socs, "nnapi": settings.nnapi}
    return signature(code=code_digest("android_test"), files=files, floats=floats, **asked)


def still_holds(folder: Path, inputs: str, level: Level) -> Level | None:
    """The level that the report in `folder` proves for every variant, if that is `level` or more of the same inputs."""
    report = read_report(folder)
    if report is None or report.get("signature") != inputs or not report["passed"]:
        return None
    proven: Level = report["required"]
    return proven if LEVELS.index(proven) >= LEVELS.index(level) else None


def write_report(report: dict[str, Any], folder: Path) -> Path:
    """`report.json` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.json"
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def rows(report: dict[str, Any]) -> list[tuple[str, ...]]:
    """One row a variant, in the order of `COLUMNS`."""
    table: list[tuple[str, ...]] = []
    for one in report["variants"]:
        rules = one["rules"]
        share = report["share_of_multiply_adds_on_npu"][one["target"]][one["bucket"]]
        table.append(
            (
                one["target"],
                one["stage"],
                one["bucket"],
                str(rules["nodes"]),
                str(rules["taken"]),
                str(len(rules["partitions"])),
                f"{100 * share:.1f} %",
                ", ".join(one["proven"]) or "nothing",
            )
        )
    return table


def show_coverage(report: dict[str, Any], console: Console | None = None) -> None:
    """The table, then everything that stands against a full cover."""
    console = console or Console(soft_wrap=True, highlight=False)
    table = Table(*COLUMNS, title="NPU coverage")
    for row in rows(report):
        table.add_row(*row)
    console.print(table)
    for one in report["variants"]:
        for line in complaints(one):
            console.print(f"{one['target']} {one['stage']} {one['bucket']}: {line}", markup=False)
    for condition in report["conditions"]:
        console.print(f"Holds where {condition}.", markup=False)


def complaints(variant: dict[str, Any]) -> list[str]:
    """What keeps a variant from its next level, one line each."""
    found = []
    kinds: dict[tuple[str, str], list[dict[str, str]]] = {}
    for one in variant["rules"]["refusals"]:
        kinds.setdefault((one["rule"], one["op"]), []).append(one)
    for (rule, op), ones in kinds.items():
        first, more = ones[0], f", and {len(ones) - 1} more like it" if len(ones) > 1 else ""
        basis = "" if first["basis"] == "provider" else f" [{first['basis']}]"
        found.append(f"{first['node']} ({op}): {rule}, got {first['value']}{basis}{more}. {first['hint']}")
    if variant["rules"]["dropped"]:
        found.append(f"handed back to the CPU, alone in a partition: {', '.join(variant['rules']['dropped'])}")
    for one in variant["compiled"]:
        if not one["covered"]:
            nodes = f"{one['nodes_on_npu']} of {one['nodes']} nodes in {one['subgraphs']} subgraphs"
            found.append(f"{one['soc']}: {one['outcome']}, {one['reason'] or nodes}")
    simulated = variant["simulated"]
    if simulated and not simulated["agrees"]:
        reason = simulated["compilation"]["reason"] or simulated["decibels"]
        low = {name: decibels for name, decibels in simulated["blocks"].items() if decibels < simulated["floor"]}
        where = f"; alone, {low}" if low else ""
        found.append(f"simulation: {reason}, floor {simulated['floor']:g} dB{where}")
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
