"""What is on the cable: model, chip, Android, room; and why something on it can never count as an NPU."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from android_test.device.adb import Phone

HOME: Final = "/data/local/tmp/kokoro-npu"  # the one place where a phone lets a shell run programs
EMULATORS: Final = ("goldfish", "ranchu", "cutf_cvm", "vbox86", "cuttlefish")  # ro.hardware
PROPERTIES: Final = (
    "ro.product.model",
    "ro.product.manufacturer",
    "ro.soc.model",
    "ro.soc.manufacturer",
    "ro.board.platform",
    "ro.build.version.release",
    "ro.build.version.sdk",
    "ro.build.fingerprint",
    "ro.product.cpu.abi",
    "ro.kernel.qemu",
    "ro.boot.qemu",
    "ro.hardware",
)


@dataclass(frozen=True)
class DeviceFacts:
    """One device. `properties` are Android's; empty on something that is no Android."""

    properties: dict[str, str]
    machine: str  # uname -m
    kernel: str
    free_bytes: int

    @property
    def soc(self) -> str:
        """The chip as Android names it, such as SM8550; the board where it does not."""
        return self.properties.get("ro.soc.model") or self.properties.get("ro.board.platform", "")

    @property
    def is_android(self) -> bool:
        """Whether Android answered."""
        return bool(self.properties.get("ro.build.version.sdk"))


def read_device_facts(phone: Phone, folder: str = HOME) -> DeviceFacts:
    """Asks the device; `folder` is made where it is not there, and its free space is what counts.

    Raises:
        DeviceLostError: the line broke.
    """
    asked = "; ".join(f'echo "{name}=$(getprop {name} 2>/dev/null)"' for name in PROPERTIES)
    lines = phone.shell(asked).stdout.splitlines()
    pairs = dict(line.split("=", 1) for line in lines if "=" in line)
    properties = {name: pairs[name].strip() for name in PROPERTIES if pairs.get(name, "").strip()}
    machine, _, kernel = phone.shell("uname -m; uname -sr").stdout.strip().partition("\n")
    free = parse_free(phone.shell(f"mkdir -p {folder} && df -k {folder}").stdout)
    return DeviceFacts(properties, machine.strip(), kernel.strip(), free)


def parse_free(listing: str) -> int:
    """Free bytes from `df -k`; 0 where it cannot be told. A long device name may push the numbers to the next line."""
    numbers = re.findall(r"\s(\d+)\s+(\d+)\s+(\d+)\s+\d+%", listing)
    return int(numbers[-1][2]) * 1024 if numbers else 0


def never(facts: DeviceFacts) -> str:
    """Why nothing on this device can be verified as an NPU; empty for a phone."""
    if not facts.is_android:
        return f"no Android ({facts.kernel} {facts.machine}): a computer, whose NPU is at most simulated"
    hardware = facts.properties.get("ro.hardware", "")
    flags = [facts.properties.get(name, "") for name in ("ro.kernel.qemu", "ro.boot.qemu")]
    if "1" in flags or hardware in EMULATORS:
        return f"an emulator ({hardware or 'qemu'}): its NNAPI runs on the computer"
    if not facts.properties.get("ro.product.cpu.abi", "").startswith("arm"):
        return f"ABI {facts.properties.get('ro.product.cpu.abi', 'unknown')}: phones with an NPU are arm"
    return ""


def battery(phone: Phone) -> str:
    """Level, source and temperature in one line; empty where the device does not say.

    Raises:
        DeviceLostError: the line broke.
    """
    said = phone.shell("dumpsys battery 2>/dev/null").stdout
    found = dict(re.findall(r"^\s*(level|status|temperature|AC powered|USB powered):\s*(\S+)", said, re.M))
    if "temperature" in found and found["temperature"].isdigit():
        found["temperature"] = f"{int(found['temperature']) / 10:g} C"
    return ", ".join(f"{name} {value}" for name, value in found.items())


def temperature(phone: Phone) -> str:
    """Android's thermal status (0 none … 6 shutdown); empty where the device does not say.

    Raises:
        DeviceLostError: the line broke.
    """
    found = re.search(r"Thermal Status:\s*(\d+)", phone.shell("dumpsys thermalservice 2>/dev/null").stdout)
    return f"thermal status {found.group(1)}" if found else ""
