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
    """A table for people: dB of the worst output, by stage, processor and forced path; below it, every miss."""
    ways = list(dict.fromkeys((r.processor, r.path) for _, one in report.named_stages() for r in one.runs))
    console = Console(soft_wrap=True, highlight=False)
    table = Table(title=f"{ARM64_LEVEL}: dB of the worst output, ONNX Runtime {report.onnxruntime}")
    names = [processor + (f", path {path}" if path else "") for processor, path in ways]
    for column in ("target", "stage", "bucket", "floor", *names):
        table.add_column(column)
    for name, one in report.named_stages():
        worst = {(r.processor, r.path): f"{min(r.decibels.values(), default=-CEILING):.0f}" for r in one.runs}
        table.add_row(name, one.stage, one.bucket, f"{one.floor:g}", *(worst.get(way, "") for way in ways))

    console.print(table)
    for miss in report.misses():
        console.print(miss)
