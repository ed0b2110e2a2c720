"""Selector and splitting in C++ and Java against Python's: every answer of the shared vectors, and what is refused."""

from __future__ import annotations

import shutil
import subprocess
from itertools import product
from pathlib import Path

import pytest

from export_onnx.buckets import BUCKETS
from selector.package.archive import classes_jar
from selector.sdk.vectors import selector_vectors as vectors
from selector.text.bounds import Bound

VECTORS = Path(__file__).parent / "vectors"
HEADER = Path(__file__).parent.parent.parent / "selector" / "sdk" / "cpp"


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> dict[str, list[str]]:
    """The command of each compiled program; what has no compiler here is left out."""
    work, found = tmp_path_factory.mktemp("sdk"), {}
    if compiler := shutil.which("g++") or shutil.which("clang++"):
        flags = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Wconversion", "-Werror", f"-I{HEADER}"]
        subprocess.run([compiler, *flags, VECTORS / "check.cpp", "-o", work / "check"], check=True)
        found["cpp"] = [str(work / "check")]
    if compiler := shutil.which("javac"):
        (work / "classes.jar").write_bytes(classes_jar(compiler))
        at = ["-cp", str(work / "classes.jar"), "-d", str(work)]
        subprocess.run([compiler, "--release", "8", "-Xlint:-options", *at, VECTORS / "Check.java"], check=True)
        found["java"] = ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{work}:{work / 'classes.jar'}", "Check"]
    return found


def ask(command: list[str], manifest: Path, questions: str) -> subprocess.CompletedProcess:
    return subprocess.run([*command, str(manifest)], input=questions, capture_output=True, text=True, encoding="utf-8")


def lines(content: str) -> tuple[list[str], list[str]]:
    """Questions and answers."""
    pairs = [line.rpartition("\t") for line in content.split("\n") if line]
    return [question for question, _, _ in pairs], [answer for _, _, answer in pairs]


def test_the_stored_vectors_are_what_python_says_today(tmp_path):
    vectors.write_vectors(tmp_path)
    for name in (vectors.MANIFEST, vectors.QUESTIONS, vectors.SPLITS, vectors.JOINS):
        stored = (VECTORS / name).read_text(encoding="utf-8")
        assert (tmp_path / name).read_text(encoding="utf-8") == stored, "run `python -m selector vectors`"


def test_the_vectors_ask_for_every_kind_of_answer():
    _, answers = lines((VECTORS / vectors.QUESTIONS).read_text(encoding="utf-8"))
    assert {*(bucket.name for bucket in BUCKETS), "-", "!"} <= set(answers)
    assert len(answers) > 2000


def test_the_splits_ask_for_every_bound_and_every_kind_of_text():
    content = (VECTORS / vectors.SPLITS).read_text(encoding="utf-8")
    asked, answers = lines(content)
    bounds = {chunk.split(" ")[2] for answer in answers if answer != "!" for chunk in answer.split("\\n")}
    assert bounds == {bound.name.lower() for bound in Bound}
    assert "!" in answers
    assert len(asked) > 900
    assert all(c in content for c in "“”‘’—–…éñß漢😀\u0301\u200d\u00ad\u3000Ж।")


def wrong_answers(command: list[str], content: str) -> list[tuple[str, str, str]]:
    """Question, Python's answer and the program's, where they differ."""
    questions, answers = lines(content)
    done = ask(command, VECTORS / vectors.MANIFEST, "\n".join(questions) + "\n")
    assert done.returncode == 0, done.stdout + done.stderr
    got = done.stdout.split("\n")[:-1]
    return [(q, a, g) for q, a, g in zip(questions, answers, got, strict=True) if a != g]


@pytest.mark.parametrize("file", [vectors.QUESTIONS, vectors.SPLITS, vectors.JOINS])
@pytest.mark.parametrize("language", ["cpp", "java"])
def test_every_answer_is_pythons(programs, language, file):
    if language not in programs:
        pytest.skip(f"no compiler for {language}")
    wrong = wrong_answers(programs[language], (VECTORS / file).read_text(encoding="utf-8"))
    assert not wrong, wrong[:5]


@pytest.mark.parametrize("language", ["cpp", "java"])
def test_an_altered_vector_is_noticed(programs, language):
    if language not in programs:
        pytest.skip(f"no compiler for {language}")
    split = "split\t1/1/1\t12\t0\tOne two. Three four."
    right = "8 2 sentence One two.\\n11 2 paragraph Three four."
    assert wrong_answers(programs[language], f"{split}\t{right}\n") == []
    for altered in (right.replace("11", "12"), right.replace("sentence", "clause"), right.replace("two.", "two")):
        assert wrong_answers(programs[language], f"{split}\t{altered}\n") == [(split, altered, right)]
    assert len(wrong_answers(programs[language], "sound\t200\t3\t5s\nsound\t201\t3\t5s\n")) == 1


@pytest.mark.parametrize("language", ["cpp", "java"])
def test_an_altered_join_is_noticed(programs, language):
    if language not in programs:
        pytest.skip(f"no compiler for {language}")
    asked, answers = lines((VECTORS / vectors.JOINS).read_text(encoding="utf-8"))
    question, right = asked[-1], answers[-1]
    assert wrong_answers(programs[language], f"{question}\t{right}\n") == []
    lengths, _, sum_of_samples = right.rpartition(" ")
    for altered in (f"1{right}", f"{lengths} {int(sum_of_samples, 16) ^ 1:08x}"):
        assert wrong_answers(programs[language], f"{question}\t{altered}\n") == [(question, altered, right)]


def test_the_joins_ask_for_every_bound_with_and_without_durations():
    asked, _ = lines((VECTORS / vectors.JOINS).read_text(encoding="utf-8"))
    chunks = [
        chunk.split(" ")
        for question in asked
        if question.startswith("join\t")
        for chunk in question.split("\t")[2].split(";")
    ]
    assert {(bound, at == "-") for bound, at, _ in chunks} == set(product(names_of_bounds(), (True, False)))


def names_of_bounds() -> set[str]:
    return {bound.name.lower() for bound in Bound}


@pytest.mark.parametrize("language", ["cpp", "java"])
@pytest.mark.parametrize(
    ("find", "put"),
    [
        ('"schema_version": 1', '"schema_version": 2'),
        ('"schema_version": 1', '"schema_version": 1.5'),
        ('"buckets"', '"pails"'),
        ('"frames": [', '"frames": [[1],'),
        ('"tokens": [', '"tokens": {"a": ['),
        ('"unread"', '"\\u12"'),
        ('"no": false', '"no": nope'),
    ],
)
def test_a_damaged_manifest_is_refused_not_misread(programs, language, find, put, tmp_path):
    if language not in programs:
        pytest.skip(f"no compiler for {language}")
    text = (VECTORS / vectors.MANIFEST).read_text(encoding="utf-8")
    assert find in text
    (tmp_path / "manifest.json").write_text(text.replace(find, put, 1), encoding="utf-8")
    done = ask(programs[language], tmp_path / "manifest.json", "")
    assert done.returncode == 3
    assert "manifest" in done.stdout


@pytest.mark.parametrize("language", ["cpp", "java"])
def test_a_truncated_or_endlessly_nested_manifest_is_refused(programs, language, tmp_path):
    if language not in programs:
        pytest.skip(f"no compiler for {language}")
    whole = (VECTORS / vectors.MANIFEST).read_text(encoding="utf-8")
    for text in ("", whole[: len(whole) // 2], whole + "x", "[" * 100_000):
        (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
        assert ask(programs[language], tmp_path / "manifest.json", "").returncode == 3
