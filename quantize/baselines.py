"""The ordinary ways to 8 bits, measured like ours: what the report's table stands beside.

nearest     ours, but every weight goes to the nearest integer; all below do that, too
min-max     the same convolutions, plain ranges, no equalization
dynamic     ONNX Runtime's `quantize_dynamic`: integer weights, ranges found at run time, a float output
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import onnx

from calibrate.store import Channels
from quantize.moments import Moments
from quantize.prepare import apply, prepare
from quantize.qdq import quantize_dynamically
from quantize.verify import Judge, Quality, average

SENTENCES: Final = 6  # of the held-out part; enough to tell 3 dB


def compare_with_baselines(
    model: onnx.ModelProto,
    seen: Mapping[str, Channels],
    nodes: tuple[str, ...],
    bits: int,
    judge: Judge,
    moments: Moments,
) -> dict[str, Quality]:
    """Ours and the others, on the same sentences: name -> quality."""
    graphs = {
        "ours": apply(model, prepare(model, seen, nodes, bits, moments=moments)),
        "weights to the nearest": apply(model, prepare(model, seen, nodes, bits)),
        "nearest, no equalization": apply(model, prepare(model, seen, nodes, bits, rescale=False)),
        "nearest, min-max": apply(model, prepare(model, seen, nodes, bits, "min-max")),
        "nearest, min-max, no equalization": apply(model, prepare(model, seen, nodes, bits, "min-max", rescale=False)),
        "dynamic int8": quantize_dynamically(model),
    }
    return {name: average(judge.score_graph(graph, SENTENCES)) for name, graph in graphs.items()}
