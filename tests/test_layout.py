"""The listing is the architecture: folders are steps, imports point upstream, importing does nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
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
    for file in (ROOT / step).rglob("*.py"):
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
