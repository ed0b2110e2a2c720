"""Folds long time axes into rows and columns for operators that work element by element.

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

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import onnx
import onnx_ir as ir
from onnxruntime.quantization.onnx_model import ONNXModel

from export_onnx.geometry import STAGE0_PER_FRAME
from export_onnx.graph.graph_ir import (
    add_constant,
    array_of,
    dims_of,
    input_of,
    name_of,
    new_value,
    read_graph,
    write_graph,
)
from quantize.qdq import finish

ELEMENTWISE: Final = frozenset({"Add", "Div", "LeakyRelu", "Mul", "Sin", "Sqrt", "Sub"})
# Rows, the first that divides: 80 for the generator's first stage, 120 for its second. They must divide the length
# at any number of frames, so that a graph is the same at every bucket.
ROWS: Final = (80, 120)
TIME: Final = 3


def fold_time(model: onnx.ModelProto, frames: int) -> onnx.ModelProto:
    """A copy with every [1, C, 1, L], L at least 20 steps per frame, folded.

    1. If a node works element by element, or takes a mean over time, its inputs are folded in front of it, and its
       output exists in the folded form only.
    2. If any other node reads a value that exists only folded, the value is unfolded in front of the node.
    3. If a reshape is next to a Q or behind a DQ, it gets a Q and a DQ on its folded side, so that it moves integers.

    Args:
        model: a vocoder, quantized or not, with all shapes.
        frames: of its bucket.
    """
    whole = read_graph(model)
    fold = _Fold(whole.graph, frames * STAGE0_PER_FRAME)
    for node in list(whole.graph):
        mean = node.op_type == "ReduceMean" and fold.rows(input_of(node)) > 0
        if mean or (node.op_type in ELEMENTWISE and fold.rows(node.outputs[0])):
            fold.fold_node(node, mean)
        else:
            fold.unfold_inputs(node)
    fold.unfold_outputs()
    _round_borders(whole.graph, fold.borders)
    ordered = ONNXModel(write_graph(whole))
    ordered.topological_sort()
    finish(ordered.model)
    return ordered.model


class _Fold:
    """The graph, and which of its values exist in both forms.

    Attributes:
        borders: the reshapes between both forms.
        dims: the dimensions before folding of the values that are made in the folded form.
    """

    def __init__(self, graph: ir.Graph, long: int) -> None:
        self.graph, self.long = graph, long
        self.borders: list[ir.Node] = []
        self.dims: dict[ir.Value, tuple[int, ...]] = {}
        self.folded: dict[ir.Value, ir.Value] = {}  # a value -> its folded form
        self.unfolded: dict[ir.Value, ir.Value] = {}  # a value that was made folded -> its unfolded form

    def rows(self, value: ir.Value) -> int:
        """The number of rows to fold `value` into, 0 if it is not folded."""
        shape = self.dims.get(value) or (dims_of(value) if value.shape is not None else ())
        if len(shape) != 4 or shape[2] != 1 or shape[TIME] < self.long:
            return 0
        return next((rows for rows in ROWS if shape[TIME] % rows == 0), 0)

    def fold_node(self, node: ir.Node, mean: bool) -> None:
        """Changes the node so that it works on folded values."""
        for position, value in enumerate(node.inputs):
            if value is not None and value not in self.dims and self.rows(value):
                node.replace_input_with(position, self._fold(value, node))
        if mean:
            self._mean_over_both(node)
        else:
            made = node.outputs[0]
            self.dims[made] = dims_of(made)
            made.shape = ir.Shape(self._folded_dims(made))

    def unfold_inputs(self, node: ir.Node) -> None:
        """Changes the node so that it reads unfolded values."""
        for position, value in enumerate(node.inputs):
            if value in self.dims:
                node.replace_input_with(position, self._unfold(value, node))

    def unfold_outputs(self) -> None:
        """Unfolds the graph's outputs, and marks the values that exist only folded in their names."""
        last = self.graph[-1]
        for position, value in enumerate(self.graph.outputs):
            if value in self.dims:
                self.graph.outputs[position] = self._unfold(value, last, behind=True)
        for made in self.dims:
            if made not in self.unfolded:
                made.name = f"{made.name}.folded"

    def _folded_dims(self, value: ir.Value) -> tuple[int, ...]:
        batch, channels, _, length = self.dims.get(value) or dims_of(value)
        rows = self.rows(value)
        return (batch, channels, rows, length // rows)

    def _fold(self, value: ir.Value, before: ir.Node) -> ir.Value:
        if value not in self.folded:
            self.folded[value] = new_value(f"{value.name}.folded", value, self._folded_dims(value))
            self._reshape(value, self.folded[value], "folding", before)
        return self.folded[value]

    def _unfold(self, value: ir.Value, beside: ir.Node, behind: bool = False) -> ir.Value:
        if value not in self.unfolded:
            name = name_of(value)
            value.name = f"{name}.folded"
            self.unfolded[value] = new_value(name, value, self.dims[value])
            self._reshape(value, self.unfolded[value], "unfolding", beside, behind)
        return self.unfolded[value]

    def _reshape(self, source: ir.Value, target: ir.Value, way: str, beside: ir.Node, behind: bool = False) -> None:
        size = add_constant(self.graph, f"{target.name}.{way}", np.array(dims_of(target), np.int64))
        reshape = ir.Node("", "Reshape", [source, size], outputs=[target], name=f"{target.name}/Reshape")
        (self.graph.insert_after if behind else self.graph.insert_before)(beside, reshape)
        self.borders.append(reshape)

    def _mean_over_both(self, node: ir.Node) -> None:
        """Takes the mean over both axes, which are an attribute, and from opset 18 on an input."""
        if len(node.inputs) > 1:
            before = [int(axis) for axis in array_of(input_of(node, 1))]
            axes = add_constant(self.graph, f"{node.name}.axes", np.array([2, TIME], np.int64))
            node.replace_input_with(1, axes)
        else:
            before = list(node.attributes["axes"].as_ints())
            node.attributes["axes"] = ir.AttrInt64s("axes", [2, TIME])
        assert [axis % 4 for axis in before] == [TIME], f"{node.name}: a mean over more than time"


def _round_borders(graph: ir.Graph, borders: Iterable[ir.Node]) -> None:
    """Adds Q and DQ on the folded side of each reshape next to a Q or behind a DQ, so that it moves integers, too."""
    for reshape in borders:
        source, target = input_of(reshape), reshape.outputs[0]
        before, after = source.producer(), list(target.consumers())
        if after and all(node.op_type == "QuantizeLinear" for node in after):
            rounded = new_value(f"{target.name}.rounded", source)
            _insert_pair(graph, source, rounded, after[0].inputs[1:], reshape)
            reshape.replace_input_with(0, rounded)
        elif before is not None and before.op_type == "DequantizeLinear":
            readers, name = list(target.uses()), name_of(target)
            target.name = f"{name}.rounded"
            restored = new_value(name, target)
            _insert_pair(graph, target, restored, before.inputs[1:], reshape, behind=True)
            for reader, position in readers:
                reader.replace_input_with(position, restored)


def _insert_pair(
    graph: ir.Graph,
    source: ir.Value,
    target: ir.Value,
    step: Sequence[ir.Value | None],
    beside: ir.Node,
    behind: bool = False,
) -> None:
    """Inserts Q and DQ from `source` to `target`, in front of a node or behind it."""
    integers = ir.Value(name=f"{target.name}.integers")
    pair = [
        ir.Node("", "QuantizeLinear", [source, *step], outputs=[integers], name=f"{target.name}/QuantizeLinear"),
        ir.Node("", "DequantizeLinear", [integers, *step], outputs=[target], name=f"{target.name}/DequantizeLinear"),
    ]
    (graph.insert_after if behind else graph.insert_before)(beside, pair)
