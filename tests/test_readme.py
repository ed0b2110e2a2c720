"""What README, docs and CONTRIBUTING claim is what the code says."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from android_test.bench.tables import BENCH
from android_test.device.adb import choose_phone
from export_onnx import errors
from export_onnx.buckets import Bucket
from export_onnx.contract_table import STAGES_BLOCK, stages_table
from export_onnx.contracts import STAGES
from export_onnx.errors import ContractError
from export_onnx.marked_blocks import DOCS, rewritten_files
from export_onnx.run.padding import text_inputs
from selector.page.figures import read_figures, table_blocks
from selector.page.flow import FLOW, flow_picture
from tests.test_layout import STEPS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


MARKDOWN = (
    *sorted(ROOT.glob("*.md")),
    *sorted(DOCS.glob("*.md")),
    ROOT / "android_test" / "runner" / "README.md",
    ROOT / "export_onnx" / "demo_voice" / "README.md",
)
MOST_LINES = 150  # of the README: one screen and a half


def test_the_readme_is_short_and_says_first_what_is_not_proven() -> None:
    lines = README.splitlines()
    assert len(lines) <= MOST_LINES
    assert "**No phone has run these packages yet**" in " ".join(lines[:10])


def test_the_table_of_stages_is_the_contract() -> None:
    table = STAGES_BLOCK.marked(stages_table())
    text = STAGES_BLOCK.file.read_text(encoding="utf-8")
    assert table in text, "run `python -m selector tables`"
    assert table.replace("512", "511") not in text


def test_every_make_target_they_name_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9_-]+):", makefile, re.MULTILINE))
    for file in MARKDOWN:
        named = {
            target
            for command in commands(file.read_text(encoding="utf-8"))
            for target in re.findall(r"^make ([a-z][a-z0-9_-]+)", command)
        }
        assert named <= targets, file


def broken_links(file: Path, text: str) -> list[str]:
    """The relative links of a Markdown file that lead nowhere, headings included."""
    broken = []
    for link in re.findall(r"\]\(([^):]+)\)", text):
        path, _, heading = link.partition("#")
        target = file.parent / path if path else file
        there = target.read_text(encoding="utf-8") if target.suffix == ".md" and target.exists() else ""
        headings = {re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-") for line in there.splitlines()}
        if not target.exists() or (heading and heading not in headings):
            broken.append(link)
    return broken


@pytest.mark.parametrize("file", MARKDOWN, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_link_leads_somewhere(file: Path) -> None:
    assert broken_links(file, file.read_text(encoding="utf-8")) == []


def test_a_broken_link_would_be_seen() -> None:
    text = "[a](nowhere.md) [b](README.md#two-commands) [c](README.md#three) [d](https://example.com/x)"
    assert broken_links(ROOT / "README.md", text) == ["nowhere.md", "README.md#three"]


def test_every_page_is_reached_from_the_readme() -> None:
    pages = {f"docs/{file.name}" for file in DOCS.glob("*.md")}
    assert len(pages) > 5
    assert pages <= set(re.findall(r"\]\(([^)#:]+)\)", README))


def test_the_tables_are_what_the_committed_figures_give() -> None:
    figures = read_figures()
    for file, text in rewritten_files(table_blocks(figures)).items():
        assert file.read_text(encoding="utf-8") == text, f"{file.name}: run `python -m selector tables`"
    other = json.loads(json.dumps(figures))
    other["targets"]["cpu"]["quality"]["groups"]["all"]["worst"]["snr_db"] += 1
    changed = {file.name for file, text in rewritten_files(table_blocks(other)).items() if file.read_text() != text}
    assert changed == {"README.md", "quality.md"}


def test_every_generated_block_is_made_by_a_command_that_a_test_holds_it_to() -> None:
    known = {(block.file, block.name) for block in (*table_blocks(read_figures()), BENCH)}
    marked = {
        (file, name)
        for file in MARKDOWN
        for name in re.findall(r"^<!-- (\w+): made by ", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert marked == known


def test_its_picture_is_the_contracts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"]({FLOW.relative_to(ROOT)})" in README
    committed = FLOW.read_text(encoding="utf-8")
    assert committed == flow_picture(), "run `make readme`"
    ElementTree.fromstring(committed)  # an image must be well-formed, where a page forgives
    moved = (replace(STAGES[0], runs_on="cpu"), *STAGES[1:])
    monkeypatch.setattr("selector.page.flow.STAGES", moved)
    assert committed != flow_picture()


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
    page = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+Error): (.*?)`(?:; `.*?`)? \|", page, re.MULTILINE)
    assert len(rows) >= 11
    known = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert {name for name, _ in rows} <= known
    with pytest.raises(ContractError, match="bucket 5s: expected at most 128 tokens"):
        text_inputs((0,) * 129, np.zeros((1, 256), np.float32), 1.0, Bucket(5, 128))
    with pytest.raises(errors.DeviceError) as none:
        choose_phone({})
    with pytest.raises(errors.DeviceError) as several:
        choose_phone({"a": "device", "b": "device"})
    for said in (none, several):
        assert " ".join(str(said.value).partition(",")[0].split()[1:]) in page
    source = "".join(file.read_text(encoding="utf-8") for step in STEPS for file in (ROOT / step).rglob("*.py"))
    quoted = ("the program adb", "no voice of that name", "room to write", "none of them", "a device", "one device")
    assert all(f'"{words}"' in source and words in page for words in quoted)
