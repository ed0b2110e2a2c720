"""The README's lines for an app, compiled and run: they speak, and they are few."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from selector.package.archive import classes_jar
from selector.package.opened import Package
from selector.speak.synthesize import Synthesizer
from tests.selector.conftest import NAME
from tests.selector.engine_library import ROOT, SOURCES, engine_headers

TEXT = "Bad dog jumps. It runs."
CPP = """
#include <iostream>
#include <string>
#include <vector>
static void play(const std::vector<float>& samples) { std::cout << samples.size() << '\\n'; }
%s
int main(int, char** arguments) {
    say(arguments[1], arguments[2], [](const std::string& text, const std::string&) { return text; });
}
"""
KOTLIN = """
%s
fun play(samples: FloatArray) = println(samples.size)
fun main(arguments: Array<String>) = say(arguments[0], arguments[1], Phonemizer { text, _ -> text })
"""


def lines_of(language: str) -> str:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(rf"```{language}\n(.*?)```", readme, re.DOTALL)
    assert len(code.splitlines()) <= 10
    return code


def pythons_lengths(dist: Path) -> list[int]:
    package = Package.open(dist / NAME)
    voice = min(package.manifest.voices.files)
    speaker = Synthesizer(package.chains, package.manifest, voice, package.voice(voice), 1.0, phonemize=lambda t, _: t)
    return [len(chunk.samples) for chunk in speaker.speak(TEXT)]


def spoken_lengths(*command: str | Path) -> list[int]:
    done = subprocess.run([*map(str, command), TEXT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return [int(line) for line in done.stdout.splitlines()]


def test_the_readmes_cpp_speaks(engine_folder: Path, dist: Path, tmp_path: Path) -> None:
    (tmp_path / "app.cpp").write_text(CPP % lines_of("cpp"), encoding="utf-8")
    include = [f"-I{SOURCES}", "-isystem", str(engine_headers())]
    libraries = [str(engine_folder / name) for name in ("libengine.a", "libonnxruntime.so.1")]
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", *include, str(tmp_path / "app.cpp"), *libraries, "-ldl"]
    subprocess.run(["c++", *flags, f"-Wl,-rpath,{engine_folder}", "-o", str(tmp_path / "app")], check=True)
    assert spoken_lengths(tmp_path / "app", dist / NAME) == pythons_lengths(dist)


def test_the_readmes_kotlin_speaks(engine_folder: Path, dist: Path, tmp_path: Path) -> None:
    java, kotlin = shutil.which("javac"), shutil.which("kotlinc")
    if java is None or kotlin is None:
        pytest.skip("no JDK or no kotlinc")
    classes, app = tmp_path / "classes.jar", tmp_path / "app.jar"
    classes.write_bytes(classes_jar(java))
    (tmp_path / "App.kt").write_text(KOTLIN % lines_of("kotlin"), encoding="utf-8")
    subprocess.run([kotlin, "-include-runtime", "-cp", classes, tmp_path / "App.kt", "-d", app], check=True)
    library = f"-Dkokoro_npu.library={engine_folder / 'libkokoro_npu.so'}"
    command = ["java", library, "-XX:TieredStopAtLevel=1", "-cp", f"{app}:{classes}", "AppKt"]
    assert spoken_lengths(*command, dist / NAME) == pythons_lengths(dist)
