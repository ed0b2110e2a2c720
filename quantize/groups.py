"""The vocoder's convolutions in groups that are quantized together or not at all.

A residual block is one group: its float norms stand between its convolutions, so its parts behave alike. What reads
values that no norm has seen (upsamplings, the front's shortcuts, the curves) stands alone: there 8 bits hurt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import onnx

SHORTCUTS: Final = {"shortcuts.0": "shortcut", "shortcuts.1": "features"}


def group_of(conv: str) -> str:
    """The group of a convolution, from its node name (its module's path)."""
    parts = conv.strip("/").split("/")
    if parts[0].startswith(("encode", "decode")):
        return f"{parts[0]}.{SHORTCUTS[parts[1]]}" if parts[1] in SHORTCUTS else parts[0]
    return parts[0]


def conv_groups(model: onnx.ModelProto) -> dict[str, tuple[str, ...]]:
    """Group -> its convolutions, both in the graph's order."""
    groups: dict[str, list[str]] = {}
    for node in model.graph.node:
        if node.op_type == "Conv":
            groups.setdefault(group_of(node.name), []).append(node.name)
    return {name: tuple(convs) for name, convs in groups.items()}


def quantized_nodes(groups: Mapping[str, tuple[str, ...]], excluded: Iterable[str]) -> tuple[str, ...]:
    """All convolutions but those of the excluded groups."""
    left_out = set(excluded)
    return tuple(conv for name, convs in groups.items() if name not in left_out for conv in convs)
