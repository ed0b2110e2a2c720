"""Tables in Markdown files that a command writes: each is between two marks, and people write everything else.

<!-- steps: made by `make readme` -->
| step | seconds | peak memory |
…
<!-- end of steps -->
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from export_onnx.errors import ContractError

ROOT: Final = Path(__file__).parent.parent
README: Final = ROOT / "README.md"
DOCS: Final = ROOT / "docs"


@dataclass(frozen=True)
class MarkedBlock:
    """One generated part of one Markdown file.

    Attributes:
        name: of the block, once per file.
        file: that holds it.
        made_by: the command that writes it, for the reader of the file.
    """

    name: str
    file: Path
    made_by: str = "make readme"

    @property
    def begin(self) -> str:
        """The line above the content."""
        return f"<!-- {self.name}: made by `{self.made_by}` -->"

    @property
    def end(self) -> str:
        """The line below the content."""
        return f"<!-- end of {self.name} -->"

    def marked(self, content: str) -> str:
        """The content between its two marks in the file."""
        return f"{self.begin}\n{content}\n{self.end}"

    def replaced(self, text: str, content: str) -> str:
        """The file's text with new content between the two marks.

        Raises:
            ContractError: the marks are not in the text once each, the begin first.
        """
        start, end = text.find(self.begin), text.find(self.end)
        if text.count(self.begin) != 1 or text.count(self.end) != 1 or start > end:
            raise ContractError(
                self.file.name,
                expected=f"{self.begin} … {self.end}",
                got="not both, once, in order",
                todo="Put them back.",
            )
        return text[:start] + self.marked(content) + text[end + len(self.end) :]


def rewritten_files(contents: Mapping[MarkedBlock, str]) -> dict[Path, str]:
    """The text of every file that holds one of the blocks, with the new contents; nothing is written.

    Raises:
        ContractError: a mark is missing in one of the files.
    """
    texts: dict[Path, str] = {}
    for block, content in contents.items():
        text = texts.get(block.file) or block.file.read_text(encoding="utf-8")
        texts[block.file] = block.replaced(text, content)
    return texts


def markdown_rows(rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table of `rows`: the head, then `---` per column, then the body."""
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
