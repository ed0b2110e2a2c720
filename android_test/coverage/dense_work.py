"""How much work a graph is, from the shapes in the file: multiply-adds of its dense operators.

Element-wise operators are not counted; in this model they are a few per cent. What is counted decides nothing but
the share of the chain that the NPU runs.
"""

from __future__ import annotations

import math
from typing import Final

import onnx

from android_test.coverage.graph_view import GraphView
from export_onnx.errors import CoverageError

DENSE: Final = ("Conv", "ConvTranspose", "MatMul", "Gemm", "LSTM")


def multiply_adds(view: GraphView) -> int:
    """Multiply-adds of one run.

    Raises:
        CoverageError: a dense operator whose shapes the file does not say: it may not be counted as nothing.
    """
    return sum(_of_node(view, node) for node in view.nodes if node.op_type in DENSE)


def _of_node(view: GraphView, node: onnx.NodeProto) -> int:
    if node.op_type == "LSTM":
        directions, four_hidden, inputs = _shape(view, node, node.input[1])
        steps, batch = _shape(view, node, node.input[0])[:2]
        return steps * batch * directions * four_hidden * (inputs + four_hidden // 4)
    weight = _shape(view, node, node.input[1])
    if node.op_type == "Conv":
        return math.prod(_shape(view, node, node.output[0])) * math.prod(weight[1:])
    if node.op_type == "ConvTranspose":
        return math.prod(_shape(view, node, node.input[0])) * math.prod(weight[1:])
    left = _shape(view, node, node.input[0])
    inner = left[0 if _transposed(node) else -1]
    return math.prod(_shape(view, node, node.output[0])) * inner


def _transposed(node: onnx.NodeProto) -> bool:
    return node.op_type == "Gemm" and any(a.name == "transA" and a.i for a in node.attribute)


def _shape(view: GraphView, node: onnx.NodeProto, name: str) -> tuple[int, ...]:
    shape = view.value(name).shape
    if shape is None or any(size is None for size in shape):
        raise CoverageError(
            f"{node.name or node.op_type}: {name}",
            expected="a fixed shape in the file",
            got=str(shape),
            todo="Run shape inference with fixed input sizes and save its result.",
        )
    return tuple(size for size in shape if size is not None)
