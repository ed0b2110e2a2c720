"""How much of the convolutions' work a list of nodes is: multiply-adds, counted from the graph's shapes."""

from __future__ import annotations

from collections.abc import Collection

import onnx


def conv_multiply_adds(model: onnx.ModelProto) -> dict[str, int]:
    """Multiply-adds of each convolution, by node name."""
    weights = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    shapes = {
        value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
        for value in (*model.graph.value_info, *model.graph.output)
    }
    result = {}
    for node in model.graph.node:
        if node.op_type == "Conv":
            outputs, inputs, *kernel = weights[node.input[1]]  # [D, C / groups, 1, k]
            count = outputs * inputs
            for size in (*kernel, *shapes[node.output[0]][2:]):
                count *= size
            result[node.name] = count
    return result


def conv_share(model: onnx.ModelProto, nodes: Collection[str]) -> float:
    """The share of `nodes` in the multiply-adds of all convolutions, 0 to 1."""
    counted = conv_multiply_adds(model)
    return sum(count for name, count in counted.items() if name in nodes) / sum(counted.values())
