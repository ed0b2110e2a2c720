"""The engine's parts in C++ against Python's: noise, joins, letters, digests, a text that grows."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import unicodedata
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from export_onnx.buckets import BUCKETS
from export_onnx.geometry import SAMPLE_RATE
from export_onnx.run.padding import noise
from selector.speak.join import FADE, Joiner
from selector.speak.synthesize import loosened
from selector.text.bounds import Bound
from tests.selector.engine_library import SOURCES

Ask = Callable[..., list[str]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Asks the program questions of tab-separated fields."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    program = tmp_path_factory.mktemp("parts") / "check_parts"
    source = Path(__file__).parent / "vectors" / "check_parts.cpp"
    flags = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{SOURCES}"]
    subprocess.run([compiler, *flags, source, "-o", program], check=True)

    def questions(*lines: tuple[object, ...]) -> list[str]:
        asked = "".join("\t".join(map(str, line)) + "\n" for line in lines)
        done = subprocess.run([program], input=asked, capture_output=True, text=True, check=True)
        return done.stdout.split("\n")[:-1]

    return questions


def floats(answer: str) -> np.ndarray:
    return np.array([float.fromhex(value) for value in answer.split()], np.float32)


@pytest.mark.parametrize("seed", [(0, 0), (1, 0), (7, 3), (2**40 + 5, 7919), (2**64 - 1, 2**33)])
def test_noise_is_numpys_to_the_bit(ask: Ask, seed: tuple[int, int]) -> None:
    """A whole bucket: several of the ziggurat's rare ways are taken thousands of times."""
    (answer,) = ask(("noise", *seed, BUCKETS[-1].frames * 600))
    assert floats(answer).tobytes() == noise(BUCKETS[-1], seed).tobytes()


def test_noise_of_another_seed_is_other_noise(ask: Ask) -> None:
    one, other = (floats(answer) for answer in ask(("noise", 1, 2, 100), ("noise", 2, 1, 100)))
    assert not (one == other).any()


def chunks(draws: np.random.Generator) -> list[tuple[np.ndarray, Bound]]:
    """Sounds with silences of all lengths at their ends, quiet ones, and one without any speech."""
    made = []
    for number in range(int(draws.integers(1, 6))):
        frames = int(draws.integers(1, 60))
        sound = draws.standard_normal(frames * 600).astype(np.float32) * np.float32(draws.choice([0.3, 1e-3, 1e-5, 0]))
        for end in (slice(None, int(draws.integers(0, 9000))), slice(len(sound) - int(draws.integers(0, 9000)), None)):
            sound[end] *= np.float32(draws.choice([0, 1e-4, 1e-3]))
        made.append((sound, Bound(int(draws.integers(0, 5))) if number else Bound.CLAUSE))
    return made


@pytest.mark.parametrize("speed", [0.5, 0.73, 1.0, 1.31, 2.0])
def test_joins_are_pythons_to_the_bit(ask: Ask, tmp_path: Path, speed: float) -> None:
    draws = np.random.default_rng(int(speed * 100))
    for number in range(12):
        joiner, wanted, fields = Joiner(speed), [], []
        for at, (sound, bound) in enumerate(chunks(draws)):
            file = tmp_path / f"{number}_{at}.f32"
            file.write_bytes(sound.tobytes())
            fields += [file, int(bound)]
            wanted.append(joiner.push(sound, bound)[0])
        wanted.append(joiner.finish())
        ask(("join", speed, *fields, tmp_path / "joined.f32"))
        assert (tmp_path / "joined.f32").read_bytes() == np.concatenate(wanted).tobytes(), number


def test_every_length_of_a_fade_is_pythons(ask: Ask, tmp_path: Path) -> None:
    """The silence behind a chunk fades over its whole length where it is short."""
    lines, wanted = [], []
    for quiet in range(1, FADE + 40):
        sound = np.concatenate([np.full(1200, 0.5), np.full(480 + quiet, 1e-4)]).astype(np.float32)
        file = tmp_path / f"{quiet}.f32"
        file.write_bytes(sound.tobytes())
        joiner = Joiner(1)
        wanted.append(np.concatenate([joiner.push(sound, Bound.SENTENCE)[0], joiner.finish()]))
        lines.append(("join", 1, file, int(Bound.SENTENCE), tmp_path / f"{quiet}.out"))
    ask(*lines)
    for quiet, sound in enumerate(wanted, 1):
        assert (tmp_path / f"{quiet}.out").read_bytes() == sound.tobytes(), quiet
    assert len({len(sound) for sound in wanted}) > FADE


def test_a_chunk_lies_where_the_join_says(ask: Ask, tmp_path: Path) -> None:
    sounds = [np.full(n, 0.25, np.float32) for n in (2400, 3000)]
    for number, sound in enumerate(sounds):
        sound[:600] = sound[-600:] = 0
        (tmp_path / f"{number}.f32").write_bytes(sound.tobytes())
    (places,) = ask(("join", 1, tmp_path / "0.f32", 3, tmp_path / "1.f32", 4, tmp_path / "out.f32"))
    first, second = map(int, places.split())
    heard = np.frombuffer((tmp_path / "out.f32").read_bytes(), np.float32)
    assert np.flatnonzero(heard)[0] == first + 600
    assert (heard[second + 600 : second + 2400] == 0.25).all()
    assert heard[second + 599] == 0
    assert second - first > 0.35 * SAMPLE_RATE


def test_letters_and_digits_are_unicodes(ask: Ask) -> None:
    """Later versions of Unicode know more; what the table has, every one has."""
    kinds = (str.isalnum, str.isdecimal)
    (answer,) = ask(("letter", 0, 0x10FFFF))
    table = np.frombuffer(answer.encode(), np.uint8).reshape(2, 0x110000) == ord("1")
    for kind, ours in zip(kinds, table, strict=True):
        theirs = np.array([kind(chr(c)) for c in range(0x110000)])
        assert not (ours & ~theirs).any()
        missed = [chr(c) for c in np.flatnonzero(theirs & ~ours)]
        assert all(unicodedata.ucd_3_2_0.category(c) == "Cn" for c in missed), "older than Unicode 3.2"
        assert len(missed) < 6000
    assert table[0].sum() > 130_000
    assert ask(("letters", "*** — …"), ("letters", "— é —"), ("letters", "१")) == ["0", "1", "1"]


LONG_WORDS = (
    "https://www.example.org/a-b_c?d=e&f",
    "12345678901234567890",
    "a123456789b1234567890c",
    "१२३४५६७८९०१२",
    "漢字、かな。ｶﾅ！終",
    "it's-a_test__of(things)[x]",
    "…é—ñ",
    "x",
)


def test_long_words_are_loosened_as_in_python(ask: Ask) -> None:
    assert ask(*(("loose", word) for word in LONG_WORDS)) == [loosened(word) for word in LONG_WORDS]
    assert loosened(LONG_WORDS[0]) != LONG_WORDS[0]


def test_digests_are_sha256(ask: Ask) -> None:
    lengths = (1, 2, 54, 55, 56, 63, 64, 65, 119, 120, 1000)
    answers = ask(*(("sha", "a", length) for length in lengths))
    assert answers == [hashlib.sha256(b"a" * length).hexdigest() for length in lengths]


PUSHES = [
    ("Hello", " there", ". How", " are you? I"),
    ("Dr.", " Smith left. ", "He ran", " far."),
    ("It cost 3", ".", "14 dollars. ", "Then it end", "ed. "),
    ("One. Two.", " Three. Fo", "ur"),
    ("no end in sight", " and no", " end"),
]
SAID = [
    "-|-|-|Hello there. <sentence>|How are you? I",
    "-|-|Dr. Smith left. <sentence>|-|He ran far.",
    "-|-|-|It cost 3.14 dollars. <sentence>|-|Then it ended. ",
    "-|One. Two. <sentence>|-|Three. Four",
    "-|-|-|no end in sight and no end",
]


def test_a_growing_text_gives_its_complete_sentences(ask: Ask) -> None:
    assert ask(*(("push", "|".join(pieces)) for pieces in PUSHES)) == SAID


def test_no_word_of_a_growing_text_is_lost_however_it_is_cut(ask: Ask) -> None:
    text = "Mr. A. Bee left at 5 p.m. He ran 10 000 km! Did he? Yes… he did: “Stop!” she said. So it ends"
    draws = np.random.default_rng(4)
    asked = []
    for _ in range(40):
        cuts = sorted({0, len(text), *map(int, draws.integers(1, len(text), int(draws.integers(0, 30))))})
        asked.append("|".join(text[a:b] for a, b in pairwise(cuts)))
    for answer in ask(*(("push", pieces) for pieces in asked)):
        *complete, rest = answer.split("|")
        said = [part.rpartition(" <")[0] for part in complete if part != "-"]
        assert " ".join([*said, rest]).split() == text.split(), answer
        assert len(asked) == 40
