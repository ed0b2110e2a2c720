"""The phonemizers under AddressSanitizer and UndefinedBehaviorSanitizer: odd texts, damaged files, no leak of ours."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from selector.sdk.vectors.phoneme_vectors import phoneme_texts
from selector.sdk.vectors.split_vectors import ODD, PROSE
from tests.selector.accent_fakes import make_few_words
from tests.selector.test_engine_sanitized import SANITIZERS
from tests.selector.test_phonemes import ESPEAK, build_check_phonemes

DAMAGED = 60
FLAGS = ["-std=c++17", *SANITIZERS]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("sanitized")
    (work / "plain.cpp").write_text("int main() {}")
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    plain = [compiler, *FLAGS, str(work / "plain.cpp"), "-o", str(work / "plain")]
    if subprocess.run(plain, capture_output=True).returncode:
        pytest.skip("this compiler has no sanitizers")
    (work / "leaks.txt").write_text("leak:libespeak-ng\n")
    return build_check_phonemes(work, *SANITIZERS)


def drill(program: Path, kind: list[str], lines: list[str]) -> tuple[int, str]:
    """The exit status, and everything that the program wrote."""
    environment = {
        **os.environ,
        "ASAN_OPTIONS": "detect_leaks=1",
        "LSAN_OPTIONS": f"suppressions={program.parent}/leaks.txt",
    }
    text = "".join(f"{line}\n" for line in lines).encode(errors="surrogatepass")
    done = subprocess.run([program, *kind], input=text, capture_output=True, env=environment)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def odd_lines(language: str, draws: random.Random) -> list[str]:
    words = [word.replace("\n", " ") for word in ODD]
    made = [" ".join(draws.choices(words, k=draws.randint(1, 20))) for _ in range(60)]
    return [
        f"{language}\t{text}"
        for text in (*made, *(text.replace("\n", " ") for text in PROSE), "\xff", "[", "[a](/", "")
    ]


def test_odd_texts_break_nothing(program: Path, tmp_path: Path) -> None:
    accents, draws = make_few_words(tmp_path), random.Random(5)
    for kind in (["english", str(accents)], ["espeak", *map(str, ESPEAK)]):
        asked = [*odd_lines("en-us", draws), *odd_lines("en-gb", draws), "en-us\t" + "x" * 3000]
        status, written = drill(program, kind, asked)
        assert status == 0, written[-3000:]
        assert "Sanitizer" not in written
    texts = [f"{language}\t{text}" for language, text in phoneme_texts() if language not in ("en-us", "en-gb")]
    assert drill(program, ["espeak", *map(str, ESPEAK)], texts)[0] == 0


def test_damaged_files_are_refused_or_read_without_harm(program: Path, tmp_path: Path) -> None:
    accents, draws = make_few_words(tmp_path), random.Random(6)
    whole = (accents / "en-us.bin").read_bytes()
    folder, refused = tmp_path / "damaged", 0
    folder.mkdir()
    for _ in range(DAMAGED):
        content = bytearray(whole)
        for _ in range(draws.randint(1, 8)):
            content[draws.choice([draws.randrange(len(content)), draws.randrange(60)])] = draws.randrange(256)
        (folder / "en-us.bin").write_bytes(content[: draws.choice([None, draws.randrange(len(content))])])
        lines = ["en-us\tThe bad dog used to jump over zyxwvut and Hello, ABC worlds."]
        status, written = drill(program, ["english", str(folder)], lines)
        assert status in (0, 3), written[-3000:]
        assert "Sanitizer" not in written
        refused += written.startswith("!")
    assert 5 < refused <= DAMAGED


def test_the_sanitizer_would_notice(program: Path, tmp_path: Path) -> None:
    source = tmp_path / "late.cpp"
    source.write_text("int main(int n, char**) { int* p = new int[2]; delete[] p; return p[n]; }")
    compiler = shutil.which("g++") or shutil.which("clang++")
    subprocess.run([str(compiler), *FLAGS, str(source), "-o", str(tmp_path / "late")], check=True)
    status, written = drill(tmp_path / "late", [], [])
    assert status != 0
    assert "AddressSanitizer" in written
