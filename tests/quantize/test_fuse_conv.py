"""Conv and FloatConv take the place of convolutions, and of nothing that only looks like one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export_onnx.proof.decibels import snr
from export_onnx.run.sessions import SessionSettings, cpu_session, run_session
from quantize.ops.channels_last import put_channels_last
from quantize.ops.fuse_conv import fuse_conv
from quantize.ops.fuse_float_conv import LEAST_CHANNELS, fuse_float_conv
from quantize.ops.fuse_graph import fuse_graph
from quantize.ops.fuse_residual import fuse_residual
from quantize.ops.fused_ops import (
    ADAIN,
    ADAIN_INPUTS,
    CONV,
    CONV_INPUTS,
    FLOAT_CONV,
    OPS_DOMAIN,
    OPS_VERSION,
    RESIDUAL,
)
from tests.quantize.test_channels_last import fused_vocoder, kinds, store
from tests.quantize.test_conv_op import FLOAT_FLOOR
from tests.quantize.test_fold_time import quantized
from tests.quantize.test_fuse_adain import floating, spoken

__all__ = ["floating", "fused_vocoder"]  # fixtures


@pytest.fixture(scope="module")
def summed_vocoder(fused_vocoder: onnx.ModelProto) -> onnx.ModelProto:
    return fuse_residual(put_channels_last(fused_vocoder).model).model


def test_sums_stay_floats(summed_vocoder: onnx.ModelProto, floating: onnx.ModelProto, ops: Path) -> None:
    found = fuse_conv(summed_vocoder)
    before, after = kinds(summed_vocoder), kinds(found.model)
    assert len(found.changed) > 40
    assert after.count("QLinearConv") == before.count("QLinearConv") - len(found.changed)
    assert after.count(RESIDUAL) < before.count(RESIDUAL)
    ours = [node for node in found.model.graph.node if node.domain == "kokoro_npu" and node.op_type == CONV]
    assert sorted(node.name for node in ours) == sorted(found.changed)
    assert sum(bool(node.input[CONV_INPUTS.index("added")]) for node in ours) > 10
    wanted = spoken(floating)
    # Outputs that are not rounded to 8 bits are nearer to the float model's.
    assert snr(wanted, spoken(found.model, ops)) > snr(wanted, spoken(summed_vocoder, ops))


def test_the_whole_lowering_is_nearer_to_the_float_model(floating: onnx.ModelProto, ops: Path) -> None:
    stock = quantized(floating, 8)
    wanted = spoken(floating)
    found = fuse_graph(stock)
    assert len(found.integers) > 40
    assert snr(wanted, spoken(found.model, ops)) > snr(wanted, spoken(stock))


def test_a_lost_sum_is_heard(summed_vocoder: onnx.ModelProto, floating: onnx.ModelProto, ops: Path) -> None:
    """The planted defect: one Conv does not add."""
    model = fuse_conv(summed_vocoder).model
    (node, *_) = [n for n in model.graph.node if n.op_type == CONV and n.domain and n.input[CONV_INPUTS.index("added")]]
    node.input[CONV_INPUTS.index("added")] = ""
    wanted = spoken(floating)
    assert snr(wanted, spoken(model, ops)) < snr(wanted, spoken(summed_vocoder, ops))


def unit() -> onnx.ModelProto:
    """QLinearConv, channels last, between bytes and an AdaIN that adds."""
    draw = np.random.default_rng(0)
    stored = {
        "one": np.ones((1, 2, 1, 1), np.float32),
        "step": np.float32(0.02),
        "zero": np.uint8(128),
        "other_step": np.float32(0.03),
        "weight": draw.integers(-127, 128, (2, 3, 1, 3)).astype(np.int8),
        "rows": np.array([0.01, 0.02], np.float32),
        "zeros": np.zeros(2, np.int8),
        "bias": np.array([5, -7], np.int32),
    }
    quantities = ["x", "step", "zero", "weight", "rows", "zeros", "step", "zero", "bias"]
    conv = helper.make_node(
        "QLinearConv", quantities, ["y"], name="conv", domain="com.microsoft", pads=[0, 1, 0, 1], channels_last=1
    )
    read = {"bytes": "y", "byte_step": "step", "byte_zero": "zero", "added": "added"}
    read |= {"gain": "one", "shift": "one", "epsilon": "step", "step": "step", "zero": "zero"}
    inputs = [read.get(name, "") for name in ADAIN_INPUTS]
    site = helper.make_node(ADAIN, inputs, ["out", "sum"], name="site", domain=OPS_DOMAIN, slope=0.2)
    ports = [
        helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 1, 40, 3]),
        helper.make_tensor_value_info("added", TensorProto.FLOAT, [1, 1, 40, 2]),
    ]
    outs = [
        helper.make_tensor_value_info("out", TensorProto.UINT8, [1, 1, 40, 2]),
        helper.make_tensor_value_info("sum", TensorProto.FLOAT, [1, 1, 40, 2]),
    ]
    constants = [numpy_helper.from_array(np.asarray(array), name) for name, array in stored.items()]
    opsets = [helper.make_opsetid(domain, version) for domain, version in (("", 17), (OPS_DOMAIN, OPS_VERSION))]
    opsets.append(helper.make_opsetid("com.microsoft", 1))
    graph = helper.make_graph([conv, site], "unit", ports, outs, constants)
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def test_an_adain_reads_the_floats(ops: Path) -> None:
    draw = np.random.default_rng(1)
    feed = {"x": draw.integers(0, 256, (1, 1, 40, 3)).astype(np.uint8)}
    feed["added"] = draw.normal(size=(1, 1, 40, 2)).astype(np.float32)
    found = fuse_conv(unit())
    assert found.changed == ("conv",)
    assert kinds(found.model) == [CONV, ADAIN]
    assert [name for name in found.model.graph.node[1].output if name] == ["out"]  # nobody reads its sum any more
    settings = SessionSettings(libraries=(ops,))
    stock, fused = (run_session(cpu_session(model, settings), feed) for model in (unit(), found.model))
    # The stock sum is rounded to steps of 0.02 and clipped at 127 of them; the fused one is neither.
    rounded = np.clip(np.rint((fused["sum"] - feed["added"]) / 0.02), -128, 127) * 0.02 + feed["added"]
    assert np.abs(rounded - stock["sum"]).max() < 1e-5


def another_step(model: onnx.ModelProto) -> None:
    model.graph.node[1].input[ADAIN_INPUTS.index("byte_step")] = "other_step"


def minus_128(model: onnx.ModelProto) -> None:
    store(model, "weight", np.full((2, 3, 1, 3), -128, np.int8))


def weight_zero_points(model: onnx.ModelProto) -> None:
    store(model, "zeros", np.array([0, 1], np.int8))


def a_stride(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("strides", [1, 2]))


def channels_first(model: onnx.ModelProto) -> None:
    del model.graph.node[0].attribute[:]


def another_reader(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Cast", ["y"], ["more"], name="more", to=1))
    model.graph.output.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, None))


def an_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("y", TensorProto.UINT8, None))


def two_sums(model: onnx.ModelProto) -> None:
    site = onnx.NodeProto()
    site.CopyFrom(model.graph.node[1])
    site.name, site.output[0], site.output[1] = "more", "more", "more_sum"
    model.graph.node.append(site)
    model.graph.output.append(helper.make_tensor_value_info("more", TensorProto.UINT8, None))


CHANGES = [another_step, minus_128, weight_zero_points, a_stride, channels_first, another_reader, an_output, two_sums]


@pytest.mark.parametrize("change", CHANGES)
def test_what_does_not_fit_stays(change: Callable[[onnx.ModelProto], None]) -> None:
    model = unit()
    change(model)
    before = kinds(model)
    found = fuse_conv(model)
    assert found.changed == ()
    assert kinds(found.model) == before


def test_two_readers_without_a_sum_read_one_value() -> None:
    model = unit()
    two_sums(model)
    for node in model.graph.node[1:]:
        node.input[ADAIN_INPUTS.index("added")] = ""
        node.output[1] = ""
    del model.graph.output[1]
    found = fuse_conv(model)
    assert kinds(found.model) == [CONV, ADAIN, ADAIN]
    read = {node.input[ADAIN_INPUTS.index("added")] for node in found.model.graph.node[1:]}
    assert read == {found.model.graph.node[0].output[0]}


CHANNELS = LEAST_CHANNELS


def packed(channels: int = CHANNELS, group: int = 1, stride: int = 1, kind: type = np.int16) -> onnx.ModelProto:
    """A Conv of floats with packed weights, and the Add behind it."""
    draw = np.random.default_rng(0)
    rows: np.ndarray = draw.integers(-127, 128, (channels, 4 // group * 3)).astype(kind)
    stored = {
        "rows": rows,
        "steps": draw.uniform(1e-3, 2e-3, (channels, 1)).astype(np.float32),
        "shape": np.array([channels, 4 // group, 1, 3], np.int64),
        "bias": draw.normal(size=channels).astype(np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["rows"], ["whole"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["whole", "steps"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "shape"], ["weight"]),
        helper.make_node(
            "Conv",
            ["x", "weight", "bias"],
            ["y"],
            name="conv",
            kernel_shape=[1, 3],
            pads=[0, 1, 0, 1],
            group=group,
            strides=[1, stride],
        ),
        helper.make_node("Add", ["more", "y"], ["sum"]),
    ]
    ports = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 1, 40])]
    ports.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1, channels, 1, 40 // stride]))
    out = helper.make_tensor_value_info("sum", TensorProto.FLOAT, [1, channels, 1, 40 // stride])
    constants = [numpy_helper.from_array(array, name) for name, array in stored.items()]
    graph = helper.make_graph(nodes, "packed", ports, [out], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model)


def run_packed(model: onnx.ModelProto, library: Path) -> np.ndarray:
    draw = np.random.default_rng(1)
    session = cpu_session(model, SessionSettings(libraries=(library,)))
    feed = {port.name: draw.normal(size=port.shape).astype(np.float32) for port in session.get_inputs()}
    return run_session(session, feed)["sum"]


def without_turns(model: onnx.ModelProto) -> list[str]:
    return [kind for kind in kinds(model) if kind != "Transpose"]


def test_floats_with_packed_weights(ops: Path) -> None:
    found = fuse_float_conv(packed())
    assert found.changed == ("conv",)
    assert without_turns(found.model) == [FLOAT_CONV]
    assert snr(run_packed(packed(), ops), run_packed(found.model, ops)) >= FLOAT_FLOOR
    model = packed()
    model.graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, None))
    kept = fuse_float_conv(model)
    assert without_turns(kept.model) == [FLOAT_CONV, "Add"]
    assert snr(run_packed(packed(), ops), run_packed(kept.model, ops)) >= FLOAT_FLOOR


def test_other_convolutions_of_floats_stay() -> None:
    plain = packed()
    del plain.graph.node[:3]
    plain.graph.initializer.append(numpy_helper.from_array(np.ones((CHANNELS, 4, 1, 3), np.float32), "weight"))
    turned = packed()
    store(turned, "steps", np.ones((1, 12), np.float32))
    for model in (packed(LEAST_CHANNELS - 1), packed(group=2), packed(stride=2), packed(kind=np.int8), plain, turned):
        assert fuse_float_conv(model).changed == ()
