"""Long time axes in rows and columns wherever an operator works element by element.

Before   Mul, Add, Sin, … and ReduceMean on [1, C, 1, L]
After    the same on [1, C, H, L / H]; convolutions stay on [1, C, 1, L], between two reshapes that move integers:
         … Q -> DQ -> Reshape -> Q -> DQ -> Conv -> Q -> DQ -> Reshape -> Q -> DQ …, one scale all the way
Why      Qualcomm's compiler cuts tensors into blocks of 8 rows: with one row, element-wise operators on 24,000
         columns take most of the compilation. Convolutions are the other way round. Measured at full size, 5 s, u16,
         SM8550: tests/android_test/test_coverage_full_size.py has the figures
Price    exact: the order of elements in memory is the same, and a second rounding to the same step changes nothing;
         means are summed in another order (>= 100 dB)

Requires the shapes of all values; ensures that convolutions keep their names and the names of their weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization.onnx_model import ONNXModel

from export_onnx.geometry import STAGE0_PER_FRAME
from quantize.qdq import finish

ELEMENTWISE: Final = frozenset({"Add", "Div", "LeakyRelu", "Mul", "Sin", "Sqrt", "Sub"})
# Rows, the first that divides: 80 for the generator's first stage, 120 for its second. They must divide the length
# at any number of frames, so that a graph is the same at every bucket.
ROWS: Final = (80, 120)
TIME: Final = 3


def fold_time(model: onnx.ModelProto, frames: int) -> onnx.ModelProto:
    """A copy with every [1, C, 1, L], L at least 20 steps a frame, folded.

    Args:
        model: a vocoder, quantized or not, with all shapes.
        frames: of its bucket.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph, fold = copy.graph, _Fold(copy, frames * STAGE0_PER_FRAME)
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        mean = node.op_type == "ReduceMean" and fold.rows(node.input[0]) > 0
        if mean or (node.op_type in ELEMENTWISE and fold.rows(node.output[0])):
            fold.folded(node, mean)
        else:
            fold.unfold(node.input)
            fold.made.append(node)
    fold.unfold([value.name for value in graph.output])
    graph.node.extend([*_rounded_borders(fold), *fold.made])
    graph.initializer.extend(fold.new)
    ordered = ONNXModel(copy)
    ordered.topological_sort()
    finish(ordered.model)
    return ordered.model


class _Fold:
    """The graph as it is written anew, and which values exist in which form."""

    def __init__(self, model: onnx.ModelProto, long: int) -> None:
        graph = model.graph
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self.shapes = {name: tuple(tensor.dims) for name, tensor in self.constants.items()}
        for info in (*graph.value_info, *graph.input, *graph.output):
            self.shapes[info.name] = tuple(d.dim_value for d in info.type.tensor_type.shape.dim)
        self.long = long
        self.made: list[onnx.NodeProto] = []
        self.borders: list[onnx.NodeProto] = []  # the reshapes
        self.new: list[onnx.TensorProto] = []
        self.two: dict[str, str] = {}  # value -> its folded form
        self.missing: set[str] = set()  # values that exist folded only

    def rows(self, name: str) -> int:
        """Rows to fold `name` into, 0 where it stays."""
        shape = self.shapes.get(name, ())
        if len(shape) != 4 or shape[2] != 1 or shape[TIME] < self.long:
            return 0
        return next((rows for rows in ROWS if shape[TIME] % rows == 0), 0)

    def folded(self, node: onnx.NodeProto, mean: bool) -> None:
        """`node` on folded inputs."""
        for i, name in enumerate(node.input):
            if self.rows(name):
                node.input[i] = self._fold(name)
        if mean:
            self._mean_over_both(node)
        else:
            name = node.output[0]
            node.output[0] = self.two[name] = f"{name}.folded"
            self.missing.add(name)
        self.made.append(node)

    def unfold(self, names: Iterable[str]) -> None:
        """See to it that `names` exist in their own form."""
        for name in names:
            if name in self.missing:
                self.missing.remove(name)
                self._reshape(self.two[name], name, self.shapes[name])

    def _mean_over_both(self, node: onnx.NodeProto) -> None:
        """The axes are an attribute, and from opset 18 on an input."""
        if len(node.input) > 1:
            before = [int(axis) for axis in numpy_helper.to_array(self.constants[node.input[1]])]
            node.input[1] = f"{node.name}.axes"
            self.new.append(numpy_helper.from_array(np.array([2, TIME], np.int64), node.input[1]))
        else:
            axes = next(a for a in node.attribute if a.name == "axes")
            before = list(axes.ints)
            axes.ints[:] = [2, TIME]
        assert [axis % 4 for axis in before] == [TIME], f"{node.name}: a mean over more than time"

    def _fold(self, name: str) -> str:
        if name not in self.two:
            batch, channels, _, length = self.shapes[name]
            rows = self.rows(name)
            self.two[name] = f"{name}.folded"
            self._reshape(name, self.two[name], (batch, channels, rows, length // rows))
        return self.two[name]

    def _reshape(self, name: str, to: str, shape: tuple[int, ...]) -> None:
        size = f"{to}.{'folding' if shape[2] > 1 else 'unfolding'}"
        self.new.append(numpy_helper.from_array(np.array(shape, np.int64), size))
        self.borders.append(helper.make_node("Reshape", [name, size], [to], name=f"{to}/Reshape"))
        self.made.append(self.borders[-1])


def _rounded_borders(fold: _Fold) -> list[onnx.NodeProto]:
    """Q and DQ on the folded side of each reshape beside a Q or behind a DQ: the reshape is then of integers too."""
    made_by = {output: node for node in fold.made for output in node.output}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in fold.made:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    pairs = []
    for reshape in fold.borders:
        before, after = made_by.get(reshape.input[0]), readers.get(reshape.output[0], [])
        if after and all(node.op_type == "QuantizeLinear" for node in after):
            source, step = reshape.input[0], after[0].input[1:]
            reshape.input[0] = f"{reshape.output[0]}.rounded"
            pairs += _pair(source, reshape.input[0], step)
        elif before is not None and before.op_type == "DequantizeLinear":
            target, step = reshape.output[0], before.input[1:]
            reshape.output[0] = f"{target}.rounded"
            pairs += _pair(reshape.output[0], target, step)
    return pairs


def _pair(source: str, target: str, step: Iterable[str]) -> list[onnx.NodeProto]:
    integers = f"{target}.integers"
    return [
        helper.make_node("QuantizeLinear", [source, *step], [integers], name=f"{target}/QuantizeLinear"),
        helper.make_node("DequantizeLinear", [integers, *step], [target], name=f"{target}/DequantizeLinear"),
    ]
