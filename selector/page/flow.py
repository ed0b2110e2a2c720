"""The README's picture of the flow: the page's drawing of the stages as a file of its own.

It follows from `export_onnx/contracts.py` and the page's colors; a viewer's light or dark mode chooses among them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from export_onnx.contracts import STAGES
from selector.page.drawings import draw_stages

FLOW: Final = Path(__file__).parent / "flow.svg"
CSS: Final = Path(__file__).parent / "page.css"


def flow_picture() -> str:
    """SVG with colors of its own; it has no shares of the work, because they differ between checkpoints."""
    drawing = draw_stages({}, {stage.name: stage.runs_on for stage in STAGES})
    start = drawing.index(">") + 1
    head = drawing[: start - 1].replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" width="340" ', 1)
    paper = '<rect width="100%" height="100%" rx="6" style="fill: var(--paper)"/>'
    return f"{head}>\n<style>\n{_colours()}</style>\n{paper}\n{drawing[start:]}\n"


def _colours() -> str:
    """The page's colors (its style before the first rule for everything) and its rules for drawings."""
    css = CSS.read_text(encoding="utf-8")
    drawn = [line for line in css.splitlines() if line.startswith("svg .") or line.startswith("svg text")]
    return css[: css.index("* {")] + "\n".join(drawn) + "\n"
