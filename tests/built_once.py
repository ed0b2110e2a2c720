"""Builds that the worker processes of a test run share: each is made once, and never by two workers at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """While open, no other process has the lock that the file `lock` stands for; its folder is made."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def built_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """A folder that lives as long as the run's other temporary ones, filled by the first worker that asks for it.

    Args:
        name: of the folder, one per build.
        build: fills the folder. If it raises or skips, the next worker tries again in an empty one.
    """
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    made = shared / f"{name}.made"
    with one_at_a_time(shared / f"{name}.lock"):
        if not made.exists():
            tries = len(list(shared.glob(f"{name}-*")))
            folder = shared / f"{name}-{tries}"
            folder.mkdir()
            build(folder)
            made.write_text(folder.name)
    return shared / made.read_text()
