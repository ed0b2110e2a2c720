"""Files onto the device: only what changed, and what arrived is what was sent."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from android_test.device.adb import LONG, Phone
from android_test.device.device_facts import parse_free
from export_onnx import console
from export_onnx.errors import DeviceError
from export_onnx.provenance import sha256

TRIES: Final = 2
SPARE: Final = 16 << 20  # bytes left free beside what is pushed, for outputs and logs


def deploy(phone: Phone, files: Mapping[str, Path], folder: str) -> list[str]:
    """Brings `files` (path below `folder` -> local file) there; returns the paths that had to be pushed.

    Raises:
        DeviceLostError: the line broke.
        DeviceError: no room, or a file that arrives as another one, twice.
    """
    wanted = {name: sha256(file) for name, file in files.items()}
    there = hashes(phone, folder)
    changed = sorted(name for name, digest in wanted.items() if there.get(name) != digest)
    for attempt in range(TRIES):
        left = [name for name in changed if there.get(name) != wanted[name]]
        if not left:
            break
        if not attempt:
            check_room(phone, folder, sum(files[name].stat().st_size for name in left))
        parents = sorted({str(Path(folder, name).parent) for name in left})
        phone.shell("mkdir -p " + shlex.join(parents))
        with console.progress("push", len(left)) as advance:
            for name in left:
                advance(name)
                phone.push(files[name], f"{folder}/{name}")
        there |= hashes(phone, folder, left)
    if broken := [name for name in changed if there.get(name) != wanted[name]]:
        raise DeviceError(
            f"{folder}/{broken[0]}",
            expected=f"sha256 {wanted[broken[0]]}",
            got=there.get(broken[0], "nothing"),
            todo="The device or the cable changes what is sent: try another cable, or free some space.",
        )
    return changed


def hashes(phone: Phone, folder: str, names: Sequence[str] = ()) -> dict[str, str]:
    """sha256 by path below `folder`, of `names` or of every file there, as the device computes it.

    Raises:
        DeviceLostError: the line broke.
    """
    which = shlex.join(f"./{name}" for name in names)
    what = f"sha256sum {which}" if names else "find . -type f -exec sha256sum {} +"
    said = phone.shell(f"mkdir -p {folder} && cd {folder} && {what}", LONG).stdout
    return {name: digest for digest, name in re.findall(r"^([0-9a-f]{64})\s+\*?\./(.+?)\s*$", said, re.M)}


def check_room(phone: Phone, folder: str, needed: int) -> None:
    """Whether `needed` bytes fit.

    Raises:
        DeviceError: they do not.
    """
    free = parse_free(phone.shell(f"df -k {folder}").stdout)
    if free < needed + SPARE:
        raise DeviceError(
            folder,
            expected=f"{(needed + SPARE) / 1e6:.0f} MB free",
            got=f"{free / 1e6:.0f} MB",
            todo="Free some space on the device.",
        )
