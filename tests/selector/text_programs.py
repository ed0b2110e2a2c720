"""The C++ text front end and phonemizers as programs that answer questions, built once per run, with sanitizers where
the compiler has them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.selector.engine_library import SOURCES

PARTS = ("phonemes", "text")
SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
LIMIT = 300  # seconds: a hang is a failure


def cpp_compiler() -> str:
    found = shutil.which("g++") or shutil.which("clang++")
    if found is None:
        pytest.skip("no C++ compiler")
    return found


def build_parts(work: Path) -> None:
    """Writes `libparts.a`, and `flags.json` with what it was compiled with."""
    compiler = cpp_compiler()
    (work / "plain.cpp").write_text("int main() {}")
    plain = [compiler, *SANITIZED, str(work / "plain.cpp"), "-o", str(work / "plain")]
    sanitized = SANITIZED if subprocess.run(plain, capture_output=True).returncode == 0 else ()
    flags = ["-std=c++17", "-O1", "-g1", *sanitized, f"-I{SOURCES}"]
    sources = [source for part in PARTS for source in sorted((SOURCES / part).glob("*.cpp"))]
    objects = [work / f"{source.parent.name}_{source.stem}.o" for source in sources]

    def compiled(source: Path, made: Path) -> None:
        subprocess.run([compiler, *flags, *STRICT, "-c", source, "-o", made], check=True)

    with ThreadPoolExecutor(2) as both:
        list(both.map(compiled, sources, objects))
    subprocess.run(["ar", "rcs", work / "libparts.a", *objects], check=True)
    (work / "flags.json").write_text(json.dumps(flags))


def link_program(parts: Path, name: str, folder: Path) -> None:
    """Compiles `vectors/<name>.cpp` with the parts to `folder/<name>`."""
    flags = json.loads((parts / "flags.json").read_text())
    source = Path(__file__).parent / "vectors" / f"{name}.cpp"
    linked = [str(source), str(parts / "libparts.a"), "-pthread", "-ldl", "-o", str(folder / name)]
    subprocess.run([cpp_compiler(), *flags, *STRICT, *linked], check=True)


def answers(program: Path, questions: Sequence[bytes], lexicon: str | None = None) -> list[str]:
    """The answers to lines of language, tab, text; and that there is one for each."""
    how = [str(program), *([] if lexicon is None else [lexicon])]
    asked = b"".join(question + b"\n" for question in questions)
    done = subprocess.run(how, input=asked, capture_output=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
    given = done.stdout.decode().split("\n")[:-1]
    assert len(given) == len(questions)
    return given
