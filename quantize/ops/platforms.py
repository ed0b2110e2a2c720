"""The names of platforms that a library of fused operators is built for, and where `build/ops` has each build."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Final

LINUX_ARM64: Final = "linux-aarch64"
ANDROID_ARM64: Final = "android-arm64-v8a"
# Below `build/ops`; this computer's own build lies in that folder itself.
PLACES: Final = {LINUX_ARM64: Path(LINUX_ARM64), ANDROID_ARM64: Path("arm64-v8a")}


def this_platform() -> str:
    """This computer's: `linux-x86_64`. The C++ engine makes the same name, see `selector/sdk/cpp/fused_choice.cpp`."""
    return f"{sys.platform}-{platform.machine()}".lower()
