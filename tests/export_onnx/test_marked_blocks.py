"""Generated parts of Markdown files: only what stands between the marks changes, in all files or in none."""

from __future__ import annotations

from pathlib import Path

import pytest

from export_onnx.errors import ContractError
from export_onnx.marked_blocks import MarkedBlock, markdown_rows, rewritten_files


def test_only_what_stands_between_the_marks_changes(tmp_path: Path) -> None:
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    first, second, third = MarkedBlock("a", page), MarkedBlock("b", page, "make bench"), MarkedBlock("a", other)
    page.write_text(f"before\n{first.marked('old')}\nbetween\n{second.begin}\n{second.end}\nafter\n")
    other.write_text(third.marked("old"))
    texts = rewritten_files({first: "new", second: "| x |", third: "also new"})
    assert texts == {
        page: "before\n<!-- a: made by `make readme` -->\nnew\n<!-- end of a -->\nbetween\n"
        "<!-- b: made by `make bench` -->\n| x |\n<!-- end of b -->\nafter\n",
        other: third.marked("also new"),
    }
    assert "old" in page.read_text(), "the caller writes, when all texts are there"
    page.write_text(texts[page])
    assert rewritten_files({first: "new", second: "| x |"}) == {page: texts[page]}


def test_a_missing_mark_is_refused() -> None:
    block = MarkedBlock("quality", Path("README.md"))
    whole = block.marked("x")
    for text in ("nothing", block.begin, block.end, whole + whole, f"{block.end}\n{block.begin}"):
        with pytest.raises(
            ContractError, match=r"^README.md: expected <!-- quality: .* not both, once, in order\. Put"
        ):
            block.replaced(text, "new")
    with pytest.raises(ContractError, match="expected <!-- quality: made by `make bench`"):
        MarkedBlock("quality", Path("README.md"), "make bench").replaced(whole, "new")


def test_a_table_has_a_line_per_row() -> None:
    assert markdown_rows([("a", "b"), ("---", "---"), ("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
