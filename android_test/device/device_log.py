"""What the NNAPI provider logs about its devices: lines with `[Name: [qti-dsp], Type [4]]`."""

from __future__ import annotations

import re
from typing import Final

from selector.package.receipt_schema import ListedDevice

PATTERN: Final = re.compile(r"\[Name: \[([^\]]*)\], Type \[(\d{1,9})\]\]")
# NeuralNetworks.h: ANEURALNETWORKS_DEVICE_*
TYPES: Final = {0: "unknown", 1: "other", 2: "CPU", 3: "GPU", 4: "accelerator"}
LAST: Final = 200  # lines that are kept whatever they say


def condensed(log: str) -> str:
    """The lines about devices, the errors, and the last ones; dots for what is left out between."""
    lines = log.splitlines()
    kept: list[str] = []
    for number, line in enumerate(lines):
        if number >= len(lines) - LAST or PATTERN.search(line) or line[:2] in ("3 ", "4 "):
            kept.append(line)
        elif not kept or kept[-1] != "...":
            kept.append("...")
    return "\n".join(kept)


def nnapi_devices(log: str) -> tuple[ListedDevice, ...]:
    """The devices of the last block of such lines: earlier blocks list what was there, the last what was used."""
    block: list[ListedDevice] = []
    inside = False
    for line in log.splitlines():
        pairs = PATTERN.findall(line)
        found = [ListedDevice(name=name, type=TYPES.get(int(kind), "unknown")) for name, kind in pairs]
        if found:
            block = [*(block if inside else []), *found]
        inside = bool(found)
    return tuple(dict.fromkeys(block))
