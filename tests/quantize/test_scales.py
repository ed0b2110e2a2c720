"""Scales of one site: an epsilon that half precision holds, at 16 bits alone, and without another ratio of channels."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from calibrate.statistics import ChannelStatistics
from calibrate.store import Channels
from quantize.sound.choose_scales import SMALLEST_EPSILON, choose_scales, lifted
from quantize.sound.equalize import Affine, equalize
from quantize.sound.sites import Seen, Site, Touch

SPANS = np.array([50.0, 1.0, 0.02, 0.01])  # of the convolution's output, per channel
EPSILON = 1e-5
SITE = Site("out /conv", 4, (Touch("conv out", "/conv"), Touch("norm in", "/norm/Add")), (Seen("c"),), shifts=True)


def model() -> onnx.ModelProto:
    """A convolution whose output's variance gets an epsilon."""
    shapes = {"x": (1, 4, 1, 64), "c": (1, 4, 1, 64), "e": (1, 4, 1, 1), "y": (1, 4, 1, 1)}
    ports = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()}
    weight = (np.eye(4) * SPANS[:, None]).astype(np.float32).reshape(4, 4, 1, 1)
    constants = {"w": weight, "b": np.zeros(4, np.float32), "epsilon": np.float32(EPSILON)}
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], name="/conv"),
        helper.make_node("ReduceMean", ["c"], ["m"], name="/norm/mean", axes=[3]),
        helper.make_node("Add", ["m", "epsilon"], ["e"], name="/norm/Add"),
        helper.make_node("Sqrt", ["e"], ["y"], name="/norm/Sqrt"),
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "g", [ports["x"]], [ports["y"]], tensors)
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return onnx.shape_inference.infer_shapes(whole)


def seen() -> Channels:
    statistics = ChannelStatistics(4)
    x = np.random.default_rng(0).uniform(-1, 1, (4, 512)) * SPANS[:, None]
    statistics.add(x.astype(np.float32))
    mean = statistics.total / statistics.steps
    deviation = np.sqrt(statistics.squares / statistics.steps - mean**2)
    return Channels(statistics.low, statistics.high, mean, deviation, statistics.exponent, statistics.counts)


def epsilons(scaled: onnx.ModelProto) -> np.ndarray:
    (add,) = [node for node in scaled.graph.node if node.name == "/norm/Add"]
    (constant,) = [t for t in scaled.graph.initializer if t.name in add.input]
    return numpy_helper.to_array(constant).reshape(-1)


def test_no_epsilon_falls_below_half_precision_at_16_bits() -> None:
    chosen = {bits: choose_scales(model(), [SITE], {"c": seen()}, bits) for bits in (8, 16)}
    plain, wide = chosen[8][SITE.name], chosen[16][SITE.name]
    assert np.float16(epsilons(equalize(model(), [SITE], chosen[8])).min()) == 0, "the defect, as 8 bits may have it"
    held = epsilons(equalize(model(), [SITE], chosen[16]))
    assert held.min() == pytest.approx(SMALLEST_EPSILON)
    assert (held.astype(np.float16) > 0).all()
    np.testing.assert_allclose(wide.scale / plain.scale, wide.scale[0] / plain.scale[0], err_msg="one factor for all")
    np.testing.assert_allclose(wide.shift / wide.scale, plain.shift / plain.scale, err_msg="the shift follows")


def test_a_scale_is_lifted_only_where_an_epsilon_would_vanish() -> None:
    affine = Affine(np.array([0.5, 2.0]), np.array([0.1, -3.0]))
    assert lifted(affine, np.array([EPSILON, EPSILON])) is affine
    assert lifted(affine, np.array([np.inf, np.inf])) is affine, "no norm follows"
    assert lifted(affine, np.array([SMALLEST_EPSILON * 4, np.inf])) is affine, "just held"
    raised = lifted(affine, np.array([1e-8, np.inf]))
    assert raised.scale[0] ** 2 * 1e-8 == pytest.approx(SMALLEST_EPSILON)
    np.testing.assert_allclose(raised.scale / affine.scale, raised.shift / affine.shift)
