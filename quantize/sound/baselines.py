"""The ordinary ways to 8 bits, measured like ours and on the same sentences: the README's headline stands on this.

static min-max   the same convolutions in u8/s8, plain ranges, no equalization
dynamic          ONNX Runtime's `quantize_dynamic`, as public ports ship it: integer weights, ranges found at run time
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from calibrate.store import Channels
from quantize.listen.judge import Judge
from quantize.listen.quality import Summary, summarize
from quantize.qdq import quantize_dynamically
from quantize.sound.vocoder_plan import apply, prepare


def compare_with_baselines(
    model: onnx.ModelProto, seen: Mapping[str, Channels], nodes: tuple[str, ...], bits: int, judge: Judge
) -> dict[str, Summary]:
    """Name -> how it sounds.

    Args:
        nodes: the convolutions that ours has in integers.
        bits: of activations.
    """
    plain = prepare(model, seen, nodes, bits, "min-max", rescale=False)
    return {
        "dynamic INT8": summarize(judge.score_graph(quantize_dynamically(model))),
        "static min-max, no equalization": summarize(judge.score_graph(apply(model, plain))),
    }
