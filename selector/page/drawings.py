"""Draws inline SVG in the page's colors: the stages with their work, and the ranges before and after rescaling.

The drawings are narrow so that a phone shows them without shrinking the letters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from export_onnx.contracts import STAGES, Stage

WIDTH: Final = 340
BOX, GAP, LINE = 52, 16, 14  # heights of a stage, of the space around an arrow's label, of one line of the label


def draw_stages(work: Mapping[str, int], runs_on: Mapping[str, str]) -> str:
    """Draws the chain from top to bottom: each stage's processor, share of the multiply-adds, and inputs.

    Args:
        work: stage -> multiply-adds; empty if they were not counted.
        runs_on: stage -> "npu" or "cpu".
    """
    parts, y = [], 0
    for number, stage in enumerate(STAGES):
        lines = _lines(handed(number))
        text = y + GAP
        parts += [_text(26, text + LINE * i, line, "handed") for i, line in enumerate(lines)]
        bottom = y + GAP + LINE * len(lines) + 4
        parts.append(f'<path class="flow" d="M12 {y + 3}V{bottom - 5}m-4 -6l4 6l4 -6"/>')
        parts.append(_stage(stage, bottom, work, runs_on[stage.name]))
        y = bottom + BOX
    parts.append(f'<path class="flow" d="M12 {y + 3}V{y + GAP + 6}m-4 -6l4 6l4 -6"/>')
    parts.append(_text(26, y + GAP + 4, "waveform, 24 kHz", "handed"))
    label = "The stages of the chain, where each runs and its share of the work"
    return _svg(y + 2 * GAP, label, parts)


def handed(number: int) -> list[str]:
    """A stage's inputs in order; an asterisk marks inputs that come from outside the chain."""
    made = {port.name for stage in STAGES[:number] for port in stage.outputs}
    return [port.name if port.name in made else f"{port.name}*" for port in STAGES[number].inputs]


def _stage(stage: Stage, y: int, work: Mapping[str, int], processor: str) -> str:
    parts = [f'<rect class="box {processor}" x="0.5" y="{y + 0.5}" width="{WIDTH - 1}" height="{BOX - 1}" rx="6"/>']
    parts.append(_text(12, y + 21, stage.name, "name"))
    parts.append(_text(WIDTH - 12, y + 21, processor.upper(), f"where {processor}"))
    if work:
        share = work[stage.name] / sum(work.values())
        parts.append(f'<rect class="rail" x="12" y="{y + 33}" width="240" height="8" rx="4"/>')
        parts.append(
            f'<rect class="share {processor}" x="12" y="{y + 33}" width="{240 * share:.1f}" height="8" rx="4"/>'
        )
        parts.append(_text(WIDTH - 12, y + 41, f"{share:.1%}", "number"))
    return "".join(parts)


def _lines(names: Sequence[str]) -> list[str]:
    """Joins names to lines that fit beside the arrow."""
    lines = [""]
    for name in names:
        longer = f"{lines[-1]}, {name}" if lines[-1] else name
        lines = [*lines[:-1], longer] if len(longer) <= 46 else [*lines[:-1], lines[-1] + ",", name]
    return lines


def draw_ranges(ranges: Mapping[str, Mapping[str, Any]]) -> str:
    """Draws the share of a tensor's range that its median channel uses, before (line) and after (dots) rescaling."""
    rows = sorted((r["used_before"], r["used_after"]) for r in ranges.values() if r["channels"] > 1)
    left, top, width, height = 42, 10, WIDTH - 52, 130
    parts = []
    for percent in (0, 25, 50, 75, 100):
        y = top + height * (1 - percent / 100)
        parts.append(f'<path class="grid" d="M{left} {y:g}h{width}"/>' + _text(left - 6, y + 4, f"{percent}%", "tick"))

    def place(i: int, share: float) -> str:
        return f"{left + width * (i + 0.5) / len(rows):.1f} {top + height * (1 - min(1.0, share)):.1f}"

    before = "L".join(place(i, one) for i, (one, _) in enumerate(rows))
    parts.append(f'<path class="before" d="M{before}"/>')
    parts += [f'<path class="after" d="M{place(i, two)}h0.01"/>' for i, (_, two) in enumerate(rows)]
    parts.append(_text(left, top + height + 18, f"{len(rows)} tensors, in order of what they used before", "handed"))
    return _svg(top + height + 26, "Share of its tensor's range that the middle channel uses, before and after", parts)


def _svg(height: int, label: str, parts: Sequence[str]) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label, quote=True)}">'
    return head + "".join(parts) + "</svg>"


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(text)}</text>'
