"""Builds C or C++ sources with CMake, also where the build folder was moved or copied since the last time."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from export_onnx.errors import DeviceError

CACHE: Final = "CMakeCache.txt"
IN_CACHE: Final = {
    "CMAKE_HOME_DIRECTORY",
    "CMAKE_CACHEFILE_DIR",
}  # of sources and of the build, as the cache knows them


def cmake_build(sources: Path, folder: Path, options: Sequence[str]) -> None:
    """Configures and builds what changed in `folder`.

    CMake refuses a cache that was made in another place, as after a checkout was moved; such a cache is deleted.

    Args:
        options: such as `-DORT_INCLUDE=…`.

    Raises:
        DeviceError: CMake or the compiler fails, with its last words.
    """
    cache = folder / CACHE
    if cache.is_file() and known_places(cache) != {str(sources.resolve()), str(folder.resolve())}:
        cache.unlink()
    _cmake("-S", str(sources), "-B", str(folder), *options)
    _cmake("--build", str(folder), "--parallel", "2")


def known_places(cache: Path) -> set[str]:
    """The folders of sources and build that a cache was made for."""
    lines = cache.read_text(encoding="utf-8", errors="replace").splitlines()
    entries = (line.partition("=") for line in lines)
    return {place for name, _, place in entries if name.partition(":")[0] in IN_CACHE}


def _cmake(*arguments: str) -> None:
    done = subprocess.run(["cmake", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-600:]
        raise DeviceError(f"cmake {arguments[0]} {arguments[1]}", expected="that it works", got=said, todo="Read it.")
