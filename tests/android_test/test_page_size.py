"""Libraries for 16 KB pages: the alignment in the ELF header, as readelf prints it, from both sides."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from android_test.device.page_size import LARGE_PAGE, SMALL_PAGE, check_pages, load_alignment, read_page_size
from export_onnx.errors import DeviceError

needs_compiler = pytest.mark.skipif(
    shutil.which("c++") is None or shutil.which("readelf") is None, reason="no c++ or no readelf"
)


def linked(work: Path, page: int) -> Path:
    """A library that is linked for pages of `page` bytes."""
    source, library = work / "one.cpp", work / f"lib{page}.so"
    source.write_text("int one() { return 1; }\n")
    flag = f"-Wl,-z,max-page-size={page}"
    subprocess.run(["c++", "-shared", "-fPIC", flag, str(source), "-o", str(library)], check=True)
    return library


class Device:
    """Answers `getconf`."""

    def __init__(self, answer: str) -> None:
        self.stdout = answer

    def shell(self, command: str) -> Device:
        assert command.startswith("getconf PAGE_SIZE")
        return self


@needs_compiler
@pytest.mark.parametrize("page", [SMALL_PAGE, LARGE_PAGE, 65536])
def test_the_alignment_is_the_one_that_readelf_prints(tmp_path: Path, page: int) -> None:
    library = linked(tmp_path, page)
    listed = subprocess.run(["readelf", "-lW", str(library)], check=True, capture_output=True, text=True).stdout
    printed = {int(line.split()[-1], 16) for line in listed.splitlines() if re.match(r"\s*LOAD\s", line)}
    assert load_alignment(library) == min(printed) == page


@needs_compiler
def test_a_library_for_small_pages_is_refused_where_pages_are_large(tmp_path: Path) -> None:
    files = {"small.so": linked(tmp_path, SMALL_PAGE), "large.so": linked(tmp_path, LARGE_PAGE)}
    files["script.sh"] = tmp_path / "script.sh"
    files["script.sh"].write_text("#!/bin/sh\n")
    with pytest.raises(DeviceError, match=r"small\.so \(4096\)") as raised:
        check_pages(files, LARGE_PAGE)
    assert "large.so" not in str(raised.value)
    assert "max-page-size=16384" in raised.value.todo
    assert [remark.split()[0] for remark in check_pages(files, SMALL_PAGE)] == ["small.so"]
    del files["small.so"]
    assert check_pages(files, LARGE_PAGE) == []


def test_what_is_no_elf_file_has_no_alignment(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for content in (b"", b"\x7fELF", b"text", b"\x7fELF\x01\x01" + bytes(100), b"\x7fELF\x02\x01" + bytes(100)):
        file.write_bytes(content)
        assert load_alignment(file) is None


@pytest.mark.parametrize(("answer", "page"), [("16384\n", LARGE_PAGE), ("4096\n", SMALL_PAGE), ("", SMALL_PAGE)])
def test_the_device_says_its_page_size(answer: str, page: int) -> None:
    device: Any = Device(answer)
    assert read_page_size(device) == page


def test_the_runner_is_linked_for_large_pages(runner: Path) -> None:
    assert load_alignment(runner / "runner") == LARGE_PAGE
