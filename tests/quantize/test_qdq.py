"""Steps of weights that a chip's integer arithmetic can multiply with."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper, shape_inference

from calibrate.ranges import Range
from quantize.qdq import SMALLEST_FACTOR, QdqPlan, quantize_convolutions


def convolution(least: float) -> onnx.ModelProto:
    """One channel's weights at most `least`, the others' at most 1."""
    weight = np.random.default_rng(0).uniform(-1, 1, (4, 2, 1, 3)).astype(np.float32)
    weight[1] *= least
    node = helper.make_node("Conv", ["x", "w"], ["y"], "c", kernel_shape=[1, 3], pads=[0, 1, 0, 1])
    x, y = (helper.make_tensor_value_info(n, 1, [1, c, 1, 8]) for n, c in (("x", 2), ("y", 4)))
    graph = helper.make_graph([node], "g", [x], [y], [numpy_helper.from_array(weight, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return shape_inference.infer_shapes(model)


def factors(model: onnx.ModelProto) -> np.ndarray:
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    made_by = {output: node for node in model.graph.node for output in node.output}
    conv = next(node for node in model.graph.node if node.op_type == "Conv")
    source, weight = (stored[made_by[name].input[1]] for name in conv.input[:2])
    target = next(n for n in model.graph.node if n.op_type == "QuantizeLinear" and n.input[0] == conv.output[0])
    return source * weight / stored[target.input[1]]


@pytest.mark.parametrize("least", [1.0, 1e-3, 1e-9, 0.0])
def test_no_channel_underflows_at_16_bits(least: float) -> None:
    plan = QdqPlan(("c",), {"x": Range(-1, 1), "y": Range(-4, 4)}, 16, {})
    found = factors(quantize_convolutions(convolution(least), plan))
    assert found.min() >= SMALLEST_FACTOR * 0.999
    usual = factors(quantize_convolutions(convolution(1.0), plan))
    np.testing.assert_array_equal(np.delete(found, 1), np.delete(usual, 1))  # the other channels keep their steps


def test_at_8_bits_steps_are_the_quantizers_own() -> None:
    plan = QdqPlan(("c",), {"x": Range(-1, 1), "y": Range(-4, 4)}, 8, {})
    assert factors(quantize_convolutions(convolution(1e-9), plan)).min() < SMALLEST_FACTOR


def test_a_bias_that_floats_read_too_stays_theirs() -> None:
    draws = np.random.default_rng(0)
    weights = [draws.uniform(-1, 1, (4, 4, 1, 3)).astype(np.float32) for _ in range(2)]
    bias = draws.uniform(-1, 1, 4).astype(np.float32)
    nodes = [
        helper.make_node("Conv", [source, weight, "b"], [target], name, kernel_shape=[1, 3], pads=[0, 1, 0, 1])
        for name, source, weight, target in (("c", "x", "w", "y"), ("later", "y", "v", "z"))
    ]
    ends = [helper.make_tensor_value_info(name, 1, [1, 4, 1, 8]) for name in "xz"]
    constants = [numpy_helper.from_array(a, name) for a, name in zip((*weights, bias), "wvb", strict=True)]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)
    model = shape_inference.infer_shapes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    )
    made = quantize_convolutions(model, QdqPlan(("c",), {"x": Range(-1, 1), "y": Range(-4, 4)}, 8, {})).graph
    by_name = {node.name: node for node in made.node}
    dequantized = {node.output[0] for node in made.node if node.op_type == "DequantizeLinear"}
    assert set(by_name["c"].input) <= dequantized
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in made.initializer}
    np.testing.assert_array_equal(stored[by_name["later"].input[2]], bias)
