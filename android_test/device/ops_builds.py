"""`python -m android_test ops`: the library of fused operators for this computer, and for 64-bit ARM where a cross
compiler is. Lies in this step because the runner's build keeps ONNX Runtime's headers."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from android_test.device.linux_runner import fetch_headers
from export_onnx import console
from export_onnx.errors import DeviceError
from quantize.ops.build_library import keep_why_not, ops_library
from quantize.ops.platforms import LINUX_ARM64, PLACES, this_platform

CROSS: Final = "aarch64-linux-gnu"  # the prefix of Debian's cross compiler
COMPILERS: Final = {"cmake": "apt install cmake", "cc": "apt install gcc", "c++": "apt install g++"}


def build_ops(build: Path, if_possible: bool) -> int:
    """Builds what changed in `build/ops`; 0.

    Args:
        if_possible: where it cannot be built, keep the reason for later steps instead of failing.

    Raises:
        DeviceError: a tool is missing or fails, or the headers cannot be had, and it is not `if_possible`.
    """
    folder, why_not = build / "ops", ""
    try:
        if missing := [f"{tool} ({how})" for tool, how in COMPILERS.items() if shutil.which(tool) is None]:
            raise DeviceError("fused operators", expected="tools", got=f"no {', no '.join(missing)}", todo="Install.")
        headers = fetch_headers((build / "android_test" / "runner" / "apt").resolve())
        ops_library(headers, folder)
        if shutil.which(f"{CROSS}-g++") and this_platform() != LINUX_ARM64:
            ops_library(headers, folder / PLACES[LINUX_ARM64], CROSS)
    except (DeviceError, OSError) as error:  # OSError: apt-get is not there
        if not if_possible:
            raise
        why_not = error.got if isinstance(error, DeviceError) else str(error)
        console.say(f"no library of fused operators: {why_not}")
    keep_why_not(folder, why_not)
    return 0
