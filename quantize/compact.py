"""Weights of float stages in 16 bits on disk, float32 in memory.

Before   float32 initializers of LSTMs, convolutions, embeddings and style layers
After    int16 initializers, each behind a Cast and a Mul by one scale a row; the runtime folds both when it loads
Why      text to pitch is 28 million parameters: 112 MB that the NPU's share (53 MB in 8 bits) should not be buried
         under. A row's numbers are of one size, so int16 is closer to them than float16 with its 11 bits
Price    at most 1 / 65,534 of a row's largest weight; the gate is that no token's frames change. Measured at full
         size, random weights, 16 sentences: none changed (float16: in one sentence), F0 at 94 dB, energy at 83 dB.
         Only for what a CPU runs: NNAPI takes no integer data there
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SMALLEST: Final = 1024  # numbers; below, two nodes cost more than they save
STEPS: Final = 32767


def store_in_16_bits(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `model` whose large weights are int16 with a scale a row."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    nodes: list[onnx.NodeProto] = []
    scales: list[onnx.TensorProto] = []
    for tensor in copy.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2 or int(np.prod(tensor.dims)) < SMALLEST:
            continue
        array = numpy_helper.to_array(tensor).astype(np.float64)
        # [2, 4 H, C] of an LSTM has a row for each gate and direction; everything else has its rows first.
        axes = (2,) if array.ndim == 3 else tuple(range(1, array.ndim))
        scale = (np.maximum(np.abs(array).max(axes, keepdims=True), 1e-30) / STEPS).astype(np.float32)
        name = tensor.name
        stored = np.round(array / scale).clip(-STEPS, STEPS).astype(np.int16)
        tensor.CopyFrom(numpy_helper.from_array(stored, f"{name}.int16"))
        scales.append(numpy_helper.from_array(scale, f"{name}.scale"))
        cast = f"{name}.cast"
        nodes.append(helper.make_node("Cast", [f"{name}.int16"], [cast], f"/{name}/Cast", to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [cast, f"{name}.scale"], [name], f"/{name}/Mul"))
        for value in (cast, name):
            copy.graph.value_info.append(helper.make_tensor_value_info(value, TensorProto.FLOAT, list(array.shape)))
    copy.graph.initializer.extend(scales)
    nodes.extend(copy.graph.node)
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    return copy
