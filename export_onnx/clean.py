"""`python -m export_onnx.clean`: deletes what the steps wrote, and nothing that they did not.

Of a build folder, the steps' folders and files go, if a step's report lies in it. Of a `dist` folder, packages and
their archives go. Whatever else lies in either stays, and so does the folder then. Nothing is deleted while a run holds
the build folder. Needs nothing but Python, so that it works without the environment.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from export_onnx.build_lock import LOCK, build_lock
from export_onnx.errors import ContractError, PipelineError

REPORTS: Final = ("*/report.json", "quantize/*/report.json", "android_test/*/report.json", "bench/*/*/report.json")
KEYS: Final = ("signature", "versions")  # of every step's report
STEPS: Final = ("export_onnx", "calibrate", "quantize", "selector", "android_test")  # each has a folder in the build
BESIDE: Final = (
    "weights",
    "bench",
    "ops",
    "report.html",
    "long.txt",
    "long.json",
    LOCK,
)  # what they and `make` write besides
PACKAGES: Final = ("kokoro-npu-*", ".unfinished-kokoro-npu-*")  # what a killed run left, too
ARCHIVES: Final = (".zip", ".aar", ".jar")
WRITTEN_LAST: Final = (
    "manifest.json",
    "device_targeting_config.xml",
    "artifacts.json",
    "en-gb.bin",
)  # of a package, of an AI pack, of a Maven repository, of the English phonemizer's data
REPOSITORY: Final = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks both folders, then deletes; 1 where one is not ours or in use, and nothing is deleted then."""
    parser = argparse.ArgumentParser(prog="python -m export_onnx.clean", description=__doc__, allow_abbrev=False)
    parser.add_argument("--build", required=True, help="the folder in which steps wrote")
    parser.add_argument("--dist", required=True, help="the folder of the packages")
    options = parser.parse_args(arguments)
    build, dist = Path(options.build), Path(options.dist)
    try:
        ours = [*build_to_delete(options.build), *packages_to_delete(options.dist)]
        with build_lock(build) if options.build and build.is_dir() else nullcontext():
            for path in filter(os.path.lexists, ours):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
    except PipelineError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    for folder in (dist, build):  # DIST may lie in BUILD
        if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
            folder.rmdir()
    return 0


def build_to_delete(name: str) -> list[Path]:
    """What the steps wrote in the build folder; nothing where there is none.

    Raises:
        ContractError: the name is empty or a folder that must stay, or no step has completed in it.
    """
    folder = _may_go("BUILD", name)
    if not folder.exists() or (folder.is_dir() and not any(path.name != LOCK for path in folder.iterdir())):
        return [folder / LOCK] if folder.is_dir() else []
    if not any(_is_report(path) for pattern in REPORTS for path in folder.glob(pattern)):
        raise _stays("BUILD", name, "a folder with a step's report.json", "none in it")
    return [folder / written for written in (*STEPS, *BESIDE)]


def packages_to_delete(name: str) -> list[Path]:
    """The packages and archives in `dist`, or nothing where there is no such folder.

    Raises:
        ContractError: the name is empty or a folder that must stay, or holds files and none of them is ours.
    """
    folder = _may_go("DIST", name)
    if not folder.exists():
        return []
    found = sorted(_packages_in(folder))
    if not found and (not folder.is_dir() or any(folder.iterdir())):
        raise _stays("DIST", name, "a folder with packages", "none in it")
    return found


def _packages_in(folder: Path) -> Iterator[Path]:
    for path in (path for pattern in PACKAGES for path in folder.glob(pattern)):
        unfinished = path.name.startswith(".")
        if (
            unfinished
            or (path.suffix in ARCHIVES and path.is_file())
            or any((path / name).is_file() for name in WRITTEN_LAST)
        ):
            yield path


def _is_report(path: Path) -> bool:
    """Whether a file of that name is a step's: others write a report.json, too."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and all(key in content for key in KEYS)


def _may_go(what: str, name: str) -> Path:
    if not name.strip():
        raise _stays(what, repr(name), "a folder's name", "nothing")
    folder = Path(name).resolve()
    for kept, called in ((Path.home().resolve(), "the home folder"), (REPOSITORY, "the repository")):
        if folder == kept or folder in kept.parents:
            raise _stays(what, name, "a folder of its own", f"{called} or a folder that holds it")
    if (folder / ".git").exists():
        raise _stays(what, name, "a folder of its own", "a git checkout")
    return folder


def _stays(what: str, name: str, expected: str, got: str) -> ContractError:
    todo = f"Nothing was deleted. Check {what}=, or delete it by hand."
    return ContractError(f"{what} {name}", expected=expected, got=got, todo=todo)


if __name__ == "__main__":
    sys.exit(main())
