"""Draws a block-list as plain SVG: how far each single convolution moves the sound, and the measured trade-off.

Each bar is the log-mel distance if only that convolution is in integers. A vocoder has 77 convolutions, so the picture
shows those that matter: every one that stays in float, whole or in single channels, and the most harmful ones in
integers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from quantize.blocklists import NEVER

MOST: Final = 20  # rows; there are more only if more convolutions stay in float
ROW: Final = 18  # pixels
LEFT: Final = 190
WIDTH: Final = 300
KEPT, PARTED, LEFT_OUT, INK = "#2a6f97", "#d08c2e", "#c0392b", "#222222"

BlocklistRow = Mapping[str, Any]  # of `blocklist.json`


def heard_most(convolutions: Mapping[str, BlocklistRow], most: int = MOST) -> dict[str, BlocklistRow]:
    """The convolutions that the picture shows, in the order of their harm.

    Args:
        convolutions: as in `blocklist.json`: name -> decision, float_channels, reason and, if it was quantized alone,
            mel_db.
        most: how many, unless more stay in float.
    """
    order = sorted(convolutions, key=lambda name: (-(convolutions[name].get("mel_db") or 0.0), name))
    out = [name for name in order if in_float(convolutions[name])]
    kept = [name for name in order if name not in out and convolutions[name].get("mel_db") is not None]
    shown = {*out, *kept[: max(0, most - len(out))]}
    return {name: convolutions[name] for name in order if name in shown}


def in_float(row: BlocklistRow) -> str:
    """The part of a convolution that stays in float, in words; empty if there is none."""
    if row["decision"] == "float":
        return "whole"
    channels = len(row.get("float_channels", ()))
    return f"{channels} channel{'s' if channels > 1 else ''}" if channels else ""


def module(conv: str) -> str:
    """A convolution's node name as its module's path: `/resblocks.1/convs2.2/Conv` -> `resblocks.1/convs2.2`."""
    return conv.removeprefix("/").removesuffix("/Conv")


def longest_bar(shown: Mapping[str, BlocklistRow]) -> float:
    """The log-mel distance, dB, of the longest bar: the largest among convolutions that may be quantized at all."""
    return max((row.get("mel_db") or 0.0 for name, row in shown.items() if name not in NEVER), default=0.0) or 1.0


def draw_blocklist(title: str, convolutions: Mapping[str, BlocklistRow], curve: Sequence[Mapping[str, Any]]) -> str:
    """The picture as SVG; the same block-list gives the same bytes.

    Args:
        convolutions: see `heard_most`.
        curve: points with share (0 to 1), excluded, and mean and worst quality.
    """
    shown = heard_most(convolutions)
    full, top = longest_bar(shown), 36
    base = top + ROW * len(shown)
    parts = [_text(12, 22, title, 14)]
    for i, (name, row) in enumerate(shown.items()):
        y, out = top + i * ROW, in_float(row)
        colour = {"whole": LEFT_OUT, "": KEPT}.get(out, PARTED)
        heard = row.get("mel_db")
        width = max(1, round(WIDTH * min(1.0, (heard or 0.0) / full)))
        parts.append(_text(12, y + 12, module(name), 11))
        parts.append(f'<rect x="{LEFT}" y="{y + 2}" width="{width}" height="{ROW - 5}" fill="{colour}"/>')
        said = "not measured" if heard is None else f"{heard:.2f} dB"
        said += f", {out} in float" if colour == PARTED else ""
        parts.append(_text(LEFT + width + 6, y + 12, said, 10))
    left = len(convolutions) - len(shown)
    rest = f"; {left} more in integers" if left else ""
    parts.append(_text(12, base + 24, f"log-mel distance, alone in integers; red stays in float{rest}", 11))
    for i, point in enumerate(curve):
        parts.append(_text(12, base + 46 + i * ROW, _point(point), 11))
    height = base + 56 + ROW * len(curve)
    size = f'width="{LEFT + WIDTH + 150}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>", ""])


def _point(point: Mapping[str, Any]) -> str:
    mean, worst = point["mean"], point["worst"]
    return (
        f"{point['share']:.1%} of the multiply-adds in integers, {len(point['excluded'])} in float: "
        f"PESQ {mean['pesq']:.2f} (worst {worst['pesq']:.2f}), log-mel {mean['mel_db']:.2f} dB ({worst['mel_db']:.2f})"
    )


def _text(x: int, y: int, text: str, size: int) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{INK}">{escape(text)}</text>'
