"""Convolutions channels last: the same integers, and only where AdaIN alone feeds them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from export_onnx.checkpoint.weights import load_weights
from export_onnx.errors import ContractError
from export_onnx.graph.export import export_stage
from export_onnx.run.sessions import SessionSettings, cpu_session, run_session
from quantize.ops.channels_last import put_channels_last
from quantize.ops.fuse_adain import fuse_adain
from quantize.ops.fused_ops import ADAIN, ADAIN_INPUTS, OPS_DOMAIN, OPS_VERSION
from quantize.ops.turns import FROM_LAST
from tests.quantize.adain_graphs import channels_last
from tests.quantize.test_fold_time import ONE, quantized
from tests.quantize.test_fuse_adain import spoken


@pytest.fixture(scope="module")
def fused_vocoder(tmp_path_factory: pytest.TempPathFactory) -> onnx.ModelProto:
    weights = load_weights("random-small", tmp_path_factory.mktemp("weights"))
    return fuse_adain(quantized(export_stage("vocoder", weights.model, weights.config, ONE), 8)).model


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_the_same_integers(fused_vocoder: onnx.ModelProto, ops: Path) -> None:
    found = put_channels_last(fused_vocoder)
    assert len(found.changed) == kinds(found.model).count("QLinearConv") > 40
    assert kinds(found.model).count("Conv") == kinds(fused_vocoder).count("Conv") - len(found.changed)
    assert np.array_equal(spoken(found.model, ops), spoken(fused_vocoder, ops))


def test_a_site_in_the_other_layout_is_refused(fused_vocoder: onnx.ModelProto, ops: Path) -> None:
    """The planted defect: one AdaIN reads bytes behind a Transpose too many."""
    model = put_channels_last(fused_vocoder).model
    place = ADAIN_INPUTS.index("bytes")
    site = next(node for node in model.graph.node if node.op_type == ADAIN and node.input[place])
    turn = helper.make_node("Transpose", [site.input[place]], ["turned"], perm=FROM_LAST)
    model.graph.node.insert(list(model.graph.node).index(site), turn)
    site.input[place] = "turned"
    with pytest.raises(ContractError, match="running AdaIN node"):
        spoken(model, ops)


def unit() -> onnx.ModelProto:
    """AdaIN -> DQ -> Conv -> Q -> output, with 3 channels and 2 output channels."""
    draw = np.random.default_rng(0)
    stored = {
        "one": np.ones((1, 3, 1, 1), np.float32),
        "step": np.float32(0.02),
        "zero": np.uint8(128),
        "weight": draw.integers(-127, 128, (2, 3, 1, 3)).astype(np.int8),
        "rows": np.array([0.01, 0.02], np.float32),
        "zeros": np.zeros(2, np.int8),
        "bias": np.array([5, -7], np.int32),
        "bias_step": np.array([0.0002, 0.0004], np.float32),
        "bias_zero": np.zeros(2, np.int32),
    }
    inputs = ["", "", "", "", "x", "", "one", "one", "step", "", "", "step", "zero"]
    site = helper.make_node(ADAIN, inputs, ["bytes"], name="site", domain=OPS_DOMAIN, slope=0.2)
    nodes = [
        *channels_last(site, ("x",), ("bytes",)),
        helper.make_node("DequantizeLinear", ["bytes", "step", "zero"], ["value"], name="dq"),
        helper.make_node("DequantizeLinear", ["weight", "rows", "zeros"], ["weight_value"], name="weight_dq", axis=0),
        helper.make_node("DequantizeLinear", ["bias", "bias_step", "bias_zero"], ["bias_value"], name="b", axis=0),
        helper.make_node("Conv", ["value", "weight_value", "bias_value"], ["y"], name="conv", pads=[0, 1, 0, 1]),
        helper.make_node("QuantizeLinear", ["y", "step", "zero"], ["out"], name="q"),
    ]
    graph = helper.make_graph(
        nodes,
        "unit",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 1, 40])],
        [helper.make_tensor_value_info("out", onnx.TensorProto.UINT8, [1, 2, 1, 40])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in stored.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(OPS_DOMAIN, OPS_VERSION)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    return onnx.shape_inference.infer_shapes(model)


def run_unit(model: onnx.ModelProto, library: Path) -> np.ndarray:
    x = np.random.default_rng(1).normal(size=(1, 3, 1, 40)).astype(np.float32)
    return run_session(cpu_session(model, SessionSettings(libraries=(library,))), {"x": x})["out"]


def test_other_readers_get_channels_first(ops: Path) -> None:
    found = put_channels_last(unit())
    assert kinds(found.model) == ["Transpose", ADAIN, "QLinearConv", "Transpose"]
    assert np.array_equal(run_unit(found.model, ops), run_unit(unit(), ops))


def other_bias_step(model: onnx.ModelProto) -> None:
    store(model, "bias_step", np.array([0.0002, 0.0005], np.float32))


def unsigned_weights(model: onnx.ModelProto) -> None:
    store(model, "weight", np.full((2, 3, 1, 3), 9, np.uint8))
    store(model, "zeros", np.zeros(2, np.uint8))


def another_reader(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Cast", ["bytes"], ["more"], name="more", to=1))
    model.graph.output.append(helper.make_tensor_value_info("more", onnx.TensorProto.FLOAT, [1, 3, 1, 40]))


def float_output(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Neg", ["y"], ["more"], name="more"))
    model.graph.output.append(helper.make_tensor_value_info("more", onnx.TensorProto.FLOAT, [1, 2, 1, 40]))


def groups(model: onnx.ModelProto) -> None:
    store(model, "weight", np.full((3, 1, 1, 3), 9, np.int8))
    for name, array in (("rows", np.full(3, 0.01)), ("bias_step", np.full(3, 0.0002))):
        store(model, name, array.astype(np.float32))
    for name, kind in (("zeros", np.int8), ("bias", np.int32), ("bias_zero", np.int32)):
        store(model, name, np.zeros(3, kind))
    (conv,) = [node for node in model.graph.node if node.op_type == "Conv"]
    conv.attribute.append(helper.make_attribute("group", 3))


def store(model: onnx.ModelProto, name: str, array: np.ndarray) -> None:
    (tensor,) = [tensor for tensor in model.graph.initializer if tensor.name == name]
    tensor.CopyFrom(numpy_helper.from_array(array, name))


@pytest.mark.parametrize("change", [other_bias_step, unsigned_weights, another_reader, float_output, groups])
def test_what_does_not_fit_stays(change: Callable[[onnx.ModelProto], None]) -> None:
    model = unit()
    change(model)
    found = put_channels_last(model)
    assert found.changed == ()
    assert "QLinearConv" not in kinds(found.model)
