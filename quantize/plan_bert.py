"""How parts of `bert` become integers: scales of channels, ranges behind them, weights rounded between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx

from calibrate.ranges import choose
from calibrate.store import Channels
from quantize.albert import Part
from quantize.moments import Moments
from quantize.prepare import METHOD, round_weights
from quantize.qdq import Plan
from quantize.scale_channels import Scaled, channel_scales, scale_channels


def plan_bert(
    model: onnx.ModelProto, parts: Sequence[Part], seen: Mapping[str, Channels], bits: int, moments: Moments
) -> tuple[Plan | None, dict[str, Scaled]]:
    """How `parts` become integers, or None for no part, and the scales of what they read and write."""
    if not parts:
        return None, {}
    scales = channel_scales(model, parts, seen, bits)
    scaled = scale_channels(model, scales)
    nodes = tuple(conv for part in parts for conv in part.convs)
    after = {node.name: node for node in scaled.graph.node}
    ranges, follow = {}, {}
    for node in model.graph.node:
        if node.name in nodes:
            read, written = seen[node.input[0]], seen[node.output[0]]
            factors = scales.get(node.name, Scaled(np.ones(len(read.low)), np.ones(len(written.low))))
            value = after[node.name].input[0]
            follow[value] = factors.read
            ranges[value] = choose(read.histogram(factors.read, 0 * factors.read), METHOD, bits)
            ranges[node.output[0]] = choose(written.histogram(factors.written, 0 * factors.written), METHOD, bits)
    return Plan(nodes, ranges, bits, round_weights(scaled, nodes, ranges, bits, moments, follow)), scales
