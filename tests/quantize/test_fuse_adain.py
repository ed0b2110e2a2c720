"""AdaIN sites are found by structure, and nothing else is; the fused vocoder computes what the stock one does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper

from export_onnx.checkpoint.weights import load_weights
from export_onnx.graph.export import export_stage
from export_onnx.proof.decibels import snr
from export_onnx.run.sessions import SessionSettings, cpu_session, run_session
from quantize.ops.fuse_adain import fuse_adain
from quantize.ops.fused_ops import ADAIN, ADAIN_INPUTS
from tests.quantize.adain_graphs import AdainCase
from tests.quantize.test_adain_op import CASES, FLOOR, distance
from tests.quantize.test_fold_time import ONE, quantized

# Measured on random weights: 127 dB in float, where the stock graph is 125 dB from itself without optimizations. In
# bytes, values at a tie between two steps fall on either side, and the convolutions behind them spread the difference:
# 32.6 dB, where the stock graph is 30.2 dB from itself.
FLOAT_FLOOR = 117
BYTES_FLOOR = 22


def names(case: AdainCase) -> list[str]:
    """The inputs of AdaIN that a case has."""
    return list(site(case.fused()).input)


def site(model: onnx.ModelProto) -> onnx.NodeProto:
    (node,) = [node for node in model.graph.node if node.op_type == ADAIN]
    return node


@pytest.mark.parametrize("case", CASES[:24], ids=str)
def test_a_site_becomes_one_node(case: AdainCase) -> None:
    stock = case.stock()
    if case.floats:
        stock.graph.output.append(case.fused().graph.output[1])
    found = fuse_adain(stock)
    node = site(found.model)
    assert {other.op_type for other in found.model.graph.node} == {ADAIN, "Transpose"}
    assert [name.replace("/unfused", "") for name in node.input] == names(case)
    wanted = [name for name in site(case.fused()).output if name]
    assert [name for name in node.output if name] == wanted
    assert list(found.changed) == [node.name]
    assert [output.name for output in found.model.graph.output] == [output.name for output in stock.graph.output]


def test_any_length(ops: Path) -> None:
    case = AdainCase(5, 77, has_added=True, has_mask=True)
    stock = case.stock()
    for port in (*stock.graph.input, *stock.graph.output):
        port.type.tensor_type.shape.dim[3].dim_param = "time"
    stock.graph.input[1].type.tensor_type.shape.dim[3].dim_param = "another_name"
    model = fuse_adain(stock).model
    assert {node.op_type for node in model.graph.node} == {ADAIN, "Transpose"}
    session = cpu_session(model, SessionSettings(libraries=(ops,)))
    for columns in (77, 1201):
        feed = AdainCase(5, columns, has_added=True, has_mask=True).feed()
        assert distance(run_session(cpu_session(stock), feed), run_session(session, feed)) >= FLOOR - 10


def test_a_value_that_is_spread_over_time_is_added_outside() -> None:
    stock = AdainCase(5, 77, has_added=True).stock()
    (added,) = [port for port in stock.graph.input if port.name == "added"]
    added.type.tensor_type.shape.dim[3].dim_value = 1
    kinds = [node.op_type for node in fuse_adain(stock).model.graph.node if node.op_type != "Transpose"]
    assert kinds == ["DequantizeLinear", "Mul", "Add", ADAIN]


def test_a_site_in_front_of_the_one_that_it_reads(ops: Path) -> None:
    """Two sums, of which the second adds to the first, and whose norms stand in the other order."""
    case = AdainCase(5, 77, has_added=True)
    model, other = case.stock(), case.stock()
    names = {name for node in other.graph.node for name in node.output} | {"bytes"}
    for node in other.graph.node:
        node.name = f"other_{node.name}"
        node.input[:] = [
            "sum" if name == "added" else f"other_{name}" if name in names else name for name in node.input
        ]
        node.output[:] = [f"other_{name}" for name in node.output]
    for port in (*other.graph.input, *other.graph.output):
        port.name = f"other_{port.name}"
    nodes = list(model.graph.node)
    behind = next(i for i, node in enumerate(nodes) if "sum" in node.output) + 1
    del model.graph.node[:]
    model.graph.node.extend([*nodes[:behind], *other.graph.node, *nodes[behind:]])
    model.graph.input.append(other.graph.input[0])
    model.graph.output.append(other.graph.output[0])
    found = fuse_adain(model)
    assert len(found.changed) == 2
    outputs = [name for node in found.model.graph.node for name in node.output if name]
    assert len(outputs) == len(set(outputs))
    feed = case.feed()
    feed["other_bytes"] = feed["bytes"][..., ::-1].copy()
    wanted = run_session(cpu_session(model), feed)
    got = run_session(cpu_session(found.model, SessionSettings(libraries=(ops,))), feed)
    assert all(np.abs(wanted[name].astype(int) - got[name]).max() <= 1 for name in ("out", "other_out"))


def replaced(case: AdainCase, output: str, position: int, value: str) -> onnx.ModelProto:
    """The stock graph, with another input in one node."""
    model = case.stock()
    (node,) = [node for node in model.graph.node if output in node.output]
    node.input[position] = value
    return model


def with_attribute(case: AdainCase, output: str, **attributes: object) -> onnx.ModelProto:
    model = case.stock()
    (node,) = [node for node in model.graph.node if output in node.output]
    del node.attribute[:]
    node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
    return model


MASKED = AdainCase(5, 9, has_added=True, has_mask=True)
LOOK_ALIKES = {
    "the mean of another value": replaced(MASKED, "masked", 0, "added"),
    "another mask behind the mean": replaced(MASKED, "masked", 1, "shift"),
    "another mask before the square": replaced(MASKED, "unmasked", 0, "added"),
    "no square": replaced(MASKED, "squared", 1, "unmasked"),
    "a mean over channels": with_attribute(MASKED, "spread", axes=[1]),
    "a gain for another value": replaced(MASKED, "normal", 0, "unmasked"),
    "a gain that varies over time": replaced(MASKED, "scale", 0, "added"),
    "a shift that varies over time": replaced(MASKED, "styled", 1, "added"),
    "the deviation as gain": replaced(MASKED, "scale", 1, "gain"),
    "a Snake of two waves": replaced(MASKED, "power", 1, "angle"),
    "a Snake beside another value": replaced(MASKED, "active", 0, "styled"),
    "an unmasked result": replaced(MASKED, "angle", 1, "styled"),
}


@pytest.mark.parametrize("model", LOOK_ALIKES.values(), ids=LOOK_ALIKES)
def test_look_alikes_stay(model: onnx.ModelProto) -> None:
    found = fuse_adain(model)
    assert found.changed == ()
    assert ADAIN not in {node.op_type for node in found.model.graph.node}


def test_steps_per_channel_stay_outside() -> None:
    model = AdainCase(5, 9).stock()
    for tensor in model.graph.initializer:
        if tensor.name in ("zero", "byte_zero"):
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.full(5, 7, np.uint8), tensor.name))
    found = fuse_adain(model)
    kinds = [node.op_type for node in found.model.graph.node if node.op_type != "Transpose"]
    assert kinds == ["DequantizeLinear", "Mul", ADAIN, "QuantizeLinear"]


def test_the_model_itself_is_not_changed() -> None:
    model = MASKED.stock()
    before = model.SerializeToString()
    fuse_adain(model)
    assert model.SerializeToString() == before


@pytest.fixture(scope="module")
def floating(tmp_path_factory: pytest.TempPathFactory) -> onnx.ModelProto:
    weights = load_weights("random-small", tmp_path_factory.mktemp("weights"))
    return export_stage("vocoder", weights.model, weights.config, ONE)


def spoken(model: onnx.ModelProto, library: Path | None = None) -> NDArray[np.float32]:
    draw = np.random.default_rng(0)
    session = cpu_session(model, SessionSettings(libraries=(library,) if library else ()))
    feed = {port.name: draw.standard_normal(port.shape).astype(np.float32) for port in session.get_inputs()}
    feed["frame_mask"] = (np.arange(ONE.frames) < 31).astype(np.float32)[None]
    return next(iter(run_session(session, feed).values()))


@pytest.mark.parametrize("bits", [0, 8])
def test_every_site_of_the_vocoder(floating: onnx.ModelProto, bits: int, ops: Path) -> None:
    stock = quantized(floating, bits) if bits else floating
    found = fuse_adain(stock)
    assert len(found.changed) == len(activations(stock)) > 50
    left = [node.op_type for node in found.model.graph.node]
    assert left.count(ADAIN) == len(found.changed)
    assert not {"Sin", "Sqrt"} & set(left)
    assert snr(spoken(stock), spoken(found.model, ops)) >= (BYTES_FLOOR if bits else FLOAT_FLOOR)


def activations(model: onnx.ModelProto) -> list[str]:
    """Every Snake, and every LeakyReLU of a block that has norms."""
    kinds = {"Sin": "/snakes", "LeakyRelu": "/LeakyRelu"}
    nodes = [node for node in model.graph.node if node.op_type in kinds]
    return [node.name for node in nodes if kinds[node.op_type] in node.name and node.name.count("/") > 1]


@pytest.mark.parametrize("swapped", [("gain", "shift"), ("frequency", "amplitude")])
def test_swapped_inputs_are_heard(floating: onnx.ModelProto, swapped: tuple[str, str], ops: Path) -> None:
    """The planted defect: one site has two inputs in each other's place."""
    model = fuse_adain(floating).model
    sites = [node for node in model.graph.node if node.op_type == ADAIN and node.input[ADAIN_INPUTS.index("frequency")]]
    first, second = (ADAIN_INPUTS.index(name) for name in swapped)
    inputs = sites[5].input
    inputs[first], inputs[second] = inputs[second], inputs[first]
    assert snr(spoken(floating), spoken(model, ops)) < FLOAT_FLOOR - 50
