"""Every command: help that is short and says the exit status, errors in one line, restricted runs that own up to it."""

from __future__ import annotations

import importlib
import io
import json
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from export_onnx import console
from export_onnx.buckets import BUCKETS
from export_onnx.contracts import STAGES
from export_onnx.errors import ContractError, PackageError, ParityError
from export_onnx.provenance import completed
from selector.package.coverage_schema import read_coverage
from tests.selector.page_build import cover, page_build, write

ROOT = Path(__file__).parent.parent
STEPS = ("export_onnx", "export_onnx.demo_voice.trainer", "calibrate", "quantize", "selector", "android_test")
MOST_LINES = 55  # of one help, at 80 columns
RESTRICTED = {
    "export_onnx": ("--stages", "--buckets"),
    "calibrate": ("--stages", "--buckets"),
    "quantize": ("--stages", "--buckets", "--targets"),
    "selector package": ("--targets",),
    "selector report": ("--targets",),
    "android_test coverage": ("--stages", "--buckets"),
}


def run(step: str, *arguments: str) -> int | str | None:
    """The step's `main`; its exit status."""
    try:
        status: int | None = importlib.import_module(f"{step}.__main__").main(list(arguments))
    except SystemExit as stopped:
        return stopped.code
    return status


def helps(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The help of every step and of every command of it."""
    found = {}
    for step in STEPS:
        assert run(step, "--help") == 0
        found[step] = capsys.readouterr().out
        commands = re.search(r"^  \{([a-z0-9_,-]+)\}", found[step], re.MULTILINE)
        for command in commands[1].split(",") if commands else ():
            assert run(step, command, "--help") == 0
            found[f"{step} {command}"] = capsys.readouterr().out
    return found


def test_every_help_is_short_and_says_how_it_ends(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    found = helps(capsys)
    assert {"selector package", "selector report", "selector speak", "android_test coverage"} <= set(found)
    for name, text in found.items():
        assert text.startswith(f"usage: python -m {name}"), name
        assert "--debug" in text, name
        assert re.search(r"\n\n\S.+\n(.+\n)*\n(options|positional)", text), f"{name} does not say what it is"
        assert re.sub(r"\s+", " ", text).endswith(f"{console.EXIT_STATUS} "), name
        assert len(text.splitlines()) <= MOST_LINES, f"{name}: {len(text.splitlines())} lines"
        unexplained = re.findall(r"^  (--\S+)(?: [A-Z_]+)?\n(?=  -|\n|$)", text, re.MULTILINE)
        assert not unexplained, f"{name}: {unexplained}"
    for name, flags in RESTRICTED.items():
        assert all(f"  {flag} " in found[name] for flag in flags), name


def test_a_wrong_command_line_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("quantize", "--stages", "nonsense") == 2
    assert "invalid choice: 'nonsense'" in capsys.readouterr().err
    assert run("selector", "package", "--target", "cpu") == 2, "no abbreviations"


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """`console.guarded` as the command line `arguments` would have it; warnings as they were."""

    def call(main: Callable[[], int], *arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["step", *arguments])
        return console.guarded(main)

    with warnings.catch_warnings():
        yield call


REFUSED = (
    ("export_onnx", ("--weights", "nonsense", "--build", "{}"), "WeightsError: WEIGHTS=nonsense: expected"),
    ("export_onnx", ("--who", "--build", "{}"), "ContractError: {}/export_onnx: expected a completed step"),
    ("calibrate", ("--build", "{}"), "ContractError: {}/export_onnx: expected a completed step"),
    ("quantize", ("--build", "{}"), "ContractError: {}/export_onnx: expected a completed step"),
    ("selector", ("package", "--build", "{}"), "PackageError: {}/export_onnx: expected a completed step"),
    ("selector", ("report", "--build", "{}"), "ContractError: {}/export_onnx: expected a completed step"),
    ("selector", ("speak", "--dist", "{}", "--text", "x"), "PackageError: {}: expected a package for cpu"),
    (
        "android_test",
        ("coverage", "{}/nnapi", "--build", "{}"),
        f"CoverageError: {{}}/nnapi: expected decoder_{BUCKETS[0].name}.onnx",
    ),
)


@pytest.mark.parametrize(("step", "arguments", "said"), REFUSED, ids=lambda value: value if type(value) is str else "")
def test_what_is_refused_is_said_in_one_line(
    guarded: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    step: str,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    given = [argument.format(tmp_path) for argument in arguments]
    main = importlib.import_module(f"{step}.__main__").main
    assert guarded(lambda: main(given), *given) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith(said.format(tmp_path))
    assert len(shown.err.splitlines()) == 1
    assert "Traceback" not in shown.out + shown.err
    with pytest.raises(Exception, match="expected"):
        guarded(lambda: main(given), *given, "--debug")


def test_planted_errors_have_their_status(guarded: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    def planted() -> int:
        raise ParityError("here", expected="60 dB", got="3 dB", todo="Mend it.")

    def interrupted() -> int:
        raise KeyboardInterrupt

    assert guarded(planted) == 1
    assert capsys.readouterr().err == "ParityError: here: expected 60 dB, got 3 dB. Mend it.\n"
    assert guarded(lambda: 1 // 0) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("ZeroDivisionError: ")
    assert f"{Path(__file__).name}:" in shown
    assert "--debug" in shown
    assert guarded(interrupted) == 130
    assert guarded(lambda: 0) == 0


@pytest.mark.parametrize(("flags", "traceback"), [((), False), (("--debug",), True)])
def test_a_whole_process_shows_a_traceback_only_on_demand(
    tmp_path: Path, flags: tuple[str, ...], traceback: bool
) -> None:
    command = [sys.executable, "-m", "selector", "speak", "--dist", str(tmp_path), "--text", "x", *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert ("Traceback" in done.stderr) == traceback
    assert "PackageError: " in done.stderr


def test_bars_are_for_terminals_and_only_the_outer_one_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(terminal: bool) -> str:
        screen = io.StringIO()
        monkeypatch.setattr(console, "_console", Console(file=screen, force_terminal=terminal, width=80))
        with console.progress("outside", 2) as advance:
            advance("one")
            with console.progress("within", 1) as inner:
                inner("two")
        return screen.getvalue()

    assert shown(False) == ""
    assert "outside: one" in shown(True)
    assert "within" not in shown(True)
    with pytest.raises(ZeroDivisionError), console.progress("failed", 1):
        _ = 1 // 0
    assert "outside: one" in shown(True), "a bar that failed must not hide the next"


def test_a_restricted_step_covers_what_it_lists(tmp_path: Path) -> None:
    write(tmp_path / "report.json", {"stages": ["bert"], "buckets": ["5s"]})
    assert completed(tmp_path, "step", ["bert"], ["5s"])
    with pytest.raises(ContractError, match=r"stages vocoder, got a run restricted to bert.*python -m step.*--stages"):
        completed(tmp_path, "step", ["bert", "vocoder"])
    with pytest.raises(ContractError, match="buckets 10s, got a run restricted to 5s"):
        completed(tmp_path, "step", ["bert"], ["5s", "10s"])
    write(tmp_path / "report.json", {})
    assert completed(tmp_path, "step", ["bert", "vocoder"]) == {}, "a report without lists is of a whole run"


def test_restricted_coverage_is_not_packaged(tmp_path: Path) -> None:
    build = page_build(tmp_path, ("nnapi",))
    file = cover(build, {"5s": ["rules"]})
    whole = json.loads(file.read_text())
    models = build / "quantize" / "nnapi"
    assert read_coverage(build, "nnapi", models) is not None
    vocoder = [one for one in whole["variants"] if one["stage"] != "bert"]
    write(file, {**whole, "stages": ["decoder", "generator"], "variants": vocoder})
    with pytest.raises(PackageError, match="stages bert, got a run restricted to decoder, generator"):
        read_coverage(build, "nnapi", models)
    write(file, whole)
    assert read_coverage(build, "nnapi", models, ["5s"]) is not None
    with pytest.raises(PackageError, match="buckets 10s, got a run restricted to 5s"):
        read_coverage(build, "nnapi", models, ["5s", "10s"])


def test_a_restricted_export_has_no_merged_file_and_is_refused(
    guarded: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    where = ("--build", str(tmp_path))
    assert run("export_onnx", "--weights", "random-small", "--buckets", "5", "--stages", "tail", *where) == 0
    folder = tmp_path / "export_onnx"
    assert sorted(file.name for file in folder.glob("*.onnx")) == ["tail_5s.onnx", "tail_any.onnx"]
    report = json.loads((folder / "report.json").read_text())
    assert report["stages"] == ["tail"]
    assert set(report["parity_db"]["5s"]) == {"tail"}
    capsys.readouterr()
    for step in ("calibrate", "quantize"):
        assert guarded(lambda step=step: run(step, *where)) == 1
        assert "got a run restricted to tail" in capsys.readouterr().err
    assert len(STAGES) > 1
