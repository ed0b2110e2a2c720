"""An AdaIN reads the moments of the convolution in front of it, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export_onnx.proof.decibels import snr
from export_onnx.run.sessions import SessionSettings, cpu_session, run_session
from quantize.ops.fused_ops import (
    ADAIN,
    ADAIN_INPUTS,
    CONV,
    CONV_INPUTS,
    FLOAT_CONV,
    FLOAT_CONV_INPUTS,
    OPS_DOMAIN,
    OPS_VERSION,
)
from quantize.ops.share_moments import share_moments

FLOOR = 116  # measured: 126 and more
CHANNELS, COLUMNS = 7, 401


def pair(convolution: str = CONV, readers: int = 1) -> onnx.ModelProto:
    """A convolution of CHANNELS channels, channels last, and AdaINs that read its result."""
    draw = np.random.default_rng(0)
    is_int = convolution == CONV
    weight = draw.integers(-127, 128, (CHANNELS, CHANNELS, 1, 1))
    read = {"bytes": "x", "floats": "x", "byte_step": "step", "byte_zero": "zero"}
    read |= {"weight": "weight", "weight_step": "step"}
    names = CONV_INPUTS if is_int else FLOAT_CONV_INPUTS
    node = helper.make_node(
        convolution, [read.get(name, "") for name in names], ["y"], name="conv", domain=OPS_DOMAIN, dilation=1
    )
    if not is_int:
        node.attribute.append(helper.make_attribute("taps", 1))
    sites = []
    for i in range(readers):
        given = {"added": "y", "gain": "gain", "shift": "step", "epsilon": "step"}
        inputs = [given.get(name, "") for name in ADAIN_INPUTS]
        sites.append(
            helper.make_node(ADAIN, inputs, ["", "", f"out{i}"], name=f"site{i}", domain=OPS_DOMAIN, slope=0.2)
        )
    stored = {
        "step": np.float32(0.02),
        "zero": np.uint8(128),
        "gain": draw.normal(1, 0.2, (1, CHANNELS, 1, 1)).astype(np.float32),
        "weight": weight.astype(np.int8) if is_int else weight.reshape(CHANNELS, CHANNELS).astype(np.int16),
        "mask": np.ones((1, 1, 1, COLUMNS), np.float32),
    }
    kind = TensorProto.UINT8 if is_int else TensorProto.FLOAT
    shape = [1, 1, COLUMNS, CHANNELS]
    graph = helper.make_graph(
        [node, *sites],
        "pair",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(f"out{i}", TensorProto.FLOAT, shape) for i in range(readers)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in stored.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(OPS_DOMAIN, OPS_VERSION)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def run(model: onnx.ModelProto, library: Path) -> list[NDArray[np.float32]]:
    draw = np.random.default_rng(1)
    is_int = model.graph.input[0].type.tensor_type.elem_type == TensorProto.UINT8
    x = draw.integers(0, 256, (1, 1, COLUMNS, CHANNELS)) if is_int else draw.normal(size=(1, 1, COLUMNS, CHANNELS))
    settings = SessionSettings(threads=2, libraries=(library,))
    feed = {"x": x.astype(np.uint8 if is_int else np.float32)}
    return list(run_session(cpu_session(model, settings), feed).values())


@pytest.mark.parametrize("convolution", [CONV, FLOAT_CONV])
@pytest.mark.parametrize("readers", [1, 2])
def test_sites_read_moments(convolution: str, readers: int, ops: Path) -> None:
    model = pair(convolution, readers)
    found = share_moments(model)
    assert found.changed == tuple(f"site{i}" for i in range(readers))
    conv, *sites = found.model.graph.node
    assert {site.input[ADAIN_INPUTS.index("moments")] for site in sites} == {conv.output[1]}
    for wanted, out in zip(run(model, ops), run(found.model, ops), strict=True):
        assert snr(wanted, out) >= FLOOR


def test_moments_of_another_tensor_are_heard(ops: Path) -> None:
    """The planted defect: the first AdaIN reads the moments of a convolution whose result it does not read."""
    model = share_moments(pair()).model
    conv = model.graph.node[0]
    other = onnx.NodeProto()
    other.CopyFrom(conv)
    other.name, other.output[0], other.output[1] = "other", "unread", "other_moments"
    other.input[CONV_INPUTS.index("weight_step")] = "gain"
    model.graph.node.insert(1, other)
    model.graph.node[2].input[ADAIN_INPUTS.index("moments")] = "other_moments"
    assert snr(run(pair(), ops)[0], run(model, ops)[0]) < FLOOR - 80


def masked(model: onnx.ModelProto) -> None:
    model.graph.node[1].input[ADAIN_INPUTS.index("mask")] = "mask"


def behind_another_node(model: onnx.ModelProto) -> None:
    model.graph.node.insert(1, helper.make_node("Neg", ["y"], ["negated"]))
    model.graph.node[2].input[ADAIN_INPUTS.index("added")] = "negated"


def of_an_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1, 1, COLUMNS, CHANNELS]))
    model.graph.node[1].input[ADAIN_INPUTS.index("added")] = "more"


@pytest.mark.parametrize("change", [masked, behind_another_node, of_an_input])
def test_what_does_not_fit_stays(change: Callable[[onnx.ModelProto], None]) -> None:
    model = pair()
    change(model)
    assert share_moments(model).changed == ()
