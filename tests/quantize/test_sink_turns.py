"""Transposes sink until they meet; what is computed stays the same to the bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export_onnx.run.sessions import SessionSettings, cpu_session, run_session
from quantize.ops.channels_last import put_channels_last
from quantize.ops.fuse_adain import fuse_adain
from quantize.ops.fuse_conv import fuse_conv
from quantize.ops.fuse_float_conv import fuse_float_conv
from quantize.ops.fuse_graph import fuse_graph
from quantize.ops.fuse_residual import fuse_residual
from quantize.ops.fused_ops import FLOAT_CONV, FLOAT_CONV_INPUTS, OPS_DOMAIN, OPS_VERSION, RESIDUAL
from quantize.ops.sink_turns import sink_turns
from quantize.ops.turns import TO_LAST
from tests.quantize.adain_graphs import channels_last
from tests.quantize.test_channels_last import kinds, store
from tests.quantize.test_fold_time import quantized
from tests.quantize.test_fuse_adain import floating, spoken

__all__ = ["floating"]  # a fixture

CHANNELS, COLUMNS, STEPS = 6, 9, 3


def graph(nodes: list[onnx.NodeProto], inputs: list[str], outputs: list[str], **stored: Any) -> onnx.ModelProto:
    """A model of inputs [1, CHANNELS, 1, COLUMNS], whose types its names tell: bytes or floats."""
    kinds = {name: TensorProto.UINT8 if name.startswith("bytes") else TensorProto.FLOAT for name in inputs}
    ports = [helper.make_tensor_value_info(name, kind, [1, CHANNELS, 1, COLUMNS]) for name, kind in kinds.items()]
    outs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    constants = [numpy_helper.from_array(np.asarray(array), name) for name, array in stored.items()]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(OPS_DOMAIN, OPS_VERSION)]
    made = helper.make_model(helper.make_graph(nodes, "turns", ports, outs, constants), opset_imports=opsets)
    made.ir_version = 8
    return onnx.shape_inference.infer_shapes(made)


def residual(bytes_: str, added: str, out: str) -> list[onnx.NodeProto]:
    """Residual between its Transposes, whose shapes inference does not know."""
    node = helper.make_node(RESIDUAL, [bytes_, "step", "zero", "", added], [out], domain=OPS_DOMAIN)
    return channels_last(node, (bytes_, added), (out,))


def chain() -> onnx.ModelProto:
    """Two fused sums, everything that a Transpose can sink through, and a third."""
    nodes = [
        *residual("bytes_a", "a", "first"),
        *residual("bytes_b", "b", "second"),
        helper.make_node("Add", ["first", "second"], ["both"]),
        helper.make_node("Mul", ["both", "factor"], ["scaled"]),
        helper.make_node("LeakyRelu", ["scaled"], ["rectified"], alpha=0.1),
        helper.make_node("Slice", ["rectified", "one", "two", "axis", "one"], ["column"]),
        helper.make_node("Concat", ["column", "rectified"], ["longer"], axis=3),
        helper.make_node("Slice", ["longer", "one", "ten", "axis", "one"], ["shorter"]),
        helper.make_node("Add", ["shorter", "c"], ["more"]),
        *residual("bytes_c", "more", "out"),
    ]
    small = {"one": [1], "two": [2], "ten": [COLUMNS + 1], "axis": [3]}
    stored: dict[str, Any] = {name: np.array(value, np.int64) for name, value in small.items()}
    stored |= {"step": np.float32(0.02), "zero": np.uint8(128)}
    stored["factor"] = np.random.default_rng(0).normal(size=(1, CHANNELS, 1, 1)).astype(np.float32)
    model = graph(nodes, ["bytes_a", "a", "bytes_b", "b", "bytes_c", "c"], ["out"], **stored)
    known = {"first": COLUMNS, "second": COLUMNS, "both": COLUMNS, "scaled": COLUMNS, "rectified": COLUMNS}
    for name, columns in (known | {"column": 1, "longer": COLUMNS + 1, "shorter": COLUMNS, "more": COLUMNS}).items():
        shape = [1, CHANNELS, 1, columns]
        model.graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    return model


def run(model: onnx.ModelProto, library: Path) -> NDArray[Any]:
    draw = np.random.default_rng(1)
    feed: dict[str, NDArray[Any]] = {}
    for port in model.graph.input:
        shape = [dim.dim_value for dim in port.type.tensor_type.shape.dim]
        is_bytes = port.type.tensor_type.elem_type == TensorProto.UINT8
        feed[port.name] = draw.integers(0, 256, shape).astype(np.uint8) if is_bytes else draw.normal(size=shape)
        feed[port.name] = feed[port.name] if is_bytes else feed[port.name].astype(np.float32)
    return run_session(cpu_session(model, SessionSettings(libraries=(library,))), feed)["out"]


def test_transposes_are_left_at_the_ends(ops: Path) -> None:
    found = sink_turns(chain())
    turns = [node for node in found.model.graph.node if node.op_type == "Transpose"]
    ends = {port.name for port in (*found.model.graph.input, *found.model.graph.output)} | {"factor"}
    assert all({*node.input, *node.output} & ends for node in turns)
    assert len(turns) == 8  # six inputs, the factor and the output
    assert np.array_equal(run(found.model, ops), run(chain(), ops))


def read_elsewhere(model: onnx.ModelProto) -> None:
    """A sum with an input in the graph's own layout, whose result nobody turns back."""
    for node in model.graph.node:
        if node.output[0] == "both":
            node.input[1] = "b"


def another_rank(model: onnx.ModelProto) -> None:
    store(model, "factor", np.ones((CHANNELS, 1, COLUMNS), np.float32))


@pytest.mark.parametrize("change", [read_elsewhere, another_rank])
def test_a_sum_that_would_cost_more_stays(change: Callable[[onnx.ModelProto], None]) -> None:
    model = chain()
    change(model)
    name = "both" if change is read_elsewhere else "scaled"
    assert name in sink_turns(chain()).changed
    assert name not in sink_turns(model).changed


def upsampling(**changed: Any) -> onnx.ModelProto:
    """FloatConv between Transposes, whose rows are spread over time."""
    draw = np.random.default_rng(0)
    rows = CHANNELS * STEPS
    inputs = ["x", "weight", "weight_step", "bias", changed.get("added", "")]
    conv = helper.make_node(FLOAT_CONV, inputs, ["rows"], domain=OPS_DOMAIN, taps=1, dilation=1)
    nodes = [
        *channels_last(conv, ("x", "added"), ("rows",)),
        helper.make_node("Reshape", ["rows", "spread"], ["apart"]),
        helper.make_node("Transpose", ["apart"], ["turned"], perm=changed.get("perm", [0, 1, 3, 2])),
        helper.make_node("Reshape", ["turned", "flat"], ["out"], name="end"),
    ]
    stored = {
        "weight": draw.integers(-2047, 2048, (rows, CHANNELS)).astype(np.int16),
        "weight_step": draw.uniform(1, 2, (rows, 1)).astype(np.float32),
        "bias": draw.normal(size=rows).astype(np.float32),
        "spread": np.array([1, CHANNELS, STEPS, -1]),
        "flat": np.array([1, changed.get("channels", CHANNELS), 1, -1]),
        "added": np.zeros((1, rows, 1, COLUMNS), np.float32),
    }
    return graph(nodes, ["x"], ["out", *changed.get("outputs", ())], **stored)


def test_upsampling_becomes_a_reshape(ops: Path) -> None:
    found = sink_turns(upsampling())
    assert found.changed == ("end",)
    assert kinds(found.model) == ["Transpose", FLOAT_CONV, "Reshape", "Transpose"]
    assert np.array_equal(run(found.model, ops), run(upsampling(), ops))


@pytest.mark.parametrize("forgotten", ["weight", "weight_step", "bias"])
def test_rows_out_of_order_are_seen(forgotten: str, ops: Path) -> None:
    """The planted defect: one input of the convolution keeps its order."""
    model = sink_turns(upsampling()).model
    (conv,) = [node for node in model.graph.node if node.op_type == FLOAT_CONV]
    place = FLOAT_CONV_INPUTS.index(forgotten)
    stored = {tensor.name: tensor for tensor in upsampling().graph.initializer}
    model.graph.initializer.append(stored[forgotten])
    conv.input[place] = forgotten
    assert not np.allclose(run(model, ops), run(upsampling(), ops), atol=0.1)


@pytest.mark.parametrize(
    "changed",
    [
        {"added": "added"},
        {"perm": [0, 2, 3, 1]},
        {"channels": STEPS},
        *({"outputs": [name]} for name in ("rows", "apart", "turned")),
    ],
    ids=str,
)
def test_other_reshapes_stay(changed: dict[str, Any]) -> None:
    assert sink_turns(upsampling(**changed)).changed == ()


def test_two_convolutions_may_share_weights(ops: Path) -> None:
    model = upsampling()
    for node in list(model.graph.node)[1:]:
        other = onnx.NodeProto()
        other.CopyFrom(node)
        other.name = f"other_{node.name}" if node.name else ""
        other.output[0] = f"other_{node.output[0]}"
        if node.op_type != FLOAT_CONV:
            other.input[0] = f"other_{node.input[0]}"
        model.graph.node.append(other)
    model.graph.output.append(helper.make_tensor_value_info("other_out", TensorProto.FLOAT, None))
    found = sink_turns(model)
    assert found.changed == ("end", "other_end")
    assert np.array_equal(run(found.model, ops), run(model, ops))


def test_an_output_of_the_graph_stays(ops: Path) -> None:
    """A value that is turned and turned back, and is handed out."""
    model = graph(
        [*residual("bytes_a", "a", "first"), helper.make_node("Transpose", ["first"], ["out"], perm=TO_LAST)],
        ["bytes_a", "a"],
        ["out"],
        step=np.float32(0.02),
        zero=np.uint8(128),
    )
    assert np.array_equal(run(sink_turns(model).model, ops), run(model, ops))


def test_a_node_inside_a_branch_stays() -> None:
    branches = {}
    for name in ("then_branch", "else_branch"):
        value = helper.make_tensor_value_info("scaled", TensorProto.FLOAT, [1, CHANNELS, 1, COLUMNS])
        branches[name] = helper.make_graph(
            [helper.make_node("Mul", ["first", "factor"], ["scaled"])], name, [], [value]
        )
    model = graph(
        [*residual("bytes_a", "a", "first"), helper.make_node("If", ["is_so"], ["out"], **branches)],
        ["bytes_a", "a"],
        ["out"],
        step=np.float32(0.02),
        zero=np.uint8(128),
        is_so=np.array(True),
        factor=np.ones((1, CHANNELS, 1, 1), np.float32),
    )
    model.graph.value_info.append(helper.make_tensor_value_info("first", TensorProto.FLOAT, [1, CHANNELS, 1, COLUMNS]))
    found = sink_turns(model)
    assert found.changed == ()
    assert "factor" in {tensor.name for tensor in found.model.graph.initializer}  # what only the branches read


def test_the_vocoder_computes_the_same(floating: onnx.ModelProto, ops: Path) -> None:
    stock = quantized(floating, 8)
    before = stock
    for fuse in (fuse_adain, put_channels_last, fuse_residual, fuse_conv, fuse_float_conv):
        before = fuse(before).model
    after = fuse_graph(stock).model
    assert kinds(after).count("Transpose") < kinds(before).count("Transpose") - 5
    assert np.array_equal(spoken(after, ops), spoken(before, ops))
