"""`python -m export_onnx.clean`: deletes what the steps wrote, and nothing that they did not.

A build folder goes whole, where a step's report lies in it. Of a `dist` folder only packages and their archives go, and
the folder itself where nothing else is in it. Needs nothing but Python, so that it works without the environment.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from export_onnx.errors import ContractError, PipelineError

REPORTS: Final = ("*/report.json", "quantize/*/report.json", "android_test/*/report.json")
PACKAGES: Final = ("kokoro-npu-*", ".unfinished-kokoro-npu-*")  # folders, zip and AAR, and what a killed run left
REPOSITORY: Final = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks both folders, then deletes; 1 where one is not ours, and nothing is deleted then."""
    parser = argparse.ArgumentParser(prog="python -m export_onnx.clean", description=__doc__, allow_abbrev=False)
    parser.add_argument("--build", required=True, help="the folder in which steps wrote")
    parser.add_argument("--dist", required=True, help="the folder of the packages")
    options = parser.parse_args(arguments)
    try:
        ours = [*build_to_delete(options.build), *packages_to_delete(options.dist)]
    except PipelineError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    for path in filter(os.path.lexists, ours):  # DIST may lie in BUILD
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    dist = Path(options.dist)
    if dist.is_dir() and not dist.is_symlink() and not any(dist.iterdir()):
        dist.rmdir()
    return 0


def build_to_delete(name: str) -> list[Path]:
    """The build folder, or nothing where there is none.

    Raises:
        ContractError: the name is empty or a folder that must stay, or no step has completed in it.
    """
    folder = _may_go("BUILD", name)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return [folder] if folder.is_dir() else []
    if not any(path.is_file() for pattern in REPORTS for path in folder.glob(pattern)):
        raise _stays("BUILD", name, "a folder with a step's report.json", "none in it")
    return [folder]


def packages_to_delete(name: str) -> list[Path]:
    """The packages and archives in `dist`, or nothing where there is no such folder.

    Raises:
        ContractError: the name is empty or a folder that must stay, or holds files and none of them is ours.
    """
    folder = _may_go("DIST", name)
    if not folder.exists():
        return []
    found = sorted(path for pattern in PACKAGES for path in folder.glob(pattern))
    if not found and (not folder.is_dir() or any(folder.iterdir())):
        raise _stays("DIST", name, "a folder with packages", "none in it")
    return found


def _may_go(what: str, name: str) -> Path:
    if not name.strip():
        raise _stays(what, repr(name), "a folder's name", "nothing")
    folder = Path(name).resolve()
    for kept, called in ((Path.home().resolve(), "the home folder"), (REPOSITORY, "the repository")):
        if folder == kept or folder in kept.parents:
            raise _stays(what, name, "a folder of its own", f"{called} or a folder that holds it")
    return folder


def _stays(what: str, name: str, expected: str, got: str) -> ContractError:
    todo = f"Nothing was deleted. Check {what}=, or delete it by hand."
    return ContractError(f"{what} {name}", expected=expected, got=got, todo=todo)


if __name__ == "__main__":
    sys.exit(main())
