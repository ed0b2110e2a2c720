"""How rescaling changed every quantized value: its range before and after, and the share of it that one channel uses.

One step per tensor serves all channels. A channel that spans a hundredth of the tensor's range has a hundredth of the
integers. `used` is the median channel's share of the range, so 1 is as good as one scale per channel.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx

from calibrate.ranges import Range, choose_range
from calibrate.store import Channels
from quantize.sound.clipping import weight_of_clipping
from quantize.sound.equalize import Affine
from quantize.sound.vocoder_plan import METHOD, VocoderPlan, quantized_values

RANGES: Final = "ranges.json"


def range_table(model: onnx.ModelProto, seen: Mapping[str, Channels], plan: VocoderPlan) -> dict[str, dict[str, Any]]:
    """Value -> channels, [low, high] before and after, and the median channel's share of each, 0 to 1.

    Args:
        model: the vocoder's float graph.
        seen: calibration's statistics of its values.
        plan: the plan that quantizes it.
    """
    sizes = {value: len(channels.low) for value, channels in seen.items()}
    changed = plan.changed(sizes)
    conv_of, table = quantized_values(model, plan.qdq.nodes), {}
    for value, after in plan.qdq.ranges.items():
        before = choose_range(seen[value].histogram(), METHOD, plan.qdq.bits, weight_of_clipping(conv_of[value]))
        plain = Affine(np.ones(sizes[value]), np.zeros(sizes[value]))
        table[value] = {
            "channels": sizes[value],
            "before": _ends(before),
            "after": _ends(after),
            "used_before": _used(seen[value], plain, before),
            "used_after": _used(seen[value], changed[value], after),
        }
    return table


def summarize_ranges(table: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """The median of the values' shares, over values of more than one channel."""
    rows = [row for row in table.values() if row["channels"] > 1]
    return {key: round(float(np.median([row[key] for row in rows])), 4) for key in ("used_before", "used_after")}


def write_ranges(folder: Path, table: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes `ranges.json` into `folder`."""
    (folder / RANGES).write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def _ends(chosen: Range) -> list[float]:
    return [float(f"{end:.6g}") for end in (chosen.low, chosen.high)]


def _used(channels: Channels, affine: Affine, chosen: Range) -> float:
    low, high = (
        np.clip(end * affine.scale + affine.shift, chosen.low, chosen.high) for end in (channels.low, channels.high)
    )
    share = np.abs(high - low) / (chosen.high - chosen.low)
    return round(float(np.median(share)), 4)
