"""Are the runner and its libraries linked for the device's memory pages?

Phones with Android 15 and newer may have pages of 16 KB. Their loader refuses a 64-bit file whose loadable segments are
aligned for smaller pages, and the stage would be blamed for it. The alignment is read from the file's ELF program
headers, as `readelf -lW` prints it under `Align`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from android_test.device.adb import Phone
from export_onnx.errors import DeviceError

SMALL_PAGE: Final = 4096
LARGE_PAGE: Final = 16384
ELF_64_LITTLE: Final = b"\x7fELF\x02\x01"
PT_LOAD: Final = 1
ALIGN_AT: Final = 48  # in a program header of a 64-bit file


def load_alignment(file: Path) -> int | None:
    """The least alignment of a file's loadable segments in bytes; None where it is no 64-bit ELF file with any."""
    with file.open("rb") as start_of_file:
        raw = start_of_file.read(1 << 16)  # program headers follow the file's header
    if not raw.startswith(ELF_64_LITTLE):
        return None
    (start,) = struct.unpack_from("<Q", raw, 32)
    size, count = struct.unpack_from("<HH", raw, 54)
    headers = [start + size * i for i in range(count) if start + size * (i + 1) <= len(raw)]
    loads = [at for at in headers if struct.unpack_from("<I", raw, at)[0] == PT_LOAD]
    return min((struct.unpack_from("<Q", raw, at + ALIGN_AT)[0] for at in loads), default=None)


def read_page_size(phone: Phone) -> int:
    """The device's page size in bytes; 4 KB where the device does not say.

    Raises:
        DeviceLostError: the line broke.
    """
    said = phone.shell("getconf PAGE_SIZE 2>/dev/null").stdout.strip()
    return int(said) if said.isdecimal() else SMALL_PAGE


def check_pages(files: Mapping[str, Path], page: int) -> list[str]:
    """Checks that every file that is pushed can be loaded on pages of `page` bytes.

    Args:
        files: name on the device -> file here.

    Returns:
        A remark for each file that a device with pages of 16 KB would refuse.

    Raises:
        DeviceError: a file is aligned for smaller pages than the device has.
    """
    aligned = {name: alignment for name, file in files.items() if (alignment := load_alignment(file)) is not None}
    if refused := [f"{name} ({alignment})" for name, alignment in aligned.items() if alignment < page]:
        raise DeviceError(
            f"{refused[0]}",
            expected=f"segments aligned to the device's pages of {page} bytes",
            got=f"smaller alignment in {', '.join(refused)}",
            todo="Link with -Wl,-z,max-page-size=16384, or take a release of the library for 16 KB pages.",
        )
    small = [name for name, alignment in aligned.items() if alignment < LARGE_PAGE]
    return [f"{name} is linked for pages of {aligned[name]} bytes: phones with 16 KB refuse it" for name in small]
