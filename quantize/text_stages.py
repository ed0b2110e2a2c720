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
from quantize.compact import store_in_half
from quantize.gates import changed_durations
from quantize.prepare import METHOD, quantized_values
from quantize.qdq import Plan, quantize_convolutions

HALVED: Final = ("duration", "prosody")  # stages that every target runs on the CPU; source and tail have no weights


@dataclass(frozen=True)
class TextSide:
    """What happens to the stages before the vocoder.

    Attributes:
        bert: the plan of its convolutions, or None: float.
        halved: stages whose weights are stored in 16 bits.
        facts: for the report.
    """

    bert: Plan | None
    halved: tuple[str, ...]
    facts: Mapping[str, Any]

    def apply(self, stage: str, model: onnx.ModelProto) -> onnx.ModelProto:
        """The graph that ships, at any bucket."""
        if stage == "bert" and self.bert is not None:
            return quantize_convolutions(model, self.bert)
        return store_in_half(model) if stage in self.halved else model


def choose_text_side(
    folder: Path, bucket: Bucket, samples: Sequence[Sample], seen: Mapping[str, Channels], bits: int
) -> TextSide:
    """Tries integers in `bert` and 16-bit storage, on every sample.

    Args:
        folder: the float stages.
        samples: held-out sentences.
        seen: calibration's statistics of `bert`.
        bits: of activations.
    """
    model = load(folder / f"bert_{bucket.name}.onnx")
    nodes = tuple(node.name for node in model.graph.node if node.op_type == "Conv")
    ranges = {value: choose(seen[value].histogram(), METHOD, bits) for value in quantized_values(model, nodes)}
    plan = Plan(nodes, ranges, bits, {})
    with tempfile.TemporaryDirectory() as scratch:

        def changes(stage: str, graph: onnx.ModelProto) -> int:
            path = Path(scratch) / f"{stage}.onnx"
            onnx.save(graph, path)
            return len(changed_durations(Chain(folder, bucket, {stage: path}), samples))

        in_integers = changes("bert", quantize_convolutions(model, plan))
        halved = changes("duration", store_in_half(load(folder / f"duration_{bucket.name}.onnx")))
    gate = f"of {len(samples)} held-out sentences change frames"
    return TextSide(
        None if in_integers else plan,
        ("prosody",) if halved else HALVED,
        {
            "bert": {
                "decision": "float" if in_integers else "quantized",
                "reason": f"u{bits}/s8 convolutions: {in_integers} {gate}",
            },
            "duration": {
                "decision": "float32 weights" if halved else "float16 weights",
                "reason": f"float16 weights: {halved} {gate}",
            },
        },
    )
