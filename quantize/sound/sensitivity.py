"""Measures how much each convolution suffers from quantization: it alone is in integers, everything else in float.

1. `alone_in_integers` writes the float graph once, with its weights in a file of their own.
2. For one convolution, `emulated` makes a variant of that graph: four nodes in front of the convolution round its input
   to the steps of the input's range, four nodes behind it round its output, and its weight is rounded. All other
   weights are read from the file of step 1, so writing a variant takes no time.
3. The judge compares the variant's sound with the float run's.

The variants emulate integers: rounded values go through float kernels, which differ from integer kernels only in the
order of sums. An example: a value's range is -1 to 3, so its 8-bit step is 4 / 255 = 0.0157. An element of 0.5 becomes
0.5 / 0.0157 = 31.9, rounds to 32 and is read as 32 * 0.0157 = 0.502. An element of 3.7 is clipped to the range's end.

The alternative is to quantize all convolutions but one, which measures what each exclusion saves. But errors mask each
other then, and nobody would see that single channels spoil one convolution.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from calibrate.ranges import Range
from export_onnx.contracts import VOCODER
from export_onnx.graph.shared_weights import ModelFolder
from export_onnx.run.chain import Chain
from quantize.listen.judge import Judge
from quantize.listen.quality import Quality
from quantize.qdq import WEIGHT_LIMIT, QdqPlan, weight_steps

# A convolution, and its output channels that stay in float -> how it sounds alone in integers.
Alone = Callable[[str, tuple[int, ...]], list[Quality]]


@contextmanager
def alone_in_integers(model: onnx.ModelProto, plan: QdqPlan, judge: Judge) -> Iterator[Alone]:
    """Gives a function that quantizes one convolution of `plan` and measures how the vocoder sounds.

    Args:
        model: the float vocoder, rescaled as the plan expects.
        judge: has sentences that the result is not judged on.
    """
    steps = weight_steps(model, plan.nodes, plan.ranges, plan.bits)
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.name in steps}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with ModelFolder(folder) as models:
            models.save(model, VOCODER.name)
        stored = onnx.load(folder / f"{VOCODER.name}.onnx", load_external_data=False)

        def listen(conv: str, floats: tuple[int, ...] = ()) -> list[Quality]:
            variant = emulated(stored, conv, plan, weights, steps, floats)
            path = folder / "variant.onnx"
            path.write_bytes(variant.SerializeToString())
            return judge.score_chain(Chain(judge.folder, judge.bucket, {VOCODER.name: path}), (VOCODER.name,))

        yield listen


def emulated(
    model: onnx.ModelProto,
    conv: str,
    plan: QdqPlan,
    weights: Mapping[str, NDArray[np.float32]],
    steps: Mapping[str, NDArray[np.float32]],
    floats: Sequence[int] = (),
) -> onnx.ModelProto:
    """A copy of `model` in which the input, the weight and the output of the convolution `conv` are rounded.

    Args:
        model: the float vocoder; its weights may be in another file.
        weights, steps: the weights of the plan's convolutions and their steps per output channel, by initializer.
        floats: output channels that are not rounded.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    place = next(i for i, node in enumerate(graph.node) if node.name == conv)
    node = graph.node[place]
    value, result, weight = node.input[0], node.output[0], node.input[1]
    step = steps[weight][:, None, None, None]
    whole = np.round(weights[weight] / step).clip(-WEIGHT_LIMIT, WEIGHT_LIMIT) * step
    graph.initializer.append(numpy_helper.from_array(whole.astype(np.float32), f"{conv}.weight"))
    node.input[0], node.input[1], node.output[0] = f"{conv}.read", f"{conv}.weight", f"{conv}.written"
    before = _rounded(graph, value, f"{conv}.read", plan.ranges[value], plan.bits)
    rounded = f"{conv}.rounded" if floats else result
    behind = _rounded(graph, f"{conv}.written", rounded, plan.ranges[result], plan.bits)
    if floats:
        behind += _kept(graph, conv, result, len(weights[weight]), floats)
    nodes = [*graph.node[:place], *before, node, *behind, *graph.node[place + 1 :]]
    del graph.node[:]
    graph.node.extend(nodes)
    return copy


def _kept(graph: onnx.GraphProto, conv: str, result: str, channels: int, floats: Sequence[int]) -> list[onnx.NodeProto]:
    """Selects the values before rounding for the channels `floats`, and the rounded ones for all others."""
    mask = np.zeros((1, channels, 1, 1), bool)
    mask[0, list(floats)] = True
    graph.initializer.append(numpy_helper.from_array(mask, f"{conv}.floats"))
    inputs = [f"{conv}.floats", f"{conv}.written", f"{conv}.rounded"]
    return [helper.make_node("Where", inputs, [result], f"{conv}/Where")]


def _rounded(graph: onnx.GraphProto, value: str, result: str, span: Range, bits: int) -> list[onnx.NodeProto]:
    """`value` on the integers of its range, as float: clipped, divided, rounded and back, for any number of bits."""
    scale = (span.high - span.low) / (2**bits - 1)
    low = np.round(span.low / scale) * scale
    constants = {"low": low, "high": low + scale * (2**bits - 1), "scale": scale}
    for name, number in constants.items():
        graph.initializer.append(numpy_helper.from_array(np.array(number, np.float32), f"{result}.{name}"))
    steps = (
        ("Clip", [value, f"{result}.low", f"{result}.high"], f"{result}.clipped"),
        ("Div", [f"{result}.clipped", f"{result}.scale"], f"{result}.divided"),
        ("Round", [f"{result}.divided"], f"{result}.whole"),
        ("Mul", [f"{result}.whole", f"{result}.scale"], result),
    )
    return [helper.make_node(kind, inputs, [output], f"{output}/{kind}") for kind, inputs, output in steps]
