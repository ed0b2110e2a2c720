"""A block-list as a picture: each group's waveform SNR alone, and the measured trade-off. Plain SVG, same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

ROW: Final = 18  # pixels
LEFT: Final = 150
WIDTH: Final = 420
FULL: Final = 70.0  # dB at the right edge
KEPT, LEFT_OUT, INK, GRID = "#2a6f97", "#c0392b", "#222222", "#dddddd"


def draw(title: str, groups: Mapping[str, Mapping[str, Any]], curve: Sequence[Mapping[str, Any]]) -> str:
    """The picture.

    Args:
        groups: as in `blocklist.json`: name -> snr_db, decision.
        curve: points with share (0 to 1) and snr_db.
    """
    rows = [(name, facts) for name, facts in groups.items() if facts.get("snr_db") is not None]
    top, base = 44, 44 + ROW * len(rows)
    parts = [_text(12, 22, title, 14)]
    for decibels in range(0, int(FULL) + 1, 10):
        x = _x(decibels)
        parts.append(f'<line x1="{x}" y1="{top - 6}" x2="{x}" y2="{base}" stroke="{GRID}"/>')
        parts.append(_text(x - 6, top - 10, str(decibels), 9))
    for i, (name, facts) in enumerate(rows):
        y, colour = top + i * ROW, LEFT_OUT if facts["decision"] == "float" else KEPT
        parts.append(_text(12, y + 12, name, 11))
        width = max(1, _x(min(FULL, max(0.0, facts["snr_db"]))) - LEFT)
        parts.append(f'<rect x="{LEFT}" y="{y + 2}" width="{width}" height="{ROW - 5}" fill="{colour}"/>')
        parts.append(_text(LEFT + width + 6, y + 12, f"{facts['snr_db']:.1f} dB", 10))
    parts.append(_text(12, base + 24, "alone in integers, held-out waveform SNR; red stays in float", 11))
    for i, point in enumerate(curve):
        measured = f"{point['snr_db']:.1f} dB, {point['mel_db']:.2f} dB log-mel"
        line = f"{point['share']:.1%} of the multiply-adds in integers: {measured}"
        parts.append(_text(12, base + 46 + i * ROW, line, 11))
    height = base + 56 + ROW * len(curve)
    size = f'width="{LEFT + WIDTH + 80}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>", ""])


def _x(decibels: float) -> int:
    return LEFT + round(WIDTH * decibels / FULL)


def _text(x: int, y: int, text: str, size: int) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{INK}">{escape(text)}</text>'
