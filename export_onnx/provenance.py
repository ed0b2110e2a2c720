"""What made an artifact: hashes of inputs and code, versions; and whether it must be made again."""

from __future__ import annotations

import ast
import hashlib
import json
import platform
import resource
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from export_onnx.errors import ContractError
from export_onnx.text.front_ends import english_front_end
from export_onnx.text.spoken_form import ENGLISH

REPORT: Final = "report.json"
ROOT: Final = Path(__file__).parent.parent
SENTENCES: Final = Path("export_onnx", "demo_voice")  # folder of `sentences_*.txt`
LEXICON: Final = Path("export_onnx", "text", "builtin_lexicon.txt")
# What makes phonemes of text: misaki, the espeak library and the dictionary's tagger that it finds, and numbers.
FRONT_END: Final = ("misaki", "espeakng-loader", "phonemizer-fork", "spacy", "en-core-web-sm", "num2words")
MADE_BY: Final = ("torch", "kokoro", "transformers", "onnx", "onnxsim", "onnxruntime", "numpy")


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Of the packages that decide the bytes, and of Python."""
    return {**{name: version(name) for name in MADE_BY}, "python": platform.python_version()}


def package_version(name: str) -> str:
    """The version of a Python package, or that there is none."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def code_digest(*folders: str) -> str:
    """One digest of the code that `folders` run, by name and content: see `code_files`."""
    return _digest_of(code_files(*folders))


def code_files(*folders: str) -> list[Path]:
    """All Python files of `folders`, and every file of this project that they import, directly or through others.

    Only the demo voice's own trainer is no part of a folder that holds it; a module of it counts where it is imported.

    Args:
        folders: relative to the project, as in `quantize/sound`; or a single file.
    """
    found: set[Path] = set()
    waiting = [file for name in folders if (file := ROOT / name).is_file()]
    waiting += [file for name in folders for file in (ROOT / name).rglob("*.py") if "demo_voice" not in file.parts]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _imported(file)
    return sorted(found)


def _imported(file: Path) -> Iterator[Path]:
    """Files of this project that a file imports, anywhere in it; a package's `__init__.py` where it names a package."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            place = ROOT.joinpath(*name.split("."))
            yield from (p for p in (place.with_suffix(".py"), place / "__init__.py") if p.is_file())


def _digest_of(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def depends_on(*folders: str) -> dict[str, Any]:
    """What a step depends on besides its inputs, for `signature`; for steps that turn text into phonemes.

    Args:
        folders: the step's own, relative to the project; what they import from others is followed.

    Returns:
        `code` as in `code_digest`, `sentences` and `lexicon` of this repository by content, `front_end`: who speaks
        English here and the versions of all that it is made of, and `versions`.
    """
    return {
        "code": code_digest(*folders),
        "sentences": _digest_of(sorted((ROOT / SENTENCES).glob("sentences_*.txt"))),
        "lexicon": sha256(ROOT / LEXICON),
        "front_end": {language: english_front_end(language) for language in ENGLISH}
        | {name: package_version(name) for name in FRONT_END},
        "versions": versions(),
    }


def signature(**inputs: Any) -> str:
    """One digest of everything a step depends on."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()


def is_up_to_date(folder: Path, wanted: str) -> bool:
    """Whether `folder` was completed from the same inputs and its files are as they were written."""
    report = read_report(folder)
    if report is None or report.get("signature") != wanted:
        return False
    files: dict[str, str] = report["files"]
    return bool(files) and not changed_files(folder, files)  # a step that wrote nothing has nothing to be up to date


def changed_files(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Those of `files`, name -> digest, that are missing in `folder` or hold other bytes."""
    return [n for n, digest in files.items() if not (folder / n).is_file() or sha256(folder / n) != digest]


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


def refuse_other_birth(where: Path, step: str, recorded: Mapping[str, str], now: Mapping[str, str]) -> None:
    """That what a step read when it made `where` is what lies there now.

    Args:
        step: what makes `where` again, as in `python -m <step>`.
        recorded: what the step read -> digest, from its report; empty where the report keeps none.
        now: the same, as the build has it.

    Raises:
        ContractError: something was made again, or from other weights, since.
    """
    if changed := [name for name, digest in now.items() if recorded.get(name) != digest]:
        raise ContractError(
            str(where),
            expected=f"a result of this build's {', '.join(changed)}",
            got="one of another" if all(name in recorded for name in changed) else "one that does not say of which",
            todo=f"Run `python -m {step}` again.",
        )


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
