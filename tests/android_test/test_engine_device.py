"""The C++ engine on a device: pushed, run and read over the real adb and adbd, it says Python's samples."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from selector.package.opened import Package
from selector.speak.synthesize import Synthesizer
from tests.android_test import linux_device
from tests.android_test.linux_device import SERIAL, LinuxDevice
from tests.built_once import built_once
from tests.selector.engine_library import SOURCES, build_engine, engine_headers
from tests.selector.test_engine_readme import lines_of

pytestmark = pytest.mark.skipif(bool(linux_device.unavailable()), reason=linux_device.unavailable() or "-")

TEXT = "Bad dog jumps. It runs far away over the hills."
PLACE = "/data/local/tmp/say"
PROGRAM = """
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>
static void play(const std::vector<float>& samples) {
    std::FILE* file = std::fopen("samples.f32", "ab");
    std::fwrite(samples.data(), sizeof(float), samples.size(), file);
    std::fclose(file);
}
%s
int main(int, char** arguments) {
    try {
        say(arguments[1], arguments[2], [](const std::string& text, const std::string&) { return text; });
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\\n';
        return 1;
    }
}
"""


@pytest.fixture(scope="module")
def engine_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_once(tmp_path_factory, "engine", build_engine) / "build"


@pytest.fixture(scope="module")
def program(engine_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The README's lines as a program that looks for ONNX Runtime beside itself."""
    made = tmp_path_factory.mktemp("say") / "say"
    made.with_suffix(".cpp").write_text(PROGRAM % lines_of("cpp"), encoding="utf-8")
    include = [f"-I{SOURCES}", "-isystem", str(engine_headers())]
    libraries = [str(engine_folder / name) for name in ("libengine.a", "libonnxruntime.so.1")]
    flags = ["-std=c++17", *include, str(made.with_suffix(".cpp")), *libraries, "-pthread", "-ldl"]
    subprocess.run(["c++", *flags, "-Wl,-rpath,$ORIGIN", "-o", str(made)], check=True)
    return made


def adb(device: LinuxDevice, *command: str | Path) -> str:
    asked = [str(device.adb), "-s", SERIAL, *map(str, command)]
    done = subprocess.run(asked, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_engine_says_pythons_samples_there(
    device: LinuxDevice, program: Path, engine_folder: Path, packages: Path, tmp_path: Path
) -> None:
    folder = packages / "kokoro-npu-fake-0.1.0-cpu"
    adb(device, "shell", f"mkdir -p {PLACE}")
    adb(device, "push", program, (engine_folder / "libonnxruntime.so.1").resolve(), folder, PLACE)
    library = (engine_folder / "libonnxruntime.so.1").resolve().name
    if library != "libonnxruntime.so.1":
        adb(device, "shell", f"mv {PLACE}/{library} {PLACE}/libonnxruntime.so.1")
    adb(device, "shell", f"cd {PLACE} && ./say {folder.name} '{TEXT}'")
    adb(device, "pull", f"{PLACE}/samples.f32", tmp_path / "samples.f32")
    package = Package.open(folder)
    voice = min(package.manifest.voices.files)
    speaker = Synthesizer(package.chains, package.manifest, voice, package.voice(voice), 1.0, phonemize=lambda t, _: t)
    wanted = np.concatenate([chunk.samples for chunk in speaker.speak(TEXT)])
    assert (tmp_path / "samples.f32").read_bytes() == wanted.tobytes()

    # A damaged package is refused there, too, with the four facts.
    adb(device, "shell", f"cd {PLACE} && echo x >> {folder.name}/models/weights.bin")
    refused = subprocess.run(
        [str(device.adb), "-s", SERIAL, "shell", f"cd {PLACE} && ./say {folder.name} '{TEXT}'"],
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 1
    assert "weights.bin: expected" in refused.stdout + refused.stderr
