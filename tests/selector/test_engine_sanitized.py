"""The C++ engine under AddressSanitizer and UndefinedBehaviorSanitizer, on damaged manifests and odd texts; no leak."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from quantize.ops.fused_ops import OPS_VERSION
from selector.sdk.vectors.split_vectors import ODD, PROSE
from tests.selector.conftest import NAME
from tests.selector.engine_library import ROOT, SOURCES, engine_headers, onnxruntime_library
from tests.selector.fused_fakes import library_without_operators, with_library

MANIFESTS, TEXTS, FUSED_MANIFESTS = 400, 60, 80
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
# ONNX Runtime keeps a few things until the process ends.
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1", "LSAN_OPTIONS": "suppressions=leaks.txt"}


@pytest.fixture(scope="module")
def drill(text_parts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, with everything of the engine instrumented."""
    work = tmp_path_factory.mktemp("drill")
    (work / "leaks.txt").write_text("leak:libonnxruntime\n")
    return instrumented(work, "drill", SANITIZERS, text_parts / "libparts.a")


def instrumented(work: Path, program: str, sanitizers: list[str], text_parts: Path) -> Path:
    """`vectors/<program>.cpp` and the engine under sanitizers; skips where compiler or kernel has none.

    Args:
        text_parts: the archive that holds the engine's text parts.
    """
    headers, library = engine_headers(), onnxruntime_library(work)
    flags = ["c++", "-std=c++17", "-O1", "-g", *sanitizers]
    (work / "plain.cpp").write_text("int main() {}")
    made = subprocess.run([*flags, str(work / "plain.cpp"), "-o", str(work / "plain")], capture_output=True)
    if made.returncode or subprocess.run([work / "plain"], capture_output=True).returncode:
        pytest.skip(f"this compiler or this kernel has no {sanitizers[0]}")
    whole_source(work / "whole.cpp", program)
    linked = [str(text_parts), str(library), f"-Wl,-rpath,{work}", "-ldl", "-o", str(work / program)]
    include = [f"-I{SOURCES}", "-isystem", str(headers)]
    subprocess.run([*flags, *include, str(work / "whole.cpp"), *linked], check=True)
    return work / program


def whole_source(file: Path, program: str) -> None:
    """The program and the engine but for its text parts, as one source, so that the compiler reads the headers once.

    The entry for the JVM and the probe's own `main` are left out.
    """
    apart = ("jni.cpp", "kokoro_npu_probe.cpp")
    engine = [source for source in sorted(SOURCES.glob("*.cpp")) if source.name not in apart]
    sources = [Path(__file__).parent / "vectors" / f"{program}.cpp", *engine]
    file.write_text("".join(f'#include "{source}"\n' for source in sources))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


STRANGE: list[Any] = [None, True, -1, 0, 1, 1e300, 2**53, -(2**53), 1.5, "", "../x", "/", "\x00", "é" * 99, [], {}]


def damaged_manifest(whole: str, draws: random.Random) -> bytes:
    """A manifest with one to three values replaced or lost, or with bytes cut, doubled or changed."""
    if draws.random() < 0.3:
        content = bytearray(whole.encode())
        for _ in range(draws.randint(1, 4)):
            at = draws.randrange(len(content))
            content[at : at + draws.choice([0, 1, 50])] = bytes(
                draws.randrange(256) for _ in range(draws.randint(0, 3))
            )
        return bytes(content[: draws.choice([None, draws.randrange(len(content))])])
    value = json.loads(whole)
    for _ in range(draws.randint(1, 3)):
        *path, last = draws.choice([place for place in places(value) if place])
        target = value
        for key in path:
            target = target[key]
        if draws.random() < 0.3:
            del target[last]
        else:
            target[last] = draws.choice(STRANGE)
    return json.dumps(value, ensure_ascii=draws.random() < 0.5).encode()


def odd_text(draws: random.Random) -> bytes:
    words = [*ODD, *PROSE, "b" * 300, "1234567890" * 9, "a-b_c" * 60]
    text = " ".join(draws.choice(words) for _ in range(draws.randint(0, 30))).encode("utf-8", "surrogatepass")
    content = bytearray(text[: draws.choice([None, draws.randint(0, 400)])])
    for _ in range(draws.choice([0, 0, 3])):  # bytes that are no UTF-8
        content.insert(draws.randint(0, len(content)), draws.randint(1, 255))
    return bytes(content).replace(b"\0", b"")


def test_no_damaged_manifest_and_no_odd_text_upsets_the_engine(drill: Path, dist: Path, tmp_path: Path) -> None:
    draws = random.Random(5)
    whole = (dist / NAME / "manifest.json").read_text(encoding="utf-8")
    (tmp_path / "manifests").mkdir()
    for number in range(MANIFESTS):
        (tmp_path / "manifests" / str(number)).write_bytes(damaged_manifest(whole, draws))
    (tmp_path / "texts").write_bytes(b"\0".join(odd_text(draws) for _ in range(TEXTS)))
    command = [drill, dist / NAME, tmp_path / "manifests", tmp_path / "texts"]
    done = subprocess.run(command, cwd=drill.parent, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    (taken, refused), (spoken, unspoken) = (map(int, line.split()) for line in done.stdout.splitlines())
    assert taken + refused == MANIFESTS
    assert taken > MANIFESTS // 20, "some damage does not matter"
    assert refused > MANIFESTS // 2
    assert spoken + unspoken == TEXTS
    assert spoken > TEXTS // 4


def test_fused_operators_upset_nothing_either(drill: Path, fused_package: Path, tmp_path: Path) -> None:
    """With the library, and with a package whose library ONNX Runtime refuses."""
    draws = random.Random(7)
    (tmp_path / "manifests").mkdir()
    whole = (fused_package / "manifest.json").read_text(encoding="utf-8")
    for number in range(FUSED_MANIFESTS):
        (tmp_path / "manifests" / str(number)).write_bytes(damaged_fused(whole, draws))
    (tmp_path / "texts").write_bytes(b"bad dog.\0" + odd_text(draws))
    broken = with_library(fused_package, tmp_path / "broken", library_without_operators(tmp_path, OPS_VERSION))
    for package in (fused_package, broken):
        command = [drill, package, tmp_path / "manifests", tmp_path / "texts"]
        done = subprocess.run(command, cwd=drill.parent, env=ENVIRONMENT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-4000:]
        taken, refused = map(int, done.stdout.splitlines()[0].split())
        assert taken + refused == FUSED_MANIFESTS
        assert refused > FUSED_MANIFESTS // 3


def damaged_fused(whole: str, draws: random.Random) -> bytes:
    """A manifest with one value of `fused` replaced or lost."""
    value = json.loads(whole)
    *path, last = draws.choice([place for place in places(value["fused"]) if place and place[0] != "quality"])
    target = value["fused"]
    for key in path:
        target = target[key]
    if draws.random() < 0.3:
        del target[last]
    else:
        target[last] = draws.choice(STRANGE)
    return json.dumps(value).encode()


def test_the_sanitizers_are_on(drill: Path) -> None:
    done = subprocess.run([drill, "overrun"], cwd=drill.parent, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr


PYTHON = {**os.environ, "PYTHONPATH": str(ROOT)}
CYCLES = """
import os, sys
from pathlib import Path
from tests.selector.engine_library import Library

library = Library.load(Path(sys.argv[1]))

def cycles(number, close=True):
    def resident():
        return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = resident()
    for _ in range(number):
        engine = library.open(Path(sys.argv[2]), threads=1)
        assert engine.speak(phonemes="bad dog")
        if close:
            engine.close()
    print(resident() - before)

cycles(20)
cycles(200)
cycles(20, close=False)
"""


@pytest.mark.parametrize("operators", ["stock", "fused"])
def test_two_hundred_engines_leave_nothing_behind(
    engine_folder: Path, dist: Path, fused_package: Path, operators: str
) -> None:
    package = fused_package if operators == "fused" else dist / NAME
    command = [sys.executable, "-c", CYCLES, str(engine_folder), str(package)]
    done = subprocess.run(command, cwd=ROOT, env=PYTHON, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    _, grown, held = map(int, done.stdout.split())
    assert grown < 2e6, grown
    assert held > 10e6, f"the defect, twenty engines that nobody closes: {held}"


@pytest.fixture(scope="module")
def two_threads(engine_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program under ThreadSanitizer; ONNX Runtime is not instrumented, so nothing inside it is judged."""
    work = tmp_path_factory.mktemp("two_threads")
    (work / "suppressions.txt").write_text("called_from_lib:libonnxruntime\nrace:libonnxruntime\n")
    # No two threads of one speech are in its text parts, so those of the plain build do.
    return instrumented(work, "two_threads", ["-fsanitize=thread"], engine_folder / "libengine.a")


def thread_sanitized(program: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TSAN_OPTIONS": "suppressions=suppressions.txt exitcode=66 report_mutex_bugs=0"}
    return subprocess.run(
        [program, *arguments], cwd=program.parent, env=environment, capture_output=True, text=True, timeout=300
    )


def test_two_threads_for_one_speech_do_not_race(two_threads: Path, dist: Path) -> None:
    done = thread_sanitized(two_threads, dist / NAME)
    assert done.returncode == 0, done.stderr[:6000]
    raced = thread_sanitized(two_threads, dist / NAME, "race")
    assert raced.returncode == 66
    assert "data race" in raced.stderr
