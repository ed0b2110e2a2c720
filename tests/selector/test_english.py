"""English without espeak: the dictionary's words and the rules as misaki says them, and a model for unknown words."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

from export_onnx.errors import PackageError
from selector.__main__ import main
from selector.english import make_english as english
from selector.english.accent_file import accent_bytes
from selector.english.letter_alignment import best_units, learn_units, sounds
from selector.english.letter_ngrams import DEAREST, EDGE, SCALE, Ngrams, count_ngrams
from selector.sdk.vectors.phoneme_vectors import ENGLISH_PHONEMES
from tests.selector.accent_fakes import teach_few_words
from tests.selector.test_phonemes import VECTORS, ask

FEW = 80  # of so many words one teaches the model of these tests, for time


@dataclass(frozen=True)
class Made:
    """A folder of accents with a model of few words, and the American units and n-grams."""

    folder: Path
    units: Sequence[tuple[str, tuple[str, ...]]]
    ngrams: Ngrams


@pytest.fixture(scope="module")
def program(check_phonemes: Path) -> Path:
    return check_phonemes


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("accents")
    gold, silver = english.read_dictionaries("en-us")
    units, ngrams = english.letter_model(english.taught(gold, silver)[::FEW])
    (folder / "en-us.bin").write_bytes(accent_bytes(gold, silver, units, ngrams))
    british = english.read_dictionaries("en-gb")
    (folder / "en-gb.bin").write_bytes(accent_bytes(*british, *english.letter_model(english.taught(*british)[::1000])))
    return Made(folder, units, ngrams)


def say(program: Path, folder: Path, text: str, language: str = "en-us") -> str:
    (answer,) = ask(program, ("english", folder), [(language, text)])
    return answer


def equal_words(program: Path, folder: Path, language: str) -> float:
    """The share of words that sound as misaki says them; a sentence of another number of words counts for nothing."""
    lines = [line.split("\t") for line in (VECTORS / ENGLISH_PHONEMES).read_text(encoding="utf-8").splitlines()]
    asked = [(name, spoken, phonemes.split()) for name, spoken, phonemes in lines if name == language]
    answers = ask(program, ("english", folder), [(name, spoken) for name, spoken, _ in asked])
    same = total = 0
    for (_, _, wanted), answer in zip(asked, answers, strict=True):
        got = answer.split()
        total += len(wanted)
        same += sum(a == b for a, b in zip(wanted, got, strict=True)) if len(wanted) == len(got) else 0
    assert total > 1500
    return same / total


@pytest.mark.parametrize("language", ["en-us", "en-gb"])
def test_sentences_sound_as_misaki_says_them(program: Path, made: Made, language: str) -> None:
    assert equal_words(program, made.folder, language) > 0.98


def test_a_dictionary_with_other_sounds_is_noticed(program: Path, made: Made, tmp_path: Path) -> None:
    gold, silver = english.read_dictionaries("en-us")
    worse = {word: said.replace("ə", "ʌ") if isinstance(said, str) else said for word, said in gold.items()}
    (tmp_path / "en-us.bin").write_bytes(accent_bytes(worse, silver, made.units, made.ngrams))
    assert equal_words(program, tmp_path, "en-us") < 0.9


@pytest.mark.parametrize(
    ("text", "phonemes"),
    [
        ("The apple, the pear.", "ði ˈæpᵊl, ðə pˈɛɹ."),
        ("to eat, to go, to", "tʊ ˈit, tə ɡˌO, tu"),
        ("I used to use a used car.", "ˌI jˈust tə jˈuz ɐ jˈuzd kˈɑɹ."),
        ("They record a record.", "ðˌA ɹəkˈɔɹd ɐ ɹˈɛkəɹd."),
        ("I have read it; I will read.", "ˌI hæv ɹˈɛd ɪt; ˌI wɪl ɹˈid."),
        ("the BBC and the U.S. team", "ðə bˌibˌisˈi ænd ðə jˌuˈɛs tˈim"),
        ("well-known “words” (here) [there]", "wˌɛlnˈOn “wˈɜɹdz” (hˈɪɹ) (ðˈɛɹ)"),
        ("YouTube's café — yes…", "jˈutˌubz kæfˈA — jˈɛs…"),
        ("It's the dogs' dinner, isn't it?", "ˌɪts ðə dˈɑɡz dˈɪnəɹ, ˈɪzᵊnt ɪt?"),
        ('"Stop," she said.', "“stˈɑp,” ʃi sˈɛd."),
        ("plan A, A B C", "plˈæn ˈA, ˈA bˈi sˈi"),
        ("It is 42% new", "ˌɪt ɪz fˈɔɹ tˈu pəɹsˈɛnt nˈu"),
        ("[Kokoro](/kˈOkəɹO/) speaks", "kˈOkəɹO spˈiks"),
        ("漢字 and я", "漢字 ænd я"),
        ("— …", ""),
        ("", ""),
    ],
)
def test_rules_of_small_words_capitals_and_marks(program: Path, made: Made, text: str, phonemes: str) -> None:
    assert say(program, made.folder, text) == phonemes


def test_endings_follow_the_last_sound(program: Path, made: Made, tmp_path: Path) -> None:
    """Of words that no dictionary has, but for their stems, which are added to one."""
    gold, silver = english.read_dictionaries("en-us")
    stems = {"zlick": "zlˈɪk", "zlid": "zlˈɪd", "zlit": "zlˈɪt", "zliss": "zlˈɪs", "zlim": "zlˈɪm"}
    (tmp_path / "en-us.bin").write_bytes(accent_bytes({**gold, **stems}, silver, made.units, made.ngrams))
    wanted = {
        "zlicks zlicked zlicking": "zlˈɪks zlˈɪkt zlˈɪkɪŋ",
        "zlids zlided zliding": "zlˈɪdz zlˈɪdᵻd zlˈɪdɪŋ",
        "zlits zlited zliting": "zlˈɪts zlˈɪTᵻd zlˈɪTɪŋ",
        "zlisses zlissed zlissing": "zlˈɪsᵻz zlˈɪst zlˈɪsɪŋ",
        "zlims zlim zlimming": "zlˈɪmz zlˈɪm zlˈɪmɪŋ",
    }
    answers = ask(program, ("english", tmp_path), [("en-us", f"Go {words} now") for words in wanted])
    said = [answer.removeprefix("ɡˌO ").removesuffix(" nˈW") for answer in answers]
    assert said == list(wanted.values())


def word_accuracy(program: Path, file: Path) -> float:
    """The share of held-out words that the model says exactly right, stress included."""
    gold, silver = english.read_dictionaries("en-us")
    words = [pair for pair in sorted(english.plain_words(gold, silver).items()) if english.is_held_out(pair[0])]
    some = words[::9]
    answers = ask(program, ("letters", file), [("en-us", word) for word, _ in some])
    assert len(some) > 900
    return sum(said == answer for (_, said), answer in zip(some, answers, strict=True)) / len(some)


def test_the_model_says_words_that_it_was_not_taught(program: Path, made: Made, tmp_path: Path) -> None:
    """The whole model, of 80 times as many words, reaches 0.69: docs/phonemes.md."""
    assert word_accuracy(program, made.folder / "en-us.bin") > 0.3
    gold, silver = english.read_dictionaries("en-us")
    mixed = [made.units[-1], *made.units[:-1]]  # each unit under another's number
    (tmp_path / "en-us.bin").write_bytes(accent_bytes(gold, silver, mixed, made.ngrams))
    assert word_accuracy(program, tmp_path / "en-us.bin") < 0.01


def test_every_word_has_one_main_stress_at_most(program: Path, made: Made) -> None:
    words = ["zyxwvut", "grlbrk", "aaaaaaa", "antidisestablishmentarianistically", "q", "mississippian"]
    answers = ask(program, ("letters", made.folder / "en-us.bin"), [("en-us", word) for word in words])
    assert all(answer.count("ˈ") <= 1 and answer for answer in answers)


def test_letters_are_aligned_with_their_sounds() -> None:
    gold, silver = english.read_dictionaries("en-us")
    words = english.taught(gold, silver)[:: FEW * 4]
    chances = learn_units(words)
    assert best_units("phone", "fˈOn", chances) == [("p", ("f",)), ("h", ()), ("o", ("ˈO",)), ("n", ("n",)), ("e", ())]
    assert "".join(letter for letter, _ in best_units("taxi", "tˈæksi", chances)) == "taxi"
    assert best_units("a", "ˈAbisi", chances) == []
    assert sounds("kˌɑːɹˈO") == ("k", "ˌɑː", "ɹ", "ˈO")
    assert sounds("kˈ") == ()


def test_chances_behind_every_context_sum_to_one() -> None:
    """With costs as whole numbers, within what rounding takes."""
    ngrams = count_ngrams([[1, 2, 3], [1, 2, 4], [2, 2, 3], [1, 3]] * 5)
    behind: dict[tuple[int, ...], float] = {}

    def chance(context: tuple[int, ...], unit: int) -> float:
        level = ngrams.orders[len(context)]
        if (*context, unit) in level:
            return float(2.718281828 ** (-level[*context, unit][0] / SCALE))
        if not context:
            return float(2.718281828 ** (-DEAREST / SCALE))
        fallback = ngrams.orders[len(context) - 1].get(context, (0, 0))[1]
        return float(2.718281828 ** (-fallback / SCALE)) * chance(context[1:], unit)

    for context in ((), (1,), (2,), (1, 2), (EDGE, 1), (EDGE, 1, 2), (2, 2), (2, 3)):
        behind[context] = sum(chance(context, unit) for unit in range(5))
    assert all(0.85 < total < 1.15 for total in behind.values()), behind
    assert chance((1, 2), 3) > chance((1, 2), 1)


@pytest.mark.parametrize(
    ("damage", "got"),
    [
        (lambda b: b"", "another file"),
        (lambda b: b"KNENGL02" + b[8:], "another file"),
        (lambda b: b[: len(b) // 2], "a file that was cut off"),
        (lambda b: b[:8] + b"\xff" * 8 + b[16:], "a file that was cut off"),
        (lambda b: b[:12] + b"\xf0\x03\x00\x00" + b[16:], "too many symbols"),
        (lambda b: b[:20] + b"\x00" * 4 + b[24:], "a dictionary without words"),
    ],
)
def test_a_damaged_file_is_refused(program: Path, made: Made, tmp_path: Path, damage: object, got: str) -> None:
    whole = (made.folder / "en-us.bin").read_bytes()
    (tmp_path / "en-us.bin").write_bytes(damage(whole))  # type: ignore[operator]
    answer = say(program, tmp_path, "hello")
    assert answer.startswith(f"! {tmp_path}/en-us.bin: expected a file of an English accent of version 1, got {got}")
    assert answer.endswith("Make it again with `python -m selector english`.")


def test_a_language_or_folder_without_a_file_is_refused(program: Path, made: Made, tmp_path: Path) -> None:
    expected = "! language: expected English with its file, en-us or en-gb, got"
    assert say(program, made.folder, "bonjour", "fr-fr").startswith(f"{expected} 'fr-fr'.")
    (tmp_path / "en-gb.bin").write_bytes((made.folder / "en-gb.bin").read_bytes())
    assert say(program, tmp_path, "hello", "en-us").startswith(f"{expected} 'en-us'.")
    assert say(program, tmp_path, "hello", "en-gb") == "həlˈQ"
    assert say(program, tmp_path / "none", "hello").startswith(f"! {tmp_path}/none: expected en-us.bin or en-gb.bin")


def test_the_command_writes_files_license_and_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Path
) -> None:
    teach_few_words(monkeypatch)
    written, archives = [], []
    for name in ("one", "two"):
        assert main(["english", "--dist", str(tmp_path / name), "--release", "1.2.3"]) == 0
        folder = tmp_path / name / "kokoro-npu-english-1.2.3"
        written.append({file.name: file.read_bytes() for file in folder.iterdir()})
        archives.append((tmp_path / name / "kokoro-npu-english-1.2.3.aar").read_bytes())
    assert written[0] == written[1]
    assert archives[0] == archives[1]
    with zipfile.ZipFile(io.BytesIO(archives[0])) as aar:
        inside = {Path(entry).name: aar.read(entry) for entry in aar.namelist() if entry.startswith("assets/")}
        assert inside == written[0]
        assert b'package="io.github.kokoronpu.english"' in aar.read("AndroidManifest.xml")
    assert set(written[0]) == {"en-us.bin", "en-gb.bin", "LICENSE", "NOTICE"}
    assert b"Apache License" in written[0]["LICENSE"]
    assert f"misaki {version('misaki')} by hexgrad" in written[0]["NOTICE"].decode()
    assert say(program, tmp_path / "one" / "kokoro-npu-english-1.2.3", "hello") == "həlˈO"


def test_missing_dictionaries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(english.ACCENTS, "en-us", "mars")
    with pytest.raises(PackageError, match=r"package misaki: expected its file mars_gold.json, got none"):
        english.read_dictionaries("en-us")
