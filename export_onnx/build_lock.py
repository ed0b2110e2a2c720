"""One run at a time in a build folder: a second one would write between the files of the first."""

from __future__ import annotations

import fcntl
import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from export_onnx.errors import ContractError

LOCK: Final = ".lock"  # in the build folder; the file stays, and says who holds it while somebody does
_held: set[int] = set()  # file descriptors of this process


@contextmanager
def build_lock(build: Path) -> Iterator[None]:
    """Holds the build folder, which is made where it is missing.

    The lock goes with the process, however it ends. Children do not keep it: a program that is started does not get the
    descriptor, and a forked process closes it.

    Raises:
        ContractError: another run holds it; says which.
    """
    build.mkdir(parents=True, exist_ok=True)
    _close_in_forks()
    handle = os.open(build / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    _held.add(handle)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ContractError(
                str(build),
                expected="one run at a time in a build folder",
                got=os.read(handle, 1000).decode(errors="replace").strip() or "another run",
                todo="Wait until it ends, or name another --build.",
            ) from error
        if not _is_there(handle, build / LOCK):  # `make clean` took the folder away in between
            raise ContractError(
                str(build), expected="a build folder that stays", got="one that was just deleted", todo="Run it again."
            )
        os.truncate(handle, 0)
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        os.write(handle, f"process {os.getpid()} ({shlex.join(sys.argv)[:500]}) since {since}\n".encode())
        yield
        if handle in _held:
            os.truncate(handle, 0)
    finally:
        if handle in _held:  # not in a fork, which has closed it
            _held.remove(handle)
            os.close(handle)


def _is_there(handle: int, path: Path) -> bool:
    """Whether the open file is still the one that others find under its name."""
    return path.is_file() and os.path.samestat(os.fstat(handle), path.stat())


@cache
def _close_in_forks() -> None:
    os.register_at_fork(after_in_child=_close_held)


def _close_held() -> None:
    while _held:
        os.close(_held.pop())
