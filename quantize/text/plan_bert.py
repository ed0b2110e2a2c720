"""How parts of `bert` become integers: ranges of what they read and write, weights rounded so that errors cancel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx

from calibrate.ranges import choose_range
from calibrate.store import Channels
from quantize.qdq import QdqPlan
from quantize.sound.vocoder_plan import METHOD, round_weights
from quantize.text.parts import Part
from quantize.weights.second_moments import Moments


def plan_bert(
    model: onnx.ModelProto, parts: Sequence[Part], seen: Mapping[str, Channels], bits: int, moments: Moments
) -> QdqPlan | None:
    """How `parts` become integers, or None for no part.

    Args:
        seen: calibration's statistics of what they read and write.
        bits: of activations; 16 have room for a quiet channel beside a loud one.
        moments: of what the weights are multiplied with.
    """
    if not parts:
        return None
    nodes = tuple(conv for part in parts for conv in part.convs)
    convs = [node for node in model.graph.node if node.name in nodes]
    values = dict.fromkeys(value for conv in convs for value in (conv.input[0], conv.output[0]))
    ranges = {value: choose_range(seen[value].histogram(), METHOD, bits) for value in values}
    as_seen = {conv.input[0]: np.ones(len(seen[conv.input[0]].low)) for conv in convs}
    return QdqPlan(nodes, ranges, bits, round_weights(model, nodes, ranges, bits, moments, as_seen))
