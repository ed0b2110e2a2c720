"""A device without a phone: the real adbd in a debootstrap folder, and an adb that reaches it.

Nothing of it is seen outside: the daemon's port exists in a network namespace alone, its mounts end with it.

    python -m tests.android_test.linux_device     the same by hand, until Ctrl-C; says how `make verify-device` finds it
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from android_test.device.linux_runner import KEYRING, lacking

ROOT = Path(__file__).parent.parent.parent
WORK = ROOT / "build" / "android_test"
MAKING = WORK / "making.lock"  # of whoever fills `WORK`
SUITE = "trixie"  # the first of Debian's with adbd
SERIAL = "127.0.0.1:5555"
NEEDED = {
    "adb": "adb",
    "debootstrap": "debootstrap",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "ip": "iproute2",
    "chroot": "coreutils",
}


def unavailable() -> str:
    """Why there can be no such device here; empty where there can."""
    if os.geteuid() != 0:
        return "a device in a chroot needs root"
    missing = [f"{tool} (apt install {package})" for tool, package in NEEDED.items() if shutil.which(tool) is None]
    if missing := missing + lacking():
        return f"no {', no '.join(missing)}"
    made = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, text=True, check=False)
    return f"no namespaces here: {made.stderr.strip()}" if made.returncode else ""


def make_tree(folder: Path) -> str:
    """A Debian with adbd in `folder`, once; returns why it could not be made."""
    if (folder / "usr" / "sbin" / "adbd").is_file():
        return ""
    half = folder.with_name(f".{folder.name}")
    shutil.rmtree(half, ignore_errors=True)
    half.parent.mkdir(parents=True, exist_ok=True)
    command = ["debootstrap", f"--keyring={KEYRING}", "--variant=minbase", "--include=adbd", SUITE, str(half)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"debootstrap: {(done.stdout + done.stderr).strip()[-300:]}"
    half.rename(folder)
    return ""


@dataclass
class LinuxDevice:
    """One device. `adb` is a program that talks to it; `room` the bytes of /data on it, in memory."""

    tree: Path
    work: Path
    room: int = 512 << 20
    _net: subprocess.Popen[bytes] | None = None
    _daemon: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def adb(self) -> Path:
        """The real client, in the device's network, with a server and keys of its own."""
        return self.work / "adb"

    def start(self) -> None:
        """Network and daemon, connected."""
        self.work.mkdir(parents=True, exist_ok=True)
        data = f"{self.tree}/data"
        script = (
            f"mkdir -p {data} && mount -t tmpfs -o size={self.room} tmpfs {data} && mkdir -p {data}/local/tmp && "
            f"ip link set lo up && echo ready && exec sleep infinity"
        )
        holder = ["unshare", "--net", "--mount", "sh", "-c", script]
        self._net = subprocess.Popen(holder, stdout=subprocess.PIPE)
        # Until it has said so, its namespaces may still be ours: nothing may be started in them.
        assert self._net.stdout is not None
        if self._net.stdout.readline() != b"ready\n":
            raise RuntimeError("no network or storage for the device")
        assert os.readlink(f"/proc/{self._net.pid}/ns/net") != os.readlink("/proc/self/ns/net")
        real = shutil.which("adb")
        self.adb.write_text(
            f"#!/bin/sh\nHOME='{self.work}' ADB_LOCAL_TRANSPORT_MAX_PORT=5554 "
            f'exec nsenter --net --target {self._net.pid} {real} "$@"\n'
        )
        self.adb.chmod(0o755)
        self.plug()

    def plug(self) -> None:
        """The daemon. What was stored before is still there."""
        assert self._net is not None
        script = (
            f"mount -t proc proc {self.tree}/proc && mkdir -p {self.tree}/dev/pts && "
            f"mount -t devpts devpts {self.tree}/dev/pts && exec chroot {self.tree} /usr/sbin/adbd"
        )
        spaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script]
        command = ["nsenter", "--net", "--mount", "--target", str(self._net.pid), *spaces]
        self._daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while not self._answers():
            assert time.monotonic() < until, "adbd does not answer"
            time.sleep(0.2)

    def pull_cable(self) -> None:
        """Kills the daemon and all that it runs."""
        assert self._daemon is not None
        self._daemon.kill()
        self._daemon.wait()

    def stop(self) -> None:
        """Everything ends."""
        subprocess.run([self.adb, "kill-server"], capture_output=True, check=False)
        for process in (self._daemon, self._net):
            if process is not None:
                process.kill()
                process.wait()
                if process.stdout is not None:
                    process.stdout.close()

    def shell(self, command: str) -> str:
        """What a command on the device prints."""
        asked = [str(self.adb), "-s", SERIAL, "shell", command]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout

    def _answers(self) -> bool:
        subprocess.run([self.adb, "connect", SERIAL], capture_output=True, check=False)
        asked = [str(self.adb), "-s", SERIAL, "get-state"]
        return subprocess.run(asked, capture_output=True, check=False).stdout.strip() == b"device"


@contextlib.contextmanager
def linux_device(work: Path, room: int = 512 << 20) -> Iterator[LinuxDevice]:
    """A running device; its Debian is made first where it is not there yet."""
    if reason := make_tree(WORK / "linux_device"):
        raise RuntimeError(reason)
    device = LinuxDevice(WORK / "linux_device", work, room)
    try:
        device.start()
        yield device
    finally:
        device.stop()


def main() -> int:
    """A device until Ctrl-C."""
    if reason := unavailable():
        print(reason, file=sys.stderr)
        return 1
    with linux_device(WORK / "by_hand", 2 << 30) as device:
        print(f"make verify-device ADB={device.adb} SERIAL={SERIAL} RUNNER=build/android_test/runner/linux TARGET=cpu")
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C, also behind `&`
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)
    return 0


if __name__ == "__main__":
    sys.exit(main())
