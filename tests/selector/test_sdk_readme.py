"""The lines that the app guide shows an Android engineer, compiled and run: they say every word, in chunks that fit."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from export_onnx.buckets import BUCKETS
from selector.package.archive import classes_jar
from selector.sdk.vectors import selector_vectors as vectors

ROOT = Path(__file__).parent.parent.parent
GUIDE = ROOT / "docs" / "app_guide.md"
MANIFEST = ROOT / "tests" / "selector" / "vectors" / vectors.MANIFEST
VOICE = "bm_slow"
# The stubs: letters are their own phonemes, a token is three frames, the sound is the bucket's name.
CPP = """
#include <fstream>
#include <iostream>
#include <iterator>
#include "split.hpp"
static std::string read(const char* file) { std::ifstream in(file); return {std::istreambuf_iterator<char>(in), {}}; }
struct App {
    kokoro_npu::Selector selector;
    std::string voice = "%s";
    double speed = 1;
    std::string heard;
    std::string phonemize(std::string_view text) { return heard = std::string(text); }
    std::int64_t run_text_stages(const kokoro_npu::Bucket&, const std::vector<std::int32_t>& ids) {
        return 3 * std::int64_t(ids.size());
    }
    void run_sound_stages(const kokoro_npu::Bucket& bucket) { std::cout << bucket.name << ' ' << heard << '\\n'; }
%s
};
int main(int, char** arguments) {
    App app{kokoro_npu::Selector(read(arguments[1]))};
    app.say(arguments[2], app.selector.most_tokens(app.voice, app.speed) - 2);
}
"""
KOTLIN = """
import io.github.kokoronpu.*
import java.io.File
class App(val selector: Selector) {
    val voice = "%s"
    val speed = 1.0
    var heard = ""
    fun phonemize(text: String): String { heard = text; return text }
    fun runTextStages(bucket: Bucket, ids: IntArray) = 3L * ids.size
    fun runSoundStages(bucket: Bucket) = println(bucket.name + " " + heard)
%s
}
fun main(arguments: Array<String>) {
    val app = App(Selector(File(arguments[0]).readText()))
    app.say(arguments[1], app.selector.mostTokens(app.voice, app.speed) - 2L)
}
"""
TEXT = "This is the first sentence. " * 12 + "It ends here, " + "with many short words " * 30 + "at last."


def block(language: str) -> str:
    """The guide's code in a language."""
    (code,) = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    return code


def test_the_guides_cpp_compiles_and_says_every_word(tmp_path):
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    (tmp_path / "app.cpp").write_text(CPP % (VOICE, block("cpp")), encoding="utf-8")
    include = f"-I{ROOT / 'selector' / 'sdk' / 'cpp'}"
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", include]
    subprocess.run([compiler, *flags, tmp_path / "app.cpp", "-o", tmp_path / "app"], check=True)
    check(tmp_path / "app")


def test_the_guides_kotlin_compiles_and_says_every_word(tmp_path):
    java, kotlin = shutil.which("javac"), shutil.which("kotlinc")
    if java is None or kotlin is None:
        pytest.skip("no JDK or no kotlinc")
    classes, app = tmp_path / "classes.jar", tmp_path / "app.jar"
    classes.write_bytes(classes_jar(java))
    (tmp_path / "App.kt").write_text(KOTLIN % (VOICE, block("kotlin")), encoding="utf-8")
    subprocess.run([kotlin, "-include-runtime", "-cp", classes, tmp_path / "App.kt", "-d", app], check=True)
    check("java", "-XX:TieredStopAtLevel=1", "-cp", f"{app}:{classes}", "AppKt")


def check(*command: str | Path) -> None:
    def said(text: str) -> list[tuple[str, str]]:
        done = subprocess.run([*command, MANIFEST, text], check=True, capture_output=True, text=True)
        return [(name, words) for name, _, words in (line.partition(" ") for line in done.stdout.splitlines())]

    assert said("Hello there.") == [(BUCKETS[0].name, "Hello there.")]
    chunks = said(TEXT)
    assert " ".join(words for _, words in chunks) == TEXT
    assert len(chunks) > 5
    assert {name for name, _ in chunks} <= {bucket.name for bucket in BUCKETS}
    assert all(3 * (len(words) + 2) <= 600 for _, words in chunks)  # what the table found short was cut anew
    with pytest.raises(subprocess.CalledProcessError):
        said("a" * 500)
