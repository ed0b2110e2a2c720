"""A build goes on where its checkout was moved, though CMake's cache names its folders; a failure repeats CMake."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from export_onnx.errors import DeviceError
from quantize.ops.cmake_build import CACHE, cmake_build, known_places

LISTS = """cmake_minimum_required(VERSION 3.16)
project(small C)
add_executable(small small.c)
"""
pytestmark = pytest.mark.skipif(not shutil.which("cmake") or not shutil.which("cc"), reason="no cmake or no cc")


def test_a_build_that_was_moved_goes_on(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "src").mkdir(parents=True)
    (here / "src" / "CMakeLists.txt").write_text(LISTS)
    (here / "src" / "small.c").write_text("int main(void) { return 7; }")
    cmake_build(here / "src", here / "build", [])
    assert known_places(here / "build" / CACHE) == {str(here / "src"), str(here / "build")}
    here.rename(there)
    refused = ["cmake", "-S", str(there / "src"), "-B", str(there / "build")]
    assert subprocess.run(refused, capture_output=True).returncode != 0, "what CMake does by itself"
    cmake_build(there / "src", there / "build", [])
    assert subprocess.run([there / "build" / "small"]).returncode == 7
    (there / "src" / "small.c").write_text("int main(void) { return wrong; }")
    with pytest.raises(DeviceError, match=r"(?s)cmake --build .*build: expected that it works, got .*wrong"):
        cmake_build(there / "src", there / "build", [])
