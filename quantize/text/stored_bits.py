"""In how many bits the CPU stages' weights are stored: the fewest whose gates hold.

1. `stores_of` divides each stage's large weights into two stores. A weight from which the graph computes
   `frames_per_token` reaches a token's count of frames and goes into the first; any other weight only colors the sound
   and goes into the second. Every weight of `bert` counts.
2. `choose_bits` stores one store in 8 bits per weight, leaves everything else in float32, and compares the search
   sentences with the float run. These are not the sentences that later judge all stores together.
3. If the rule of `duration_rule.py` or a floor of `text_quality.py` fails, or durations drift by more than `DRIFT`,
   the next of 10, 12 and 16 bits is tried. If none holds, the store stays in float32.
4. If all stores together fail on the held-out sentences, `text_side.py` takes the next wider step, `Stored.safer`.

An example with made-up figures: a store of 2,000,000 weights takes 8 MB in float32. In 8 bits its durations drift by
0.004 frames, of 0.0021 that `DRIFT` allows, so 10 bits are tried. They drift by 0.001 frames and every floor holds: the
store takes 2.5 MB, and 12 and 16 bits are not tried.
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
    """Weights of one stage that are stored in the same number of bits.

    Attributes:
        counts: whether the weights reach a token's count of frames.
    """

    name: str
    stage: str
    weights: Mapping[str, int]  # name -> numbers
    counts: bool


@dataclass(frozen=True)
class Stored:
    """The number of bits that was decided for one store.

    Attributes:
        bits: None if the store stays in float32.
        tried: each width that was tried, with the failures or the measurements in words.
    """

    store: Store
    bits: Bits | None
    tried: Mapping[Bits, str]

    def safer(self) -> Stored:
        """The same store with the next wider number of bits; in float32 after the widest."""
        above = [bits for bits in LADDER if self.bits is not None and bits > self.bits]
        return Stored(self.store, above[0] if above else None, self.tried)

    def facts(self) -> dict[str, Any]:
        """The decision and its evidence, as reports hold them."""
        return {
            "decision": f"int{self.bits}" if self.bits else "float32",
            "reason": self.tried.get(self.bits, "the whole did not hold with fewer") if self.bits else "no gate held",
            "weights": sum(self.store.weights.values()),
            "counts": self.store.counts,
            "tried": {f"int{bits}": words for bits, words in self.tried.items()},
        }


def behind(model: onnx.ModelProto, output: str) -> frozenset[str]:
    """The names of all values that the graph's output of that name is computed from, initializers included."""
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
    """Divides each stage's large weights into those that reach a token's count of frames, and the others.

    Args:
        graphs: by stage, those that the CPU runs.
    """
    result = []
    for stage, model in graphs.items():
        counting = frozenset(large_weights(model))  # all of bert's outputs reach the counts
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
    """The fewest bits of `LADDER` with which every gate holds.

    Args:
        listen: measures the store in that many bits, on sentences other than those that judge the whole.
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
