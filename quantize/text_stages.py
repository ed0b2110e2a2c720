"""The text side of a target: `bert` in integers where its gate holds, weights of CPU stages in half the bytes.

A token that lasts a frame longer moves everything behind it: no signal-to-noise ratio is good enough if one count
changes. So every decision here is tried on all held-out sentences, and undone where a count changes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import onnx

from calibrate.capture import Sample
from calibrate.ranges import choose
from calibrate.store import Channels
from export_onnx.chain import Chain
from export_onnx.contracts import Bucket
from export_onnx.storage import load
from quantize.compact import store_in_16_bits
from quantize.gates import changed_durations
from quantize.prepare import METHOD, quantized_values
from quantize.qdq import Plan, quantize_convolutions
from quantize.recipes import Recipe

COUNTING: Final[tuple[str, ...]] = ("bert", "duration")  # the stages that decide how long a token lasts


@dataclass(frozen=True)
class TextSide:
    """What happens to the stages before the vocoder.

    Attributes:
        bert: the plan of its convolutions, or None: float.
        compacted: stages whose weights are stored in 16 bits.
        facts: for the report.
    """

    bert: Plan | None
    compacted: tuple[str, ...]
    facts: Mapping[str, Any]

    def apply(self, stage: str, model: onnx.ModelProto) -> onnx.ModelProto:
        """The graph that ships, at any bucket."""
        if stage == "bert" and self.bert is not None:
            return quantize_convolutions(model, self.bert)
        return store_in_16_bits(model) if stage in self.compacted else model


def choose_text_side(
    folder: Path, bucket: Bucket, samples: Sequence[Sample], seen: Mapping[str, Channels], chosen: Recipe
) -> TextSide:
    """Tries integers in `bert` and 16-bit storage, on every sample.

    Args:
        folder: the float stages.
        samples: held-out sentences.
        seen: calibration's statistics of `bert`.
        chosen: the target's recipe.
    """
    graphs = {stage: load(folder / f"{stage}_{bucket.name}.onnx") for stage in COUNTING}
    model, bits = graphs["bert"], chosen.activation_bits
    nodes = tuple(node.name for node in model.graph.node if node.op_type == "Conv")
    ranges = {value: choose(seen[value].histogram(), METHOD, bits) for value in quantized_values(model, nodes)}
    plan = Plan(nodes, ranges, bits, {})
    with tempfile.TemporaryDirectory() as scratch:

        def changes(replaced: Mapping[str, onnx.ModelProto]) -> int:
            paths = {}
            for stage, graph in replaced.items():
                paths[stage] = Path(scratch) / f"{stage}.onnx"
                onnx.save(graph, paths[stage])
            return len(changed_durations(Chain(folder, bucket, paths), samples))

        in_integers = changes({"bert": quantize_convolutions(model, plan)})
        smaller = [stage for stage in COUNTING if stage in chosen.compact and (stage != "bert" or in_integers)]
        replaced: dict[str, onnx.ModelProto] = {stage: store_in_16_bits(graphs[stage]) for stage in smaller}
        if not in_integers:
            replaced["bert"] = quantize_convolutions(model, plan)
        together = changes(replaced)
    gate = f"of {len(samples)} held-out sentences change frames"
    kept_float = COUNTING if together else ()
    return TextSide(
        None if in_integers else plan,
        tuple(stage for stage in chosen.compact if stage not in kept_float),
        {
            "bert": {
                "decision": "float" if in_integers else "quantized",
                "reason": f"u{bits}/s8 convolutions: {in_integers} {gate}",
            },
            "16-bit storage": {
                "decision": [stage for stage in smaller if not together],
                "reason": f"{' and '.join(smaller)} in int16: {together} {gate}",
            },
        },
    )
