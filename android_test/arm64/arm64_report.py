"""Writes and shows what the emulated processors gave."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from export_onnx.proof.decibels import CEILING
from export_onnx.provenance import REPORT
from selector.package.arm64_schema import ARM64_LEVEL, Arm64Report
from selector.package.strict_schema import dumps


def write_arm64(report: Arm64Report, folder: Path) -> Path:
    """`report.json` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / REPORT
    path.write_text(dumps(report.model_dump(mode="json")), encoding="utf-8")
    return path


def show_arm64(report: Arm64Report) -> None:
    """A table for people: dB of the worst output, by stage and processor; below it, every miss."""
    processors = list(dict.fromkeys(r.processor for each in report.targets.values() for one in each for r in one.runs))
    console = Console(soft_wrap=True, highlight=False)
    table = Table(title=f"{ARM64_LEVEL}: dB of the worst output, ONNX Runtime {report.onnxruntime}")
    for column in ("target", "stage", "bucket", "floor", *processors):
        table.add_column(column)
    for target, stages in report.targets.items():
        for one in stages:
            worst = {run.processor: f"{min(run.decibels.values(), default=-CEILING):.0f}" for run in one.runs}
            said = [worst.get(processor, "") for processor in processors]
            table.add_row(target, one.stage, one.bucket, f"{one.floor:g}", *said)

    console.print(table)
    for miss in report.misses():
        console.print(miss)
