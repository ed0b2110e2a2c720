"""Long time axes in two dimensions wherever an operator works element by element.

Before   Mul, Add, Sin, … and ReduceMean on [1, C, 1, L]
After    the same on [1, C, H, L / H], between two reshapes; convolutions stay on [1, C, 1, L]
Why      Qualcomm's compiler cuts tensors into blocks of 8 rows: with one row, element-wise operators on 24,000
         columns take most of the compilation. Convolutions are the other way round
Price    exact: the order of elements in memory is the same, so the reshapes move nothing; means are summed in
         another order (>= 120 dB)

Requires shapes; ensures the same names at every operator that is not element-wise.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

from export_onnx.geometry import STAGE0_PER_FRAME

ELEMENTWISE: Final = frozenset({"Add", "Div", "LeakyRelu", "Mul", "Sin", "Sqrt", "Sub"})
# Rows, the first that divides: 80 for the generator's first stage, 120 for its second. The rows must divide the
# length at any number of frames, so that a graph is the same at every bucket.
ROWS: Final = (80, 120)


def fold_time(model: onnx.ModelProto, frames: int) -> None:
    """Fold every [1, C, 1, L] with L of at least 20 steps a frame. Changes `model`; drops its value_info."""
    known = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    shapes = {
        info.name: tuple(d.dim_value for d in info.type.tensor_type.shape.dim)
        for info in (*known.value_info, *known.input, *known.output)
    }
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    shapes |= {name: tuple(tensor.dims) for name, tensor in constants.items()}
    graph, fold = model.graph, _Fold(shapes, constants, frames * STAGE0_PER_FRAME)
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
    graph.node.extend(fold.made)
    graph.initializer.extend(fold.new)
    del graph.value_info[:]


class _Fold:
    """The graph as it is written anew, and which values exist in which form."""

    def __init__(self, shapes: dict[str, tuple[int, ...]], constants: dict[str, onnx.TensorProto], long: int) -> None:
        self.shapes, self.constants, self.long = shapes, constants, long
        self.made: list[onnx.NodeProto] = []
        self.new: list[onnx.TensorProto] = []
        self.two: dict[str, str] = {}  # value -> its folded form
        self.missing: set[str] = set()  # values that exist folded only

    def rows(self, name: str) -> int:
        """Rows to fold `name` into, 0 where it stays."""
        shape = self.shapes.get(name, ())
        if len(shape) != 4 or shape[2] != 1 or shape[3] < self.long:
            return 0
        return next((rows for rows in ROWS if shape[3] % rows == 0), 0)

    def folded(self, node: onnx.NodeProto, mean: bool) -> None:
        """`node` on folded inputs."""
        for i, name in enumerate(node.input):
            if self.rows(name):
                node.input[i] = self._fold(name)
        if mean:
            axes = next(a for a in node.attribute if a.name == "axes")
            assert [axis % 4 for axis in axes.ints] == [3], f"{node.name}: a mean over more than time"
            axes.ints[:] = [2, 3]
        else:
            name = node.output[0]
            node.output[0] = self.two[name] = f"{name}.folded"
            self.missing.add(name)
        self.made.append(node)

    def unfold(self, names: list[str]) -> None:
        """See to it that `names` exist in their own form."""
        for name in names:
            if name in self.missing:
                self.missing.remove(name)
                self._reshape(self.two[name], name, self.shapes[name])

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
        self.made.append(helper.make_node("Reshape", [name, size], [to], name=f"{to}/Reshape"))
