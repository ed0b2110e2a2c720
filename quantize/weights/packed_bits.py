"""Weights of float stages in 16, 12, 10 or 8 bits on disk, float32 in memory.

Before   float32 initializers of LSTMs, convolutions, embeddings and style layers
After    integers and one scale per row:
           1. each row is rounded to integers, in steps of its largest weight over 32,767, 2,047, 511 or 127
           2. if there are 16 or 8 bits, the integers q are stored as int16 or int8
           3. if there are 12 or 10 bits, q = 16 * high + low, or q = 4 * high + low: `high` is stored as int8, and two
              or four `low` in one uint8. A row's columns are divided into two or four equal parts; the first part's
              `low` has the highest bits
           4. plain nodes make float32 of them, and the runtime folds these nodes when it loads the model: Cast and Mul;
              for 12 and 10 bits, BitShift, Mod and Concat separate the `low` first. They work on uint8, and Cast comes
              last, because a runtime that folds holds each intermediate value for a moment
Why      the stages from text to pitch have 28 million parameters: 112 MB in float32, beside 53 MB of the NPU's weights
         in 8 bits. A row's numbers are of one size, so int16 is closer to them than float16 with its 11 bits. 12 bits
         are at 70 dB, far below the noise of the vocoder's integers, and so are 10 if GPTQ rounds them (`gptq.py`).
         One DequantizeLinear would do the same, but the runtime does not fold it: every run would compute the weights
         again
Price    an error of about half a step per weight; `stored_bits.py` chooses the bits by gates. Only for stages that a
         CPU runs: NNAPI takes no integer data there

An example in 12 bits: a row's largest weight is 0.5, so the step is 0.5 / 2047 = 0.000244. A weight of -0.3014 is
q = -1234 steps, stored as high = -78 and low = 14, because 16 * -78 + 14 = -1234. If `low` of the same place in the
row's second half is 3, both are stored in the byte 16 * 14 + 3 = 227.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from quantize.weights.gptq import round_rows
from quantize.weights.second_moments import Moments

Bits = Literal[8, 10, 12, 16]

SMALLEST: Final = 1024  # numbers; below, the nodes cost more than they save
BYTE: Final = 8
LOW: Final = ".low{}.uint8"  # the end of the name of the tensor that holds so many low bits per weight
STEPS: Final[Mapping[Bits, int]] = {bits: 2 ** (bits - 1) - 1 for bits in (8, 10, 12, 16)}


def large_weights(model: onnx.ModelProto) -> dict[str, int]:
    """The weights that are worth storing in fewer bits: name -> how many numbers they have."""
    return {
        tensor.name: size
        for tensor in model.graph.initializer
        for size in [int(np.prod(tensor.dims))]
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) >= 2 and size >= SMALLEST
    }


def store_compactly(
    model: onnx.ModelProto, bits: Mapping[str, Bits], rounder: Rounder | None = None
) -> onnx.ModelProto:
    """A copy of `model` whose weights named in `bits` are stored as integers with one scale per row."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    parts = _Parts(copy.graph, rounder or Rounder({}))
    del copy.graph.initializer[:], copy.graph.node[:]
    for tensor in model.graph.initializer:
        if tensor.name in bits:
            parts.add(tensor.name, numpy_helper.to_array(tensor), bits[tensor.name])
        else:
            copy.graph.initializer.append(tensor)
    copy.graph.initializer.extend(parts.stored)
    copy.graph.node.extend([*parts.nodes, *model.graph.node])
    return copy


def store_in_16_bits(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `model` whose large weights are stored in 16 bits."""
    return store_compactly(model, dict.fromkeys(large_weights(model), 16))


def stored_bytes(numbers: int, bits: Bits) -> int:
    """The bytes that so many weights take, without their scales."""
    return numbers * bits // 8


@dataclass
class Rounder:
    """Rounds the weights of one stage, each once, because the graphs of all buckets and targets share the integers.

    Attributes:
        moments: second moments of the values that the weights are multiplied with, for the weights that have any.
        done: integers of the weights that were rounded, by name and bits.
    """

    moments: Moments
    done: dict[tuple[str, Bits], NDArray[np.int16]] = field(default_factory=dict)

    def round(self, name: str, rows: NDArray[np.float64], steps: NDArray[np.float32], bits: Bits) -> NDArray[np.int16]:
        """Integers for `rows`, [R, C]; equal parts of the rows may be multiplied with different inputs.

        A weight without moments is rounded again for each graph, because its shape may depend on the bucket, as that of
        the positions does.
        """
        if name not in self.moments:
            return round_rows(rows, steps.astype(np.float64), STEPS[bits])
        if (name, bits) not in self.done:
            met = self.moments[name]
            parts = zip(np.split(rows, len(met)), np.split(steps.astype(np.float64), len(met)), met, strict=True)
            self.done[name, bits] = np.concatenate(
                [round_rows(r, s, STEPS[bits], m.astype(np.float64)) for r, s, m in parts]
            )
        return self.done[name, bits]


class _Parts:
    """The initializers and nodes that replace weights; every value's shape goes into `graph`."""

    def __init__(self, graph: onnx.GraphProto, rounder: Rounder) -> None:
        self.graph, self.rounder = graph, rounder
        self.stored: list[onnx.TensorProto] = []
        self.nodes: list[onnx.NodeProto] = []

    def add(self, name: str, weight: NDArray[np.float32], bits: Bits) -> None:
        """Stores `weight`, of any shape, and adds the nodes that make a float32 value of the same name."""
        # [2, 4 H, C] of an LSTM has a row for each gate and direction; everything else has its rows first.
        rows = weight.reshape((-1, weight.shape[2]) if weight.ndim == 3 else (len(weight), -1)).astype(np.float64)
        scale = (np.maximum(np.abs(rows).max(1, keepdims=True), 1e-30) / STEPS[bits]).astype(np.float32)
        steps = self.rounder.round(name, rows, scale[:, 0], bits)
        whole = self.unpack(name, steps, bits) if bits in (10, 12) else self.cast(name, steps.astype(f"int{bits}"))
        factor = self.store(f"{name}.scale", scale)
        flat = weight.shape == rows.shape
        scaled = self.node("Mul", [whole, factor], name if flat else f"{name}.rows", rows.shape)
        if not flat:
            shape = self.store(f"{name}.shape", np.array(weight.shape, np.int64))
            self.node("Reshape", [scaled, shape], name, weight.shape)

    def unpack(self, name: str, steps: NDArray[np.int16], bits: Bits) -> str:
        """Stores 10 or 12 bits per weight in two tensors, and adds the nodes that make float32 of them: [R, C]."""
        count, columns = steps.shape
        low_bits = bits - BYTE
        parts = BYTE // low_bits
        width = -(-columns // parts)
        padded = np.pad(steps, ((0, 0), (0, parts * width - columns)))
        high, low = np.divmod(padded, 2**low_bits)
        places = [BYTE - low_bits * (part + 1) for part in range(parts)]
        shifted = [low[:, i * width : (i + 1) * width] << place for i, place in enumerate(places)]
        packed = np.bitwise_or.reduce(shifted).astype(np.uint8)
        stored = self.store(name + LOW.format(low_bits), packed)
        shape, kind = packed.shape, TensorProto.UINT8
        base = self.store(f"{name}.base", np.array(2**low_bits, np.uint8))
        lows = []
        for place in places:
            distance = self.store(f"{name}.{place}", np.array(place, np.uint8))
            moved = self.node("BitShift", [stored, distance], f"{name}.by{place}", shape, kind, direction="RIGHT")
            lows.append(self.node("Mod", [moved, base], f"{name}.low{place}", shape, kind))
        joined = self.node("Concat", lows, f"{name}.lows", high.shape, kind, axis=1)
        factor = self.store(f"{name}.step", np.array(2**low_bits, np.float32))
        highs = self.node("Mul", [self.cast(name, high.astype(np.int8)), factor], f"{name}.highs", high.shape)
        added = self.node("Cast", [joined], f"{name}.lows.cast", high.shape, to=TensorProto.FLOAT)
        whole = self.node("Add", [highs, added], f"{name}.whole", high.shape)
        if parts * width == columns:
            return whole
        ends = [
            self.store(f"{name}.{k}", np.array([v], np.int64)) for k, v in (("from", 0), ("to", columns), ("axis", 1))
        ]
        return self.node("Slice", [whole, *ends], f"{name}.real", (count, columns))

    def cast(self, name: str, steps: NDArray[np.integer]) -> str:
        """Stores integers and adds the node that makes float32 of them."""
        stored = self.store(f"{name}.{steps.dtype}", steps)
        return self.node("Cast", [stored], f"{name}.cast", steps.shape, to=TensorProto.FLOAT)

    def store(self, name: str, array: NDArray[np.generic]) -> str:
        """Adds an initializer."""
        self.stored.append(numpy_helper.from_array(array, name))
        return name

    def node(
        self,
        kind: str,
        inputs: list[str],
        output: str,
        shape: tuple[int, ...],
        dtype: int = TensorProto.FLOAT,
        **attributes: Any,
    ) -> str:
        """Adds a node with one output of that shape and type."""
        self.nodes.append(helper.make_node(kind, inputs, [output], f"/{output}/{kind}", **attributes))
        self.graph.value_info.append(helper.make_tensor_value_info(output, dtype, shape))
        return output
