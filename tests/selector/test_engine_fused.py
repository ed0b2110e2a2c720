"""The C++ engine and the JVM with fused operators: Python's samples, Python's choice, and its reasons."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quantize.ops.platforms import this_platform
from selector.package.opened import Package
from selector.speak.synthesize import Synthesizer
from tests.selector.engine_library import PACKAGE, EngineError, Library, letters
from tests.selector.fused_fakes import with_library
from tests.selector.test_engine import differences
from tests.selector.test_engine_jvm import jar
from tests.selector.test_fused_package import LIBRARY, broken_libraries

__all__ = ["jar"]  # a fixture

TEXT = "Bad dog jumps, and it runs far away over the hills. " * 3
JAVA = """
import io.github.kokoronpu.*;
class Fused {
    public static void main(String[] arguments) throws Exception {
        EngineOptions options = new EngineOptions();
        options.stockOperators = arguments[1].equals("stock");
        if (arguments.length > 2) options.opsLibrary = arguments[2];
        try (KokoroNpu npu = KokoroNpu.open(arguments[0], null, options)) {
            java.io.DataOutputStream out = new java.io.DataOutputStream(System.out);
            System.err.println(npu.report());
            for (Spoken chunk : npu.speak(SpeechRequest.ofPhonemes("bad dog")))
                for (float sample : chunk.samples) out.writeFloat(sample);
            out.flush();
        }
    }
}
"""


def in_python(package: Package, text: str) -> list[Any]:
    rows, chains = package.voice("af_short"), package.operators.chains
    speak = Synthesizer(chains, package.manifest, "af_short", rows, 1.0, phonemize=lambda text, _: letters(text, ""))
    return list(speak.speak(text))


def test_every_chunk_is_pythons_to_the_bit(library: Library, fused_package: Path) -> None:
    heard = {}
    for stock in (0, 1):
        package = Package.open(fused_package, stock=bool(stock))
        with library.open(fused_package, stock_operators=stock) as engine:
            report = json.loads(engine.words("report"))
            assert report["fused_operators"] is package.operators.fused
            assert engine.open_sessions == (0 if stock else 1)
            heard[stock] = engine.speak(text=TEXT, voice="af_short", phonemize=letters)
        assert differences(heard[stock], in_python(package, TEXT)) == []
    assert report["operators_reason"] == "the app chose stock operators"
    assert differences(heard[0], in_python(package, TEXT)), "fused and stock models sound differently here"


def test_a_broken_library_is_a_reason_for_stock_operators(
    library: Library, fused_package: Path, ops: Path, tmp_path: Path
) -> None:
    wanted = in_python(Package.open(fused_package, stock=True), TEXT)
    broken = broken_libraries(ops, tmp_path)
    assert len(broken) == 6
    for number, (says, content) in enumerate(broken.items()):
        with library.open(with_library(fused_package, tmp_path / str(number), content)) as engine:
            report = json.loads(engine.words("report"))
            assert report["fused_operators"] is False, says
            assert LIBRARY in report["operators_reason"]
            assert re.search(says, report["operators_reason"]), report["operators_reason"]
            heard = engine.speak(text=TEXT, voice="af_short", phonemize=letters)
        assert differences(heard, wanted) == [], says


def test_a_changed_or_missing_library_is_never_loaded(library: Library, fused_package: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(fused_package, tmp_path / "package")
    whole = (folder / LIBRARY).read_bytes()

    def reason(**options: Any) -> str:
        with library.open(folder, **options) as engine:
            assert engine.speak(phonemes="bad dog")
            return str(json.loads(engine.words("report"))["operators_reason"])

    for changed in (whole + b"\0", whole[:20_000]):  # the first would load, the second would end the process
        (folder / LIBRARY).write_bytes(changed)
        assert reason() == reason(skip_hashes=1) == f"{LIBRARY} is changed"
    (folder / LIBRARY).unlink()
    assert reason() == f"{LIBRARY} is missing"
    manifest = (folder / "manifest.json").read_text(encoding="utf-8")
    (folder / "manifest.json").write_text(manifest.replace(f'"{this_platform()}": "lib', '"plan9-mips": "lib'))
    assert reason() == f"the package has no library for {this_platform()}"
    (folder / "models" / "decoder_any_fused.onnx").unlink()
    with pytest.raises(EngineError) as raised:
        library.open(folder)
    assert raised.value.status == PACKAGE


def test_an_app_may_bring_the_library(library: Library, fused_package: Path, ops: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(fused_package, tmp_path / "package")
    (folder / LIBRARY).unlink()
    for given, fused in ((str(ops), True), (str(tmp_path / "none.so"), False)):
        with library.open(folder, ops_library=given.encode()) as engine:
            report = json.loads(engine.words("report"))
            assert report["fused_operators"] is fused
            assert given in report["operators_reason"]
            assert engine.speak(phonemes="bad dog")


def test_sessions_beyond_the_limit_are_closed_and_opened_again(library: Library, fused_package: Path) -> None:
    with library.open(fused_package) as free, library.open(fused_package, memory_limit=1) as tight:
        heard = [one.speak(text=TEXT, voice="af_short", phonemize=letters) for one in (free, tight)]
        assert [s.samples.tobytes() for s in heard[0]] == [s.samples.tobytes() for s in heard[1]]
        assert tight.open_sessions < free.open_sessions


def test_java_gets_pythons_samples(
    library: Library, engine_folder: Path, fused_package: Path, ops: Path, jar: Path, tmp_path: Path
) -> None:
    (tmp_path / "Fused.java").write_text(JAVA)
    options = ["--release", "8", "-Xlint:-options", "-cp", str(jar), "-d", str(tmp_path)]
    subprocess.run(["javac", *options, str(tmp_path / "Fused.java")], check=True)
    command = ["java", f"-Dkokoro_npu.library={engine_folder / 'libkokoro_npu.so'}", "-cp", f"{tmp_path}:{jar}"]
    for how, stock in ((["fused"], False), (["stock"], True), (["fused", str(ops)], False)):
        done = subprocess.run([*command, "Fused", str(fused_package), *how], capture_output=True)
        assert done.returncode == 0, done.stderr[-2000:]
        assert json.loads(done.stderr)["fused_operators"] is not stock
        wanted = np.concatenate([c.samples for c in in_python(Package.open(fused_package, stock=stock), "bad dog")])
        assert np.frombuffer(done.stdout, ">f4").astype(np.float32).tobytes() == wanted.tobytes()
