"""The phonemizers under sanitizers of addresses and undefined behavior: odd texts, damaged files; no leak of ours."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

from selector.sdk.vectors.phoneme_vectors import phoneme_texts
from selector.sdk.vectors.split_vectors import ODD, PROSE
from tests.selector.accent_fakes import make_few_words
from tests.selector.test_phonemes import ESPEAK

DAMAGED = 60


def drill(program: Path, kind: list[str], lines: list[str]) -> tuple[int, str]:
    """The exit status, and everything that the program wrote."""
    text = "".join(f"{line}\n" for line in lines).encode(errors="surrogatepass")
    done = subprocess.run([program, *kind], input=text, capture_output=True)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def odd_lines(language: str, draws: random.Random) -> list[str]:
    words = [word.replace("\n", " ") for word in ODD]
    made = [" ".join(draws.choices(words, k=draws.randint(1, 20))) for _ in range(60)]
    return [
        f"{language}\t{text}"
        for text in (*made, *(text.replace("\n", " ") for text in PROSE), "\xff", "[", "[a](/", "")
    ]


def test_odd_texts_break_nothing(check_phonemes: Path, tmp_path: Path) -> None:
    accents, draws = make_few_words(tmp_path), random.Random(5)
    for kind in (["english", str(accents)], ["espeak", *map(str, ESPEAK)]):
        asked = [*odd_lines("en-us", draws), *odd_lines("en-gb", draws), "en-us\t" + "x" * 3000]
        status, written = drill(check_phonemes, kind, asked)
        assert status == 0, written[-3000:]
        assert "Sanitizer" not in written
    texts = [f"{language}\t{text}" for language, text in phoneme_texts() if language not in ("en-us", "en-gb")]
    assert drill(check_phonemes, ["espeak", *map(str, ESPEAK)], texts)[0] == 0


def test_damaged_files_are_refused_or_read_without_harm(check_phonemes: Path, tmp_path: Path) -> None:
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
        status, written = drill(check_phonemes, ["english", str(folder)], lines)
        assert status in (0, 3), written[-3000:]
        assert "Sanitizer" not in written
        refused += written.startswith("!")
    assert 5 < refused <= DAMAGED
