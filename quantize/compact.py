"""Weights of float stages in 16 bits on disk, float32 in memory.

Before   float32 initializers of LSTMs, convolutions, embeddings and style layers
After    float16 initializers, each behind a Cast that the runtime folds when it loads the file
Why      text to pitch is 28 million parameters: 112 MB that the NPU's share (53 MB in 8 bits) should not be buried
         under
Price    a relative error of 2^-11 a weight; the gates are that no token's frames change, and a floor in dB. Only for
         stages that a CPU runs: NNAPI knows no float16 data
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SMALLEST: Final = 1024  # numbers; below, a Cast costs more than it saves
LARGEST_FLOAT16: Final = 65504.0


def store_in_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `model` whose large weights are float16 behind a Cast."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    casts = []
    for tensor in copy.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) < SMALLEST:
            continue
        array = numpy_helper.to_array(tensor)
        if np.abs(array).max() > LARGEST_FLOAT16:
            continue
        name, stored = tensor.name, f"{tensor.name}.half"
        tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [name], f"/{name}/Cast", to=TensorProto.FLOAT))
        copy.graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(array.shape)))
    nodes = [*casts, *copy.graph.node]
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    return copy
