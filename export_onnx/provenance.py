"""What made an artifact: hashes of inputs and code, versions; and whether it must be made again."""

from __future__ import annotations

import hashlib
import json
import platform
import resource
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from export_onnx.errors import ContractError

REPORT: Final = "report.json"
MADE_BY: Final = ("torch", "kokoro", "transformers", "onnx", "onnxsim", "onnxruntime", "numpy")


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Of the packages that decide the bytes, and of Python."""
    return {**{name: version(name) for name in MADE_BY}, "python": platform.python_version()}


def code_digest(*packages: str) -> str:
    """One digest of all Python files of the packages, by name and content. Not of data such as the demo voice."""
    root, digest = Path(__file__).parent.parent, hashlib.sha256()
    for package in packages:
        for file in sorted((root / package).rglob("*.py")):
            if "demo_voice" not in file.parts:
                digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def signature(**inputs: Any) -> str:
    """One digest of everything a step depends on."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()


def is_up_to_date(folder: Path, wanted: str) -> bool:
    """Whether `folder` was completed from the same inputs and its files are as they were written."""
    report = read_report(folder)
    if report is None or report.get("signature") != wanted:
        return False
    files: dict[str, str] = report["files"]
    return all((folder / name).is_file() and sha256(folder / name) == digest for name, digest in files.items())


def read_report(folder: Path) -> dict[str, Any] | None:
    """`report.json` of a step's folder, or None where the step has not completed."""
    try:
        report: dict[str, Any] = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return report


def completed(folder: Path, step: str, stages: Iterable[str] = (), buckets: Iterable[str] = ()) -> dict[str, Any]:
    """A step's report, where it covers what the caller needs.

    Args:
        step: as in `python -m <step>`.
        stages, buckets: names that must be in it. A run that was restricted lists its own in its report.

    Raises:
        ContractError: the step has not completed, or was restricted to something else.
    """
    report = read_report(folder)
    if report is None:
        raise ContractError(str(folder), expected="a completed step", got="none", todo=f"Run `python -m {step}`.")
    for kind, wanted in (("stages", stages), ("buckets", buckets)):
        missing = [name for name in wanted if name not in report.get(kind, wanted)]
        if missing:
            raise ContractError(
                str(folder),
                expected=f"{kind} {', '.join(missing)}",
                got=f"a run restricted to {', '.join(report[kind])}",
                todo=f"Run `python -m {step}` with more --{kind}.",
            )
    return report


def start(folder: Path) -> None:
    """Makes the folder incomplete: without its report nothing in it counts.

    Files that are links, as `cp -al` makes them, are removed: writing into them would change the copy they came from.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REPORT).unlink(missing_ok=True)
    for path in list(folder.rglob("*")):
        if path.is_symlink() or (path.is_file() and path.stat().st_nlink > 1):
            path.unlink()


@dataclass
class Report:
    """A step's report: collected while it runs, written last."""

    folder: Path
    signature: str
    facts: dict[str, Any] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)

    def write(self, facts: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """`report.json`, with the digest of every other file of the folder, seconds and peak memory."""
        self.facts.update(facts or {})
        files = sorted(p for p in self.folder.rglob("*") if p.is_file() and p.name != REPORT)
        whole = {
            "signature": self.signature,
            **self.facts,
            "versions": versions(),
            "seconds": round(time.monotonic() - self.begun, 1),
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "files": {p.relative_to(self.folder).as_posix(): sha256(p) for p in files},
        }
        text = json.dumps(whole, indent=1, ensure_ascii=False, sort_keys=False) + "\n"
        (self.folder / REPORT).write_text(text, encoding="utf-8")
        return whole
