"""How much of the convolutions' work a list of nodes is: multiply-adds, counted from the graph's shapes.

Taps that are exactly zero are not counted: a third of a polyphase convolution's are, and the transposed convolution
that it stands for does not have them.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx
from onnx import numpy_helper


def conv_multiply_adds(model: onnx.ModelProto) -> dict[str, int]:
    """Multiply-adds of each convolution of a float graph, by node name."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    shapes = {
        value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
        for value in (*model.graph.value_info, *model.graph.output)
    }
    return {
        node.name: int(np.count_nonzero(numpy_helper.to_array(weights[node.input[1]])))
        * int(np.prod(shapes[node.output[0]][2:]))
        for node in model.graph.node
        if node.op_type == "Conv"
    }


def conv_share(model: onnx.ModelProto, nodes: Collection[str]) -> float:
    """The share of `nodes` in the multiply-adds of all convolutions, 0 to 1."""
    counted = conv_multiply_adds(model)
    return sum(count for name, count in counted.items() if name in nodes) / sum(counted.values())


def conv_weights(model: onnx.ModelProto) -> dict[str, int]:
    """Numbers in the weight of each convolution, by node name."""
    sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in model.graph.initializer}
    return {node.name: sizes[node.input[1]] for node in model.graph.node if node.op_type == "Conv"}
