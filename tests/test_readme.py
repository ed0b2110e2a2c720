"""What the README and CONTRIBUTING claim is what the code says."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from android_test.adb import choose
from export_onnx import errors
from export_onnx.chain import text_inputs
from export_onnx.contracts import BUCKETS, STAGES, Bucket
from export_onnx.errors import ContractError
from export_onnx.table import BEGIN, END, stages_table
from selector.page.facts import read_facts
from selector.page.figures import blocks, coverage_table, figures_of, quality_table, read_figures, rewritten
from selector.page.flow import FLOW, flow_picture
from tests.page_build import cover, page_build
from tests.test_layout import STEPS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_table_of_stages_is_the_contract() -> None:
    table = README[README.index(BEGIN) : README.index(END) + len(END)]
    assert table == stages_table(), "run `python -m export_onnx --table` and paste"
    assert table.replace("512", "511") != stages_table()


def test_every_make_target_it_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9_-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"make ([a-z][a-z0-9_-]+)", README))
    assert named
    assert named <= targets


def test_every_file_it_links_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert all((ROOT / link).exists() for link in links), [link for link in links if not (ROOT / link).exists()]


def test_its_tables_are_what_the_committed_figures_give() -> None:
    figures = read_figures()
    assert rewritten(README, figures) == README, "run `make readme`"
    for block in blocks(figures).values():
        assert block in README
    other = json.loads(json.dumps(figures))
    other["targets"]["cpu"]["quality"]["held_out"]["snr_db"] += 1
    assert rewritten(README, other) != README
    with pytest.raises(ContractError, match=r"expected <!-- quality: .* not both, once"):
        rewritten(README.replace("<!-- end of quality -->", ""), figures)


def test_its_picture_is_the_contracts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"]({FLOW.relative_to(ROOT)})" in README
    committed = FLOW.read_text(encoding="utf-8")
    assert committed == flow_picture(), "run `make readme`"
    ElementTree.fromstring(committed)  # an image must be well-formed, where a page forgives
    moved = (replace(STAGES[0], runs_on="cpu"), *STAGES[1:])
    monkeypatch.setattr("selector.page.flow.STAGES", moved)
    assert committed != flow_picture()


def test_a_readme_has_no_gaps(tmp_path: Path) -> None:
    build = page_build(tmp_path, ("nnapi", "cpu"))
    with pytest.raises(ContractError, match="coverage of nnapi, got nothing measured"):
        figures_of(read_facts(build, ("nnapi", "cpu")))
    first, *between, last = (bucket.name for bucket in BUCKETS)
    cover(build, {first: ["rules"], **{name: ["rules", "compiled"] for name in between}, last: []})
    with pytest.raises(ContractError, match="targets qnn, got nothing measured"):
        figures_of(read_facts(build, ("nnapi", "qnn", "cpu")))
    figures = figures_of(read_facts(build, ("nnapi", "cpu")))
    cells = " | ".join(["rules", *["rules, compiled"] * len(between), "nothing"])
    assert f"| `nnapi` | `generator` | {cells} |" in coverage_table(figures)
    assert "36.9 dB | 0.28 dB | 36.4 dB | 35 dB, 0.35 dB: reached | 97.8 %" in quality_table(figures)
    figures["targets"]["cpu"]["quality"]["meets_goal"] = False
    assert "35 dB, 0.35 dB: missed" in quality_table(figures)


def folders_of(text: str) -> list[str]:
    """The folders in CONTRIBUTING's map."""
    return [name.rstrip("/") for name in re.findall(r"^    ([\w./-]+/) +\S", text, re.MULTILINE)]


def test_the_map_names_every_folder_and_no_other() -> None:
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    files = [Path(line).parts for line in listed.stdout.splitlines()]
    there = {"/".join(parts[:depth]) for parts in files for depth in (1, 2) if len(parts) > depth}
    assert set(folders_of(CONTRIBUTING)) == there
    assert len(folders_of(CONTRIBUTING)) == len(there)
    assert set(folders_of(CONTRIBUTING.replace("    selector/page/", "    selector/pages/"))) != there


def test_every_file_that_the_map_names_exists() -> None:
    named = re.findall(r"`([\w./]+\.(?:py|md|json|j2))`", CONTRIBUTING)
    assert len(named) > 10
    built = {"report.json", "__main__.py", "__init__.py"}
    assert [name for name in named if name not in built and not (ROOT / name).exists()] == []
    targets = set(re.findall(r"^([a-z0-9_-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z][a-z0-9_-]+)\b(?=[`\s])", "\n".join(commands(CONTRIBUTING)))) <= targets


def commands(text: str) -> list[str]:
    """What is typed: spans of code, and lines set off as code."""
    return re.findall(r"`([^`\n]+)`", text) + re.findall(r"^    (make .*)$", text, re.MULTILINE)


def test_the_messages_it_explains_are_the_codes() -> None:
    rows = re.findall(r"^\| `(\w+Error): (.*?)`(?:; `.*?`)? \|", README, re.MULTILINE)
    assert len(rows) >= 11
    known = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert {name for name, _ in rows} <= known
    with pytest.raises(ContractError, match="bucket 5s: expected at most 128 tokens"):
        text_inputs((0,) * 129, np.zeros((1, 256), np.float32), 1.0, Bucket(5, 128))
    with pytest.raises(errors.DeviceError) as none:
        choose({})
    with pytest.raises(errors.DeviceError) as several:
        choose({"a": "device", "b": "device"})
    for said in (none, several):
        assert " ".join(str(said.value).partition(",")[0].split()[1:]) in README
    source = "".join(file.read_text(encoding="utf-8") for step in STEPS for file in (ROOT / step).rglob("*.py"))
    quoted = ("the program adb", "no voice of that name", "room to write", "none of them", "a device", "one device")
    assert all(f'"{words}"' in source and words in README for words in quoted)
