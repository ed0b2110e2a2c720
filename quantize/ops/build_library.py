"""Builds the library of fused operators with CMake, for this computer or with a cross compiler.

A session loads it by `SessionSettings(libraries=(path,))`. Which of its paths a session takes is decided when the
library is registered: the fastest that the processor has, or the one that the environment variable `PATH_CHOICE` names.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

from export_onnx import console
from export_onnx.errors import DeviceError
from export_onnx.provenance import REPORT
from quantize.ops.cmake_build import cmake_build
from quantize.ops.platforms import PLACES, this_platform

OPS_SOURCES: Final = Path(__file__).parent
OPS_LIBRARY: Final = "libkokoro_npu_ops.so"
PATH_CHOICE: Final = "KOKORO_NPU_OPS_PATH"
SOURCE_SUFFIXES: Final = (".cpp", ".hpp", ".txt")  # the last is CMakeLists.txt


def ops_library(headers: Path, work: Path, cross: str = "", program: Path | None = None) -> Path:
    """Builds what changed, and returns the library's path, `libkokoro_npu_ops.so` in `work`.

    Args:
        headers: the folder of `onnxruntime_c_api.h`, 1.18 or newer.
        work: CMake's folder.
        cross: the prefix of a cross compiler, such as `aarch64-linux-gnu`; empty for this computer's own.
        program: the source of a program that calls the paths directly; it becomes `compare_paths` in `work`.

    Raises:
        DeviceError: CMake or the compiler is missing or fails; says what to do.
    """
    compilers = [f"{cross}-gcc", f"{cross}-g++"] if cross else ["cc", "c++"]
    for tool in ("cmake", *compilers):
        if shutil.which(tool) is None:
            raise DeviceError("fused operators", expected=tool, got="none", todo="apt install cmake, and the compiler.")
    options = [f"-DORT_INCLUDE={headers}", "-DCMAKE_BUILD_TYPE=Release"]
    options += [f"-DCMAKE_C_COMPILER={compilers[0]}", f"-DCMAKE_CXX_COMPILER={compilers[1]}"]
    if cross:
        options += ["-DCMAKE_SYSTEM_NAME=Linux", f"-DCMAKE_SYSTEM_PROCESSOR={cross.partition('-')[0]}"]
    if program:
        options.append(f"-DPROGRAM={program}")
    cmake_build(OPS_SOURCES, work, options)
    console.say(f"{work / OPS_LIBRARY}: {(work / OPS_LIBRARY).stat().st_size // 1024} KiB")
    return work / OPS_LIBRARY


def built_libraries(folder: Path) -> tuple[dict[str, Path], tuple[str, ...]]:
    """The libraries in `build/ops` by platform, and the platforms whose library is older than its sources.

    An older one was made from other sources perhaps, and does not count.
    """
    newest = max(file.stat().st_mtime_ns for file in OPS_SOURCES.iterdir() if file.suffix in SOURCE_SUFFIXES)
    places = {this_platform(): Path(), **{name: place for name, place in PLACES.items() if name != this_platform()}}
    there = {name: file for name, place in places.items() if (file := folder / place / OPS_LIBRARY).is_file()}
    old = tuple(name for name, file in there.items() if file.stat().st_mtime_ns < newest)
    return {name: file for name, file in there.items() if name not in old}, old


def keep_why_not(folder: Path, why_not: str) -> None:
    """Writes why there is no library into the report of `build/ops`; an empty text where there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REPORT).write_text(json.dumps({"why_not": why_not}, indent=1) + "\n", encoding="utf-8")


def why_no_library(folder: Path) -> str:
    """Why `build/ops` has no library for this computer, as `make ops` found it."""
    try:
        said = json.loads((folder / REPORT).read_text(encoding="utf-8"))["why_not"]
    except (OSError, ValueError, KeyError):
        said = ""
    return str(said) or "nobody built it"
