"""The facts of the connected device: model, chip, Android, room."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from android_test.device.adb import Phone
from selector.package.receipt_schema import Device

HOME: Final = "/data/local/tmp/kokoro-npu"  # the one place where a phone lets a shell run programs
PROPERTIES: Final = (
    "ro.product.model",
    "ro.product.manufacturer",
    "ro.soc.model",
    "ro.soc.manufacturer",
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

    def device(self, drivers: Sequence[str] = ()) -> Device:
        """As the receipt names it.

        Args:
            drivers: the devices that providers listed.
        """
        known = self.properties
        level = known.get("ro.build.version.sdk", "")
        return Device(
            model=known.get("ro.product.model", ""),
            manufacturer=known.get("ro.product.manufacturer", ""),
            soc=known.get("ro.soc.model", ""),
            android=known.get("ro.build.version.release", ""),
            api_level=int(level) if level.isdecimal() else 0,
            abi=known.get("ro.product.cpu.abi", ""),
            build=known.get("ro.build.fingerprint", ""),
            kernel=self.kernel,
            machine=self.machine,
            hardware=known.get("ro.hardware", ""),
            qemu="1" in (known.get("ro.kernel.qemu"), known.get("ro.boot.qemu")),
            drivers=list(drivers),
        )


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
