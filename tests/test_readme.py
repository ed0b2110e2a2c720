"""What the README claims is what the code says."""

from __future__ import annotations

import re
from pathlib import Path

from export_onnx.table import BEGIN, END, stages_table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


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
