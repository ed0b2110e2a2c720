"""The machine that was measured on, and how busy it was with other things."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any, Final

CPUINFO: Final = Path("/proc/cpuinfo")
MEMORY: Final = Path("/proc/meminfo")
FAST_INTEGERS: Final = ("avx2", "avx_vnni", "avx512_vnni", "amx_int8")  # what decides how much 8 bits gain


def machine() -> dict[str, Any]:
    """Processor, cores that may be used, memory."""
    cpu = CPUINFO.read_text() if CPUINFO.exists() else ""
    name = re.search(r"^model name\s*: (.+)$", cpu, re.MULTILINE)
    flags = re.search(r"^flags\s*: (.+)$", cpu, re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+) kB", MEMORY.read_text() if MEMORY.exists() else "", re.MULTILINE)
    return {
        "processor": name.group(1) if name else platform.processor() or platform.machine(),
        "has": " ".join(flag for flag in FAST_INTEGERS if flags and flag in flags.group(1).split()),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(int(memory.group(1)) * 1024 / 1e9, 1) if memory else 0.0,
        "system": f"{platform.system()} {platform.machine()}",
    }


def load_average() -> float:
    """Processes that ran or waited for a core, over the last minute."""
    return round(os.getloadavg()[0], 1)
