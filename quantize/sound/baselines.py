"""The ordinary ways to 8 bits, measured like ours and on the same sentences: the README's headline stands on this.

static min-max   the same convolutions in u8/s8, plain ranges, no equalization
dynamic          ONNX Runtime's `quantize_dynamic`, as public ports ship it: integer weights, ranges found at run time
"""

from __future__ import annotations

from typing import Any

from export_onnx.contracts import VOCODER
from quantize.float_build import FloatBuild
from quantize.listen.quality import summarize
from quantize.qdq import quantize_dynamically
from quantize.sound.vocoder_plan import apply, make_plan


def compare_with_baselines(build: FloatBuild, nodes: tuple[str, ...], bits: int) -> dict[str, Any]:
    """Name -> how it sounds on the held-out sentences, as reports have it.

    Args:
        nodes: the convolutions that ours has in integers.
        bits: of activations.
    """
    model, judge = build.vocoder, build.judge
    plain = make_plan(model, build.statistics[VOCODER.name], nodes, bits, "min-max", rescale=False)
    graphs = {
        "dynamic INT8": quantize_dynamically(model),
        "static min-max, no equalization": apply(plain, model),
    }
    return {name: summarize(judge.score_graph(graph)).facts() for name, graph in graphs.items()}
