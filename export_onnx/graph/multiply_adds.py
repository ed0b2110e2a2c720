"""Counts the multiply-adds of a graph's dense operators from its shapes, as a processor runs them.

A weight that is zero counts like any other, because no processor here skips it. Element-wise operators do not count:
in this model they are a few percent. From the counts follow the shares of the work in integers and on the NPU.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Final

import onnx
import onnx_ir as ir

from export_onnx.errors import ContractError
from export_onnx.graph.graph_ir import dims_of, input_of, read_graph

DENSE: Final = ("Conv", "ConvTranspose", "MatMul", "Gemm", "LSTM")


def multiply_adds(model: onnx.ModelProto) -> dict[str, int]:
    """The multiply-adds of one run by node name; a node without a name is listed by its operator and place.

    Args:
        model: its weights may be in another file; only shapes are read.

    Raises:
        ContractError: the file lacks the shapes of a dense operator, which would then count as no work.
    """
    return {
        node.name or f"{node.op_type}#{place}": _of_node(node)
        for place, node in enumerate(read_graph(model).graph)
        if node.op_type in DENSE
    }


def share_of_work(counted: dict[str, int], nodes: Collection[str]) -> float:
    """The share of `nodes` in all counted multiply-adds, 0 to 1."""
    return sum(count for name, count in counted.items() if name in nodes) / sum(counted.values())


def _of_node(node: ir.Node) -> int:
    data, weight, result = (_dims(node, value) for value in (input_of(node), input_of(node, 1), node.outputs[0]))
    match node.op_type:
        case "LSTM":
            (steps, batch, *_), (directions, four_hidden, inputs) = data, weight
            return steps * batch * directions * four_hidden * (inputs + four_hidden // 4)
        case "Conv":
            return math.prod(result) * math.prod(weight[1:])
        case "ConvTranspose":
            return math.prod(data) * math.prod(weight[1:])
        case _:
            transposed = node.op_type == "Gemm" and "transA" in node.attributes and node.attributes["transA"].as_int()
            return math.prod(result) * data[0 if transposed else -1]


def _dims(node: ir.Node, value: ir.Value) -> tuple[int, ...]:
    try:
        return dims_of(value)
    except ContractError as error:
        raise ContractError(
            f"{node.name or node.op_type}: {value.name}",
            expected="a fixed shape in the file",
            got=str(value.shape),
            todo="Run shape inference with fixed input sizes and save its result.",
        ) from error
