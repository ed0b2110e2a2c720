"""Writes atomically: a file or a folder appears whole or not at all, and the same inputs give the same bytes."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from export_onnx.errors import PackageError

TEMPORARY: Final = ".unfinished-"


@contextmanager
def refusing_disk_errors(where: Path) -> Iterator[None]:
    """Raises errors of the file system as `PackageError`."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise PackageError(
            str(where),
            expected="room to write" if full else "readable inputs and a writable folder",
            got=f"{error.strerror or error}" + (f" ({error.filename})" if error.filename else ""),
            todo="Free some space and run it again; nothing was changed."
            if full
            else "Check the path; nothing was changed.",
        ) from error


@contextmanager
def whole_folder(final: Path) -> Iterator[Path]:
    """A temporary folder beside `final` that becomes `final` if the block ends without an error, else vanishes.

    An earlier `final` stays until the new one is complete. Leftovers of a killed run are removed first.

    Raises:
        PackageError: the disk is full, or not writable.
    """
    with refusing_disk_errors(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        for left in final.parent.glob(f"{TEMPORARY}{final.name}-*"):
            shutil.rmtree(left)
        work = Path(tempfile.mkdtemp(prefix=f"{TEMPORARY}{final.name}-", dir=final.parent))
    try:
        with refusing_disk_errors(final):
            new = work / "new"
            new.mkdir()
            yield new
            for path in [*new.rglob("*"), new]:
                _flush(path)
            if final.exists():
                final.rename(work / "old")
            try:
                new.rename(final)
            except BaseException:
                if (work / "old").exists():
                    (work / "old").rename(final)
                raise
            _flush(final.parent)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def whole_file(final: Path) -> Iterator[Path]:
    """A temporary file beside `final` that replaces it if the block ends without an error.

    Raises:
        PackageError: the disk is full, or not writable.
    """
    work = final.parent / f"{TEMPORARY}{final.name}"
    try:
        with refusing_disk_errors(final):
            final.parent.mkdir(parents=True, exist_ok=True)
            yield work
            _flush(work)
            work.replace(final)
    finally:
        with refusing_disk_errors(final):
            work.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def copy_all(pairs: Mapping[str, Path], folder: Path) -> None:
    """Copies files to their places in `folder`: only their bytes, not their times and modes."""
    for name, source in pairs.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / name)
