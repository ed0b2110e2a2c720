"""`bert` in integers by parts: the largest part of its weights that no token's frames notice.

ALBERT runs one layer twelve times, so a part is a weight with every convolution that uses it. Each is quantized alone
and its drift measured: how far durations move before they are rounded. Of durations that lie anywhere between two
whole numbers, a drift of 0.001 frames changes one in a thousand tokens, so drift says early what counting says late.
Parts leave by drift for their size until the rest neither changes a count nor is expected to, and pitch and energy
stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx

from quantize.text_quality import TextQuality

EXPECTED: Final = 0.5  # tokens that may be expected to change among those that will judge


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
    """What is quantized, and what was seen on the way.

    Attributes:
        order: all parts; the first leave first.
    """

    quantized: tuple[Part, ...]
    alone: Mapping[str, TextQuality]
    order: tuple[Part, ...]

    def without_next(self) -> Choice:
        """One part less."""
        left = next(part for part in self.order if part in self.quantized)
        return Choice(tuple(part for part in self.quantized if part != left), self.alone, self.order)

    def share(self) -> float:
        """Of the weights that are quantized, 0 to 1."""
        return sum(part.weights for part in self.quantized) / sum(part.weights for part in self.order)

    def facts(self) -> dict[str, Any]:
        """A row a part, for reports."""
        return {
            part.name: {
                "weights": part.weights,
                "drift_frames": float(f"{self.alone[part.name].drift:.3g}"),
                "worst_drift_frames": float(f"{self.alone[part.name].worst:.3g}"),
                "f0_cents": float(f"{self.alone[part.name].f0_cents:.3g}"),
                "sentences_changed": self.alone[part.name].changed,
                "decision": "quantized" if part in self.quantized else "float",
                "reason": "changes no count" if part in self.quantized else "moves durations most for its size",
            }
            for part in reversed(self.order)
        }


def choose_parts(parts: tuple[Part, ...], listen: Try, judged_tokens: int) -> Choice:
    """The parts to quantize.

    Args:
        listen: quantizes exactly the parts it is given; on sentences other than those that judge.
        judged_tokens: of the sentences that will judge.
    """
    alone = {part.name: listen((part,)) for part in parts}
    order = tuple(sorted(parts, key=lambda part: -alone[part.name].drift / part.weights))
    choice = Choice(parts, alone, order)
    while choice.quantized:
        if sum(alone[part.name].drift ** 2 for part in choice.quantized) ** 0.5 * judged_tokens <= EXPECTED:
            whole = listen(choice.quantized)
            if not whole.failures() and whole.drift * judged_tokens <= EXPECTED:
                break
        choice = choice.without_next()
    return choice
