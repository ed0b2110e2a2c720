"""The engine on a JVM through JNI: Kotlin and Java 8 get Python's samples, times of words, errors as exceptions."""

from __future__ import annotations

import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from selector.package.archive import classes_jar
from selector.package.opened import Package
from selector.speak.synthesize import Synthesizer
from tests.selector.conftest import NAME
from tests.selector.engine_library import Library

TEXT = "Bad dog jumps, and it runs far away over the hills. " * 6
JAVA = """
import io.github.kokoronpu.*;
class Plain {
    public static void main(String[] arguments) {
        try (KokoroNpu npu = KokoroNpu.open(arguments[0])) {
            int samples = 0;
            for (Spoken chunk : npu.speak(SpeechRequest.ofPhonemes("bad dog"))) samples += chunk.samples.length;
            System.out.println(samples);
        }
    }
}
"""


@pytest.fixture(scope="module")
def jar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    javac = shutil.which("javac")
    if javac is None:
        pytest.skip("no JDK")
    classes = tmp_path_factory.mktemp("jvm") / "classes.jar"
    classes.write_bytes(classes_jar(javac))
    return classes


def run(engine_folder: Path, classes: list[Path], *arguments: str | Path) -> str:
    """What a program on the JVM prints."""
    options = [f"-Dkokoro_npu.library={engine_folder / 'libkokoro_npu.so'}", "-Xcheck:jni", "-XX:TieredStopAtLevel=1"]
    command = ["java", *options, "-cp", ":".join(map(str, classes)), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "WARNING in native" not in done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def spoken(
    library: Library, engine_folder: Path, dist: Path, jar: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, str]]:
    """What the Kotlin program wrote, and its lines by their first word."""
    kotlin = shutil.which("kotlinc")
    if kotlin is None:
        pytest.skip("no kotlinc")
    work = tmp_path_factory.mktemp("kotlin")
    source = Path(__file__).parent / "vectors" / "Speaks.kt"
    subprocess.run([kotlin, "-include-runtime", "-cp", jar, source, "-d", work / "app.jar"], check=True)
    printed = run(engine_folder, [work / "app.jar", jar], "SpeaksKt", dist / NAME, work, TEXT)
    return work, dict(line.split(" ", 1) for line in printed.splitlines())


def samples(file: Path) -> np.ndarray:
    return np.frombuffer(file.read_bytes(), ">f4").astype(np.float32)


def in_python(dist: Path, text: str, voice: str, speed: float, seed: int) -> np.ndarray:
    package = Package.open(dist / NAME)
    speaker = Synthesizer(
        package.chains, package.manifest, voice, package.voice(voice), speed, seed, phonemize=lambda text, _: text
    )
    return np.concatenate([chunk.samples for chunk in speaker.speak(text)])


def test_kotlin_gets_pythons_samples(spoken: tuple[Path, dict[str, str]], dist: Path) -> None:
    work, said = spoken
    heard = samples(work / "text.f32")
    assert heard.tobytes() == in_python(dist, TEXT, "bf_long", 1.3, 2**64 - 1).tobytes()
    assert samples(work / "phonemes.f32").tobytes() == in_python(dist, "bad dog", "af_short", 1.0, 0).tobytes()
    chunks = [tuple(map(int, chunk.split())) for chunk in said["chunks"].split("|")]
    assert sum(length for _, length in chunks) == len(heard)
    assert [start for start, _ in chunks] == [sum(n for _, n in chunks[:i]) for i in range(len(chunks))]
    assert said["rate"].startswith("24000 voices [af_short, bf_long] {")
    assert len(samples(work / "pieces.f32")) > 24_000
    assert said["surrogate"] == "2"


def test_words_have_their_times(spoken: tuple[Path, dict[str, str]]) -> None:
    work, said = spoken
    heard = samples(work / "text.f32")
    words = [word.rsplit(" ", 2) for word in said["words"].split("|")]
    assert [word for word, _, _ in words] == TEXT.split()
    times = [(int(start), int(end)) for _, start, end in words]
    assert all(a[1] <= b[0] for a, b in pairwise(times))
    assert all(np.abs(heard[start:end]).max() > 0.05 for start, end in times)
    between = [heard[a[1] : b[0]] for a, b in pairwise(times)]
    assert np.median([np.abs(gap).max(initial=0) for gap in between]) < 0.07, "a space is quieter than letters"


def test_errors_are_exceptions_with_four_facts(spoken: tuple[Path, dict[str, str]]) -> None:
    _, said = spoken
    for line, kind in (("voice", "PACKAGE"), ("speed", "CONTRACT"), ("folder", "PACKAGE")):
        facts = said[line].split("|")
        assert len(facts) == 5
        assert facts[0] == kind
        assert all(facts)
    assert said["callback"] == "java.lang.IllegalStateException: my own"
    assert int(said["stopped"]) > 0
    assert said["closed"].count("CANCELLED|engine|an open one|a closed one|") == 2


def test_java_8_speaks(library: Library, engine_folder: Path, dist: Path, jar: Path, tmp_path: Path) -> None:
    (tmp_path / "Plain.java").write_text(JAVA)
    options = ["--release", "8", "-Xlint:-options", "-cp", str(jar), "-d", str(tmp_path)]
    subprocess.run(["javac", *options, str(tmp_path / "Plain.java")], check=True)
    printed = run(engine_folder, [tmp_path, jar], "Plain", dist / NAME)
    assert int(printed) == len(in_python(dist, "bad dog", "af_short", 1.0, 0))
