"""adb: found, asked for devices, and one device to talk to. Every call has a time limit, and tells a device that is
gone from a command that failed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from export_onnx.errors import DeviceError

QUICK: Final = 30.0  # seconds for a call that does no work on the device
LONG: Final = 900.0  # seconds to move files
NETWORK_SERIAL: Final = re.compile(r"^[\w.\-\[\]:]+:\d+$")  # host:port, which adb forgets when the line breaks

STATES: Final = {
    "unauthorized": "Unlock the phone and accept this computer's key; else plug it in again.",
    "authorizing": "Unlock the phone and accept this computer's key.",
    "offline": "Plug it in again, or `adb reconnect offline`; then restart the phone.",
    "no permissions": "Give this user access to USB devices (udev rules: Debian's android-sdk-platform-tools-common).",
    "recovery": "Start the phone into Android.",
    "bootloader": "Start the phone into Android.",
    "sideload": "Start the phone into Android.",
}


class DeviceLostError(DeviceError):
    """The line to the device broke."""


@dataclass(frozen=True)
class Answer:
    """What a command on the device said."""

    status: int
    stdout: str
    stderr: str


def find_adb(environment: Mapping[str, str] = os.environ) -> str:
    """Path of adb: `$ADB`, the search path, `$ANDROID_HOME`.

    Raises:
        DeviceError: nowhere.
    """
    homes = (environment.get(name) for name in ("ANDROID_HOME", "ANDROID_SDK_ROOT"))
    places = [environment.get("ADB"), shutil.which("adb"), *(f"{h}/platform-tools/adb" for h in homes if h)]
    for place in places:
        if place and (found := shutil.which(place)):
            return found
    raise DeviceError(
        "adb",
        expected="the program adb",
        got=f"nothing at {', '.join(p for p in places if p) or 'any of its places'}",
        todo="Install Android's platform-tools (Debian: apt install adb), or name it in ADB=….",
    )


def parse_devices(listing: str) -> dict[str, str]:
    """Serial -> state, from `adb devices`."""
    lines = [
        line.split(None, 1) for line in listing.splitlines() if line.strip() and not line.startswith(("*", "List"))
    ]
    states = {line[0]: (line[1] if len(line) > 1 else "unknown").split("\t")[0] for line in lines}
    known = ("no permissions", *STATES, "device")
    return {serial: next((k for k in known if said.startswith(k)), said.strip()) for serial, said in states.items()}


def choose_phone(states: Mapping[str, str], serial: str = "") -> str:
    """The device to use.

    Raises:
        DeviceError: none, several without a choice, or one that cannot be used yet; says what to do.
    """
    if serial and serial not in states:
        listed = ", ".join(states) or "no device"
        todo = f"`adb connect {serial}`." if NETWORK_SERIAL.match(serial) else "Check the cable and --serial."
        raise DeviceError("adb", expected=f"device {serial}", got=listed, todo=todo)
    if not states:
        todo = "Plug in a phone with USB debugging on (developer options), or `adb connect host:port`."
        raise DeviceError("adb", expected="a device", got="none", todo=todo)
    if not serial and len(states) > 1:
        raise DeviceError(
            "adb",
            expected="one device",
            got=", ".join(f"{name} ({state})" for name, state in states.items()),
            todo="Name one with --serial (make: SERIAL=…).",
        )
    serial = serial or next(iter(states))
    if states[serial] != "device":
        todo = STATES.get(states[serial], "Plug it in again.")
        raise DeviceError(f"device {serial}", expected="a device that answers", got=states[serial], todo=todo)
    return serial


@dataclass(frozen=True)
class Phone:
    """One device behind one adb."""

    adb: str
    serial: str

    @classmethod
    def find(cls, serial: str = "") -> Phone:
        """The device to use.

        Raises:
            DeviceError: see `find_adb` and `choose_phone`.
        """
        adb = find_adb()
        done = _run([adb, "devices"], QUICK)
        if done is None or done.returncode:
            got = done.stderr.strip()[-200:] if done else f"no answer in {QUICK:.0f} s"
            raise DeviceError("adb devices", expected="a list", got=got, todo="`adb kill-server`, then again.")
        return cls(adb, choose_phone(parse_devices(done.stdout), serial))

    def shell(self, command: str, limit: float = QUICK) -> Answer:
        """A command line on the device. Its exit status comes behind a mark of ours: without the mark the line broke.

        Raises:
            DeviceLostError: the line broke, or nothing came back within the limit.
        """
        done = self._call("shell", f"( {command}\n); status=$?; echo; echo EXIT-$status-", limit=limit)
        head, mark, tail = done.stdout.rpartition("\nEXIT-")
        status = tail.split("-")[0]
        if not mark or not status.isdigit():
            raise self._lost(done.stderr)
        return Answer(int(status), head, done.stderr)

    def push(self, local: Path, remote: str) -> None:
        """One file to the device.

        Raises:
            DeviceLostError: the line broke.
            DeviceError: the device did not take it: no room, above all.
        """
        self._move("push", str(local), remote)

    def pull(self, remote: str, local: Path) -> None:
        """One file from the device.

        Raises:
            DeviceLostError, DeviceError: as `push`.
        """
        local.parent.mkdir(parents=True, exist_ok=True)
        self._move("pull", remote, str(local))

    def is_there(self) -> bool:
        """Whether the device answers."""
        done = _run([self.adb, "-s", self.serial, "get-state"], QUICK)
        return done is not None and done.returncode == 0 and done.stdout.strip() == "device"

    def wait(self, seconds: float) -> bool:
        """Whether the device is (back) there within some seconds; one on the network is called again."""
        until = time.monotonic() + seconds
        while not self.is_there():
            if time.monotonic() > until:
                return False
            if NETWORK_SERIAL.match(self.serial):
                _run([self.adb, "connect", self.serial], QUICK)
            time.sleep(0.5)
        return True

    def _move(self, *arguments: str) -> None:
        done = self._call(*arguments, limit=LONG)
        if done.returncode == 0:
            return
        said = (done.stderr.strip() or done.stdout.strip())[-300:]
        if not self.is_there():
            raise self._lost(said)
        full = "o space left" in said
        raise DeviceError(
            f"adb {arguments[0]} {Path(arguments[1]).name}",
            expected="room on the device" if full else "a file that moves",
            got=said,
            todo="Free some space on the device." if full else "Check the cable, and the folder on the device.",
        )

    def _call(self, *arguments: str, limit: float) -> subprocess.CompletedProcess[str]:
        done = _run([self.adb, "-s", self.serial, *arguments], limit)
        if done is None:
            raise self._lost(f"no answer in {limit:.0f} s")
        return done

    def _lost(self, said: str) -> DeviceLostError:
        got = said.strip()[-200:] or "a line that broke"
        return DeviceLostError(
            f"device {self.serial}", expected="an answer", got=got, todo="Check the cable, run it again."
        )


def _run(command: Sequence[str], limit: float) -> subprocess.CompletedProcess[str] | None:
    """None where the limit was reached."""
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return None
