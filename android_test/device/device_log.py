"""What the NNAPI provider logs about its devices: `0 Found devices [[Name: [qti-dsp], Type [4]],  ,] in NNAPI`.

Severity 0 is VERBOSE; the runner lets this line through and drops the other lines of that severity.
Source: ONNX Runtime, `core/providers/nnapi/nnapi_builtin/nnapi_execution_provider.cc` (constructor) and
`nnapi_api_helper.cc` (GetDevicesDescription).
"""

from __future__ import annotations

import re
from typing import Final

from selector.package.receipt_schema import ListedDevice

LINE: Final = re.compile(r"^\d Found devices \[")  # the runner puts the severity before each line
DEVICE: Final = re.compile(r"\[Name: \[([^\]]*)\], Type \[(\d{1,9})\]\]")
# NeuralNetworks.h: ANEURALNETWORKS_DEVICE_*
TYPES: Final = {0: "unknown", 1: "other", 2: "CPU", 3: "GPU", 4: "accelerator"}
LAST: Final = 200  # lines that are kept whatever they say


def condensed(log: str) -> str:
    """The lines about devices, the errors, and the last ones; dots for what is left out between."""
    lines = log.splitlines()
    kept: list[str] = []
    for number, line in enumerate(lines):
        if number >= len(lines) - LAST or LINE.search(line) or line[:2] in ("3 ", "4 "):
            kept.append(line)
        elif not kept or kept[-1] != "...":
            kept.append("...")
    return "\n".join(kept)


def nnapi_devices(log: str) -> tuple[ListedDevice, ...]:
    """The devices that the last session in `log` was given, without those that its flags disabled."""
    lines = [line for line in log.splitlines() if LINE.search(line)]
    found = DEVICE.findall(lines[-1]) if lines else []
    devices = (ListedDevice(name=name, type=TYPES.get(int(kind), "unknown")) for name, kind in found)
    return tuple(dict.fromkeys(devices))
