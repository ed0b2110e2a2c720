"""Reads the page that goes into a package, and checks that it is about the package's models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from export_onnx.errors import PackageError
from export_onnx.provenance import completed, read_report
from selector.package.coverage_schema import coverage_signature, read_coverage

PAGE: Final = "report.html"
FOLDER: Final = Path("selector", "page")  # in the build; has the packages' copy


def packaged_page(build: Path, target: str) -> Path | None:
    """The page that goes into a target's package; None if no page was made.

    Raises:
        PackageError: the page is about other models than those in the build.
    """
    folder = build / FOLDER
    report = read_report(folder)
    if report is None:
        return None
    made_from: Mapping[str, Any] = report["made_from"]
    steps = ("export_onnx", "calibrate", f"quantize/{target}")
    now = {step: completed(build / step, step.partition("/")[0])["signature"] for step in steps}
    now[f"coverage/{target}"] = coverage_signature(read_coverage(build, target, build / "quantize" / target))
    stale = [name for name, made in now.items() if made_from.get(name, "nothing") != made]
    if stale or not (folder / PAGE).is_file():
        raise PackageError(
            str(folder / PAGE),
            expected=f"a page about this build's {target}",
            got=f"one about another {', '.join(stale) or 'build'}",
            todo="Run `python -m selector report`.",
        )
    return folder / PAGE
