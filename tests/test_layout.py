"""The listing is the architecture: folders are steps, imports point upstream, importing does nothing."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from export_onnx import surgery

ROOT = Path(__file__).parent.parent
STEPS = ("export_onnx", "calibrate", "quantize", "selector", "android_test")  # upstream first


def imported(file: Path) -> set[str]:
    """Top-level names of the modules that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file}: relative import"
            names.add(node.module.partition(".")[0])
    return names


def downstream_imports(step: str, names: set[str]) -> set[str]:
    return names & set(STEPS[STEPS.index(step) + 1 :])


@pytest.mark.parametrize("step", STEPS)
def test_imports_point_upstream(step: str) -> None:
    files = list((ROOT / step).rglob("*.py"))
    assert files
    for file in files:
        assert not downstream_imports(step, imported(file)), file


def test_a_downstream_import_would_be_seen(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text("def late():\n    from selector.text.chunk import split\n")
    assert downstream_imports("quantize", imported(planted)) == {"selector"}


def test_importing_a_step_does_nothing() -> None:
    code = f"import {', '.join(STEPS)}, sys; assert 'torch' not in sys.modules and 'onnxruntime' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_surgery_is_listed_and_says_what_it_costs() -> None:
    files = {p.stem for p in (ROOT / "export_onnx" / "surgery").glob("*.py")} - {"__init__"}
    assert files == {s.name for s in surgery.SURGERIES}
    for name in files:
        text = (ROOT / "export_onnx" / "surgery" / f"{name}.py").read_text(encoding="utf-8")
        head = text.partition('"""\n\nfrom')[0]
        for word in ("Before", "After", "Why", "Price"):
            assert f"\n{word} " in head, f"{name}.py: no {word}"


def test_the_sample_rate_stands_once() -> None:
    places = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for step in STEPS
        for file in (ROOT / step).rglob("*.py")
        if "demo_voice" not in file.parts
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value == 24_000 and type(node.value) is int
    ]
    assert len(places) == 1, places


MOST_LINES = 300  # of a file that people read
WRITTEN = (".py", ".hpp", ".cpp", ".java", ".kt", ".j2", ".css", ".js")
ENTRANCES = ("__init__.py", "__main__.py", "conftest.py")  # names that Python and pytest ask for, in any folder
EVERYWHERE = ("main", "parse")  # every step's command line, as `python -m` finds it


def written_files(root: Path = ROOT) -> list[Path]:
    """Everything that people write, in the steps' folders and in the tests."""
    folders = [*(root / step for step in STEPS), root / "tests", root / ".ci"]
    return sorted(file for folder in folders for file in folder.rglob("*") if file.suffix in WRITTEN)


def repeated(names: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {name: places for name, places in names.items() if len(places) > 1}


def file_names(files: list[Path]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = defaultdict(list)
    for file in files:
        if file.name not in ENTRANCES:
            names[file.name].append(str(file))
    return names


def test_no_two_files_share_a_name() -> None:
    assert repeated(file_names(written_files())) == {}
    assert repeated(file_names([Path("quantize/storage.py"), Path("export_onnx/storage.py")]))


def too_long(files: list[Path]) -> dict[str, int]:
    lines = {str(file.name): len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    return {name: number for name, number in lines.items() if number > MOST_LINES}


def test_no_file_is_too_long(tmp_path: Path) -> None:
    assert too_long(written_files()) == {}
    (tmp_path / "long.py").write_text("\n" * (MOST_LINES + 1))
    assert too_long([tmp_path / "long.py"]) == {"long.py": MOST_LINES + 1}


def public_names(text: str) -> Iterator[str]:
    """Functions and classes of a module that others may import."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


def test_no_public_name_means_two_things() -> None:
    names: dict[str, list[str]] = defaultdict(list)
    for step in STEPS:
        for file in (ROOT / step).rglob("*.py"):
            for name in public_names(file.read_text(encoding="utf-8")):
                names[name].append(str(file.relative_to(ROOT)))
    assert {name: places for name, places in repeated(names).items() if name not in EVERYWHERE} == {}
    assert list(public_names("def speak(): ...\nclass _Hidden: ...\nclass Plan: ...")) == ["speak", "Plan"]


MADE_ELSEWHERE = {"setup.py"}  # named as what is not here


def missing_mentions(text: str, known: set[str]) -> set[str]:
    """Python files that a text names and that do not exist; a path counts by its end."""
    named = set(re.findall(r"(?<![\w*./-])((?:[\w-]+/)*\w+\.py)\b", text))
    return {name for name in named if not any(f"/{path}".endswith(f"/{name}") for path in known)} - MADE_ELSEWHERE


def test_every_python_file_that_is_named_exists() -> None:
    known = {file.relative_to(ROOT).as_posix() for file in written_files() if file.suffix == ".py"}
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "Makefile", ROOT / "pyproject.toml"]
    for file in (*written_files(), *pages):
        if ROOT / "tests" not in file.parents:
            assert missing_mentions(file.read_text(encoding="utf-8"), known) == set(), file
    assert missing_mentions("see `sites.py` and `quantize/sites.py`", known) == {"quantize/sites.py"}
