"""Chooses which ALBERT weights become INT8, and how, for a target whose NPU runs `bert`.

Today no recipe uses this: every target runs `bert` on the CPU (`text_side.py` has the reason), so its weights are
stored in fewer bits like those of the other text stages (`stored_bits.py`). ALBERT runs one layer twelve times, so a
*part* is a weight with every convolution that uses it.

1. Quantize each part alone and measure its drift: how far durations move before they are rounded, mean per token. If
   durations are spread evenly between whole numbers, a drift of 0.001 frames changes one in a thousand tokens. So drift
   shows on few sentences what a count of changed tokens shows only on many.
2. Start from all parts.
3. While the remaining parts drift by more than `DRIFT` together, or miss a floor, remove the part with the most drift
   per weight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from calibrate.ranges import choose_range
from calibrate.store import Channels
from quantize.qdq import QdqPlan
from quantize.sound.vocoder_plan import METHOD, round_weights
from quantize.text.duration_rule import DRIFT
from quantize.text.text_quality import TextQuality
from quantize.weights.second_moments import Moments


@dataclass(frozen=True)
class Part:
    """A weight and the convolutions that share it."""

    name: str
    convs: tuple[str, ...]
    weights: int


def albert_parts(model: onnx.ModelProto) -> tuple[Part, ...]:
    """The parts of `bert`, in the graph's order."""
    sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in model.graph.initializer}
    users: dict[str, list[str]] = {}
    for node in model.graph.node:
        if node.op_type == "Conv":
            users.setdefault(node.input[1], []).append(node.name)
    return tuple(
        Part(weight.removesuffix(".weight").split(".")[-1], tuple(convs), sizes[weight])
        for weight, convs in users.items()
    )


Try = Callable[[tuple[Part, ...]], TextQuality]


@dataclass(frozen=True)
class Choice:
    """The parts that are quantized, with the measurements that decided it.

    Attributes:
        alone: the quality with only this part quantized, by the part's name.
        order: all parts, those that are removed first in front.
    """

    quantized: tuple[Part, ...]
    alone: Mapping[str, TextQuality]
    order: tuple[Part, ...]

    def without_next(self) -> Choice:
        """The choice without the next part of `order`."""
        left = next(part for part in self.order if part in self.quantized)
        return Choice(tuple(part for part in self.quantized if part != left), self.alone, self.order)

    def share(self) -> float:
        """The share of the weights that is quantized, 0 to 1."""
        return sum(part.weights for part in self.quantized) / sum(part.weights for part in self.order)

    def facts(self) -> dict[str, Any]:
        """One row per part, as reports hold them."""
        return {
            part.name: {
                "weights": part.weights,
                "drift_frames": float(f"{self.alone[part.name].drift:.3g}"),
                "worst_drift_frames": float(f"{self.alone[part.name].worst:.3g}"),
                "f0_cents": float(f"{self.alone[part.name].f0_cents:.3g}"),
                "tokens_changed": self.alone[part.name].durations.changed,
                "decision": "quantized" if part in self.quantized else "float",
                "reason": "moves durations least" if part in self.quantized else "moves durations most for its size",
            }
            for part in reversed(self.order)
        }


def choose_parts(parts: tuple[Part, ...], listen: Try) -> Choice:
    """Chooses the parts to quantize.

    Args:
        listen: measures the quality with exactly these parts quantized, on sentences other than those that judge.
    """
    alone = {part.name: listen((part,)) for part in parts}
    order = tuple(sorted(parts, key=lambda part: -alone[part.name].drift / part.weights))
    choice = Choice(parts, alone, order)
    while choice.quantized:
        if sum(alone[part.name].drift ** 2 for part in choice.quantized) ** 0.5 <= DRIFT:
            whole = listen(choice.quantized)
            if not whole.failures() and whole.drift <= DRIFT:
                break
        choice = choice.without_next()
    return choice


def plan_bert(
    model: onnx.ModelProto, parts: Sequence[Part], seen: Mapping[str, Channels], bits: int, moments: Moments
) -> QdqPlan | None:
    """The plan that quantizes `parts`, or None if there are none.

    Args:
        seen: calibration's statistics of the values that their convolutions read and write.
        bits: of activations; 16 bits have room for a quiet channel beside a loud one.
        moments: second moments of the values that the weights are multiplied with.
    """
    if not parts:
        return None
    nodes = tuple(conv for part in parts for conv in part.convs)
    convs = [node for node in model.graph.node if node.name in nodes]
    values = dict.fromkeys(value for conv in convs for value in (conv.input[0], conv.output[0]))
    ranges = {value: choose_range(seen[value].histogram(), METHOD, bits) for value in values}
    as_seen = {conv.input[0]: np.ones(len(seen[conv.input[0]].low)) for conv in convs}
    return QdqPlan(nodes, ranges, bits, round_weights(model, nodes, ranges, bits, moments, as_seen))
