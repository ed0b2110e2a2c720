"""In how many bits the CPU stages' weights are stored: the fewest whose gates hold.

Weights that reach a token's count are told from the others by the graph: everything behind `frames_per_token`. A count
is a rounded sum, so it is held to the rule of `duration_rule.py`, and what only colours the sound to floors. Every part
is tried alone, on sentences other than those that judge the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import onnx

from export_onnx.graph.graph_ir import name_of, read_graph
from quantize.text.duration_rule import DRIFT
from quantize.text.text_quality import TextQuality
from quantize.weights.packed_bits import Bits, large_weights

LADDER: Final[tuple[Bits, ...]] = (8, 10, 12, 16)


@dataclass(frozen=True)
class Store:
    """Weights of one stage that are stored alike.

    Attributes:
        counts: whether they reach a token's count.
    """

    name: str
    stage: str
    weights: Mapping[str, int]  # name -> numbers
    counts: bool


@dataclass(frozen=True)
class Stored:
    """What was decided for one; bits are None where it stays in float32."""

    store: Store
    bits: Bits | None
    tried: Mapping[Bits, str]

    def safer(self) -> Stored:
        """One step up the ladder."""
        above = [bits for bits in LADDER if self.bits is not None and bits > self.bits]
        return Stored(self.store, above[0] if above else None, self.tried)

    def facts(self) -> dict[str, Any]:
        """For reports."""
        return {
            "decision": f"int{self.bits}" if self.bits else "float32",
            "reason": self.tried.get(self.bits, "the whole did not hold with fewer") if self.bits else "no gate held",
            "weights": sum(self.store.weights.values()),
            "counts": self.store.counts,
            "tried": {f"int{bits}": words for bits, words in self.tried.items()},
        }


def behind(model: onnx.ModelProto, output: str) -> frozenset[str]:
    """Every value that reaches the graph's output of that name, initializers among them."""
    seen: set[str] = set()
    waiting = [value for value in read_graph(model).graph.outputs if value.name == output]
    while waiting:
        value = waiting.pop()
        if value.name not in seen:
            seen.add(name_of(value))
            node = value.producer()
            waiting.extend(value for value in (node.inputs if node else ()) if value is not None)
    return frozenset(seen)


def stores_of(graphs: Mapping[str, onnx.ModelProto]) -> tuple[Store, ...]:
    """The stages' large weights: those that count, and the others.

    Args:
        graphs: `duration`, and whatever else the CPU runs, by stage.
    """
    result = []
    for stage, model in graphs.items():
        counting = frozenset(large_weights(model))  # bert: all that it says is counted
        if stage != "bert":
            ends = [value.name for value in model.graph.output]
            counting = behind(model, "frames_per_token") if "frames_per_token" in ends else frozenset()
        for counts in (True, False):
            weights = {name: size for name, size in large_weights(model).items() if (name in counting) == counts}
            if weights:
                name = f"{stage}, what counts" if counts else f"{stage}, what does not" if counting else stage
                result.append(Store(name, stage, weights, counts))
    return tuple(result)


def choose_bits(store: Store, listen: Callable[[Bits], TextQuality]) -> Stored:
    """The lowest step of the ladder that holds.

    Args:
        listen: stores in that many bits, on sentences other than those that judge.
    """
    tried: dict[Bits, str] = {}
    for bits in LADDER:
        quality = listen(bits)
        failures = list(quality.failures())
        if quality.drift > DRIFT:
            failures.append(f"durations drift by {quality.drift:.2g} frames, of {DRIFT:.2g}")
        tried[bits] = "; ".join(failures) or _held(store, quality)
        if not failures:
            return Stored(store, bits, tried)
    return Stored(store, None, tried)


def _held(store: Store, quality: TextQuality) -> str:
    if store.counts:
        changed, tokens = quality.durations.changed, quality.durations.tokens
        return f"{changed} of {tokens} tokens change; drift {quality.drift:.2g} frames"
    if store.stage == "style":
        return f"gains and shifts at {quality.style_db:.1f} dB"
    if store.stage == "prosody":
        return f"pitch within {quality.f0_cents:.2f} cents, energy within {quality.energy:.4f}"
    return f"text features at {quality.asr_db:.1f} dB"
