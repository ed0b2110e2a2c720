"""The C++ text normalization as a program that answers questions, built with sanitizers where the compiler has them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.selector.engine_library import SOURCES

SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
LIMIT = 300  # seconds: a hang is a failure


def build_spoken_program(work: Path) -> Path:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    (work / "plain.cpp").write_text("int main() {}")
    plain = [compiler, *SANITIZED, str(work / "plain.cpp"), "-o", str(work / "plain")]
    sanitized = SANITIZED if subprocess.run(plain, capture_output=True).returncode == 0 else ()
    flags = [
        "-std=c++17",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Wconversion",
        "-Werror",
        *sanitized,
        f"-I{SOURCES}",
    ]
    sources = [Path(__file__).parent / "vectors" / "check_spoken.cpp", *sorted((SOURCES / "text").glob("*.cpp"))]
    objects = [work / f"{source.stem}.o" for source in sources]

    def compiled(source: Path, made: Path) -> None:
        subprocess.run([compiler, *flags, "-c", source, "-o", made], check=True)

    with ThreadPoolExecutor(2) as both:
        list(both.map(compiled, sources, objects))
    subprocess.run([compiler, *sanitized, *objects, "-o", work / "check_spoken"], check=True)
    return work / "check_spoken"


def answers(program: Path, questions: Sequence[bytes], lexicon: str | None = None) -> list[str]:
    """The answers to lines of language, tab, text; and that there is one for each."""
    how = [str(program), *([] if lexicon is None else [lexicon])]
    asked = b"".join(question + b"\n" for question in questions)
    done = subprocess.run(how, input=asked, capture_output=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
    given = done.stdout.decode().split("\n")[:-1]
    assert len(given) == len(questions)
    return given
