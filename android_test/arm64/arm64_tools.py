"""An ARM64 machine in software: qemu's user mode from Debian, and the runner with ONNX Runtime's library for ARM64.

qemu's user mode runs one ARM64 program on this computer's Linux, with the loader and the C library of Debian's cross
compiler. Debian 12's qemu (7.2) crashes in ONNX Runtime's library, therefore a newer suite's is taken; it is one
static file. It is not pinned by its hash, because Debian replaces it with each security update: apt checks Debian's
signature, and the report names the version.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from android_test.device.linux_runner import (
    SOURCES,
    download_debian,
    fetch_headers,
    fetch_library,
    lacking,
    run_tool,
)
from export_onnx import console
from export_onnx.errors import DeviceError
from quantize.ops.cmake_build import cmake_build

SUITE: Final = "trixie"
PACKAGE: Final = "qemu-user"
COMPILER: Final = "aarch64-linux-gnu-g++"
SYSROOT: Final = Path("/usr/aarch64-linux-gnu")  # of Debian's cross compiler


@dataclass(frozen=True)
class Arm64Machine:
    """The emulator, and the folder that holds the runner and ONNX Runtime's library for ARM64."""

    qemu: Path
    version: str
    folder: Path


def lacking_for_arm64() -> list[str]:
    """What is missing here, with the way to get it."""
    compiler = [] if shutil.which(COMPILER) else [f"{COMPILER} (apt install g++-aarch64-linux-gnu)"]
    return [*lacking(), *compiler]


def build_arm64_machine(work: Path) -> Arm64Machine:
    """Downloads and builds what is not yet in `work`, the runner's folder.

    Raises:
        DeviceError: a tool or a package is missing, or the runner does not compile; says what to do.
    """
    if missing := lacking_for_arm64():
        raise DeviceError("arm64", expected="tools", got=f"no {', no '.join(missing)}", todo="Install them.")
    work = work.resolve()
    headers, library = fetch_headers(work / "apt"), fetch_library(work / "npm-arm64", "arm64")
    qemu = fetch_qemu(work / "qemu")
    build, out = work / "cmake-arm64", work / "arm64"
    options = {
        "CMAKE_SYSTEM_NAME": "Linux",
        "CMAKE_SYSTEM_PROCESSOR": "aarch64",
        "CMAKE_CXX_COMPILER": COMPILER,
        "CMAKE_BUILD_TYPE": "Release",
        "ORT_INCLUDE": headers,
        "ORT_LIBRARY": library,
    }
    given = [f"-D{name}={value}" for name, value in options.items()]
    cmake_build(SOURCES, build, given)
    out.mkdir(parents=True, exist_ok=True)
    for file in (build / "runner", library):
        shutil.copy2(file, out / file.name)
    version = run_tool([str(qemu), "--version"], "Remove the folder, run it again.").splitlines()[0]
    console.say(f"{out}: the runner for ARM64; {version}")
    return Arm64Machine(qemu, version, out)


def fetch_qemu(work: Path) -> Path:
    """The emulator for ARM64 programs."""
    found = work / "usr" / "bin" / "qemu-aarch64"
    if not found.is_file():
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        package = download_debian(work, SUITE, PACKAGE)
        run_tool(["dpkg", "-x", str(package), str(work)], "Remove the folder, run it again.")
        package.unlink()
    return found
