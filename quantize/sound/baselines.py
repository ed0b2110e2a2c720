"""Measures the ordinary ways to 8 bits like ours, on the same sentences. The README's headline uses the figures.

static min-max   the same convolutions in u8/s8, plain ranges, no equalization
dynamic          ONNX Runtime's `quantize_dynamic`, as public ports use it: integer weights, ranges computed per run
"""

from __future__ import annotations

from typing import Any

from export_onnx.contracts import VOCODER
from quantize.float_build import FloatBuild
from quantize.listen.quality import summarize
from quantize.qdq import quantize_dynamically
from quantize.sound.vocoder_plan import apply, make_plan


def compare_with_baselines(build: FloatBuild, nodes: tuple[str, ...], bits: int) -> dict[str, Any]:
    """Name -> how it sounds on the held-out sentences, as reports hold it.

    Args:
        nodes: the convolutions that are in integers in our way.
        bits: of activations.
    """
    model, judge = build.vocoder, build.judge
    plain = make_plan(model, build.statistics[VOCODER.name], nodes, bits, "min-max", rescale=False)
    graphs = {
        "dynamic INT8": quantize_dynamically(model),
        "static min-max, no equalization": apply(plain, model),
    }
    return {name: summarize(judge.score_graph(graph)).facts() for name, graph in graphs.items()}
