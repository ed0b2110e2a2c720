"""make hands on what was typed: TEXT as it stands; BUILD and DIST only where a command can hold them without quotes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SPOKEN = '#!/bin/sh\nfor word in "$@"; do printf \'%s\\0\' "$word"; done > words\n'


def make(folder: Path, *given: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    program = shutil.which("make")
    if program is None:
        pytest.skip("no make")
    shutil.copy(ROOT / "Makefile", folder / "Makefile")
    python = folder / "python"
    python.write_text(SPOKEN)
    python.chmod(0o755)
    command = [program, "-s", "-o", ".venv/ready", "speak", f"PYTHON={python}", *given]
    path = {"PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=folder, env=path | (env or {}), capture_output=True, text=True, check=False)


TYPED = [
    "It costs $5.99 today.", "$$ and $(HOME) and ${HOME}", "it's \"quoted\"", "# one\nand two", "`ls` \\",
    "$(shell touch planted)",
    "-5 degrees", "a; b & c | d > e", "end \\", "100 %", "tab\there",
]  # fmt: skip


@pytest.mark.parametrize("typed", TYPED)
@pytest.mark.parametrize("how", ["argument", "environment"])
def test_text_reaches_the_program_as_typed(tmp_path: Path, typed: str, how: str) -> None:
    given = ([f"TEXT={typed}"], None) if how == "argument" else ([], {"TEXT": typed})
    done = make(tmp_path, *given[0], env=given[1])
    assert done.returncode == 0, done.stderr
    words = (tmp_path / "words").read_text().split("\0")
    assert f"--text={typed}" in words
    assert not (tmp_path / "planted").exists()
    assert words[words.index("--language") + 1] == ""


def test_the_sentence_of_the_makefile_is_english(tmp_path: Path) -> None:
    assert make(tmp_path).returncode == 0
    words = (tmp_path / "words").read_text().split("\0")
    assert words[words.index("--language") + 1] == "en-us"
    assert make(tmp_path, "TEXT=Bonjour", "LANGUAGE=fr-fr", "LEXICON=my words.txt").returncode == 0
    words = (tmp_path / "words").read_text().split("\0")
    assert words[words.index("--language") + 1] == "fr-fr"
    assert words[words.index("--lexicon") + 1] == "my words.txt"


@pytest.mark.parametrize("name", ["BUILD", "DIST"])
@pytest.mark.parametrize(
    "path", ["", " ", "a b", "a;b", "$HOME", "a'b", 'a"b', "a#b", "a\\b", "a*", "~", "/", "-x", "a(b", "`x`"]
)
def test_a_folder_that_a_command_cannot_hold_is_refused(tmp_path: Path, name: str, path: str) -> None:
    done = make(tmp_path, f"{name}={path}")
    assert done.returncode == 2
    assert f"{name}=" in done.stderr
    assert "must be one path" in done.stderr
    assert not (tmp_path / "words").exists()


@pytest.mark.parametrize("path", ["build", "../other", "/tmp/x-y_1.2", "a/b/"])
def test_an_ordinary_folder_is_taken(tmp_path: Path, path: str) -> None:
    assert make(tmp_path, f"BUILD={path}", f"DIST={path}").returncode == 0
    assert path in (tmp_path / "words").read_text().split("\0")
