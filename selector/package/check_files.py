"""Checks a package's files: what a stage reads must be as the manifest states; the rest at most gives a remark.

Git, hubs and file managers leave files of their own (`.git`, `.gitattributes`, `.cache`, `.DS_Store`, `__MACOSX`,
`._model.onnx`, `desktop.ini`, a hub's `README.md`), and a checkout may change the line ends of text files. Nothing
reads a file that the manifest does not name, so an extra file cannot change the sound. A library of fused operators may
be missing: what would load it checks its hash first, and runs the stock models instead.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from export_onnx.errors import PackageError
from export_onnx.provenance import sha256
from selector.package.manifest import MANIFEST, SCHEMA, File, Manifest

AGAIN: Final = "Get the package again."
DOCUMENTS: Final = ("LICENSE", "NOTICE", SCHEMA, "report.html")  # for people: no program reads them
LFS_POINTER: Final = b"version https://git-lfs.github.com/spec/"
LITTER: Final = "__MACOSX"  # macOS's archives; hidden names belong to systems and tools, too


def check_files(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """Checks every listed file's size and hash. Files may be links, as in a hub's cache: their content counts.

    Returns:
        Remarks, one line each: a changed or missing document or library, a file that the manifest does not list.

    Raises:
        PackageError: a file that a program reads is missing or changed; the error names the first one.
    """
    remarks = []
    libraries = set(manifest.fused.libraries.values()) if manifest.fused else set()
    for name, listed in sorted(manifest.files.items()):
        if name in libraries:
            if not _is_as_listed(folder / name, listed):
                remarks.append(f"{name} is changed or missing; stages run with stock operators there")
        elif name not in DOCUMENTS:
            _check_file(folder / name, listed)
        elif not _is_as_listed(folder / name, listed):
            remarks.append(f"{name} is changed or missing; no program reads it")
    return (*remarks, *_strays(folder, set(manifest.files) | {MANIFEST}))


def _strays(folder: Path, expected: set[str]) -> list[str]:
    found: list[str] = []
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != LITTER)
        shown = (name for name in files if not name.startswith("."))
        found += [Path(root, name).relative_to(folder).as_posix() for name in shown]
    return [f"{name} is not of the package; nothing reads it" for name in sorted(set(found) - expected)]


def _is_as_listed(path: Path, listed: File) -> bool:
    return path.is_file() and path.stat().st_size == listed.size and sha256(path) == listed.sha256


def _check_file(path: Path, listed: File) -> None:
    if not path.is_file():
        got = "a link to no file" if path.is_symlink() else "nothing"
        raise PackageError(str(path), expected="a file of the package", got=got, todo=AGAIN)
    size = path.stat().st_size
    if size != listed.size:
        with path.open("rb") as start:
            pointer = start.read(len(LFS_POINTER)) == LFS_POINTER
        got = "a pointer of Git LFS in its place" if pointer else f"{size} bytes"
        todo = "Run `git lfs pull` in the package's checkout." if pointer else AGAIN
        raise PackageError(str(path), expected=f"{listed.size} bytes", got=got, todo=todo)
    digest = sha256(path)
    if digest != listed.sha256:
        raise PackageError(str(path), expected=f"sha256 {listed.sha256}", got=digest, todo=AGAIN)
