"""The reports of earlier steps, refused where a file has changed since: their figures would not be true."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from export_onnx.errors import ContractError, PackageError
from export_onnx.provenance import changed_files, completed


def completed_step(folder: Path, step: str, stages: Sequence[str], buckets: Sequence[str] = ()) -> dict[str, Any]:
    """Reads the report of a step that was not restricted.

    Raises:
        PackageError: the step has not completed, its report lacks a stage or a bucket, or a file has changed since, of
            which the report's figures would not be true.
    """
    with as_package_error():
        report = completed(folder, step, stages, buckets)
    files = report.get("files") or {}
    if not files or (changed := changed_files(folder, files)):
        raise PackageError(
            str(folder),
            expected="the files as the step wrote them",
            got=f"others in {', '.join(changed[:3])}" if files else "a report that lists none",
            todo=f"Run `python -m {step}` again.",
        )
    return report


@contextmanager
def as_package_error() -> Iterator[None]:
    """A `ContractError` about the steps before, as a `PackageError` of the same facts."""
    try:
        yield
    except ContractError as error:
        raise PackageError(error.where, expected=error.expected, got=error.got, todo=error.todo) from error
