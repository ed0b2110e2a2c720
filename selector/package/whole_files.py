"""Writes atomically: a file or a folder appears whole or not at all, and the same inputs give the same bytes."""

from __future__ import annotations

import ctypes
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
OLD: Final = "old"  # in the temporary folder
AT_FDCWD: Final = -100  # of Linux's renameat2: paths are as the process sees them
RENAME_EXCHANGE: Final = 2


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

    An earlier `final` stays until the new one is complete, and then changes places with it at once: whenever the
    process is killed, `final` is the old folder or the new one. Leftovers of a killed run are removed first.

    Raises:
        PackageError: the disk is full, or not writable.
    """
    with refusing_disk_errors(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        for left in final.parent.glob(f"{TEMPORARY}{final.name}-*"):
            if (left / OLD).is_dir() and not final.exists():  # killed between the two renames of `_exchange`
                (left / OLD).rename(final)
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
                _exchange(new, final)  # the old one is in `work` then
            else:
                new.rename(final)
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


def _exchange(new: Path, final: Path) -> None:
    """Two folders change places in one step of the file system.

    Where the system cannot do that (not Linux, or a file system without it), in two; a kill between them leaves the old
    folder beside, and the next `whole_folder` puts it back.
    """
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        code = errno.ENOSYS
    else:
        failed = rename(AT_FDCWD, os.fsencode(new), AT_FDCWD, os.fsencode(final), RENAME_EXCHANGE)
        code = ctypes.get_errno() if failed else 0
    if code in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
        old = new.with_name(OLD)
        final.rename(old)
        try:
            new.rename(final)
        except BaseException:
            old.rename(final)
            raise
    elif code:
        raise OSError(code, os.strerror(code), str(final))


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
