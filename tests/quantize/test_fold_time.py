"""Long axes in rows and columns: the same numbers, and nothing but element-wise operators touched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from android_test.coverage.graph_view import GraphView
from android_test.coverage.htp.htp_rules import check_qnn
from android_test.coverage.nnapi.nnapi_rules import check_nnapi
from calibrate.ranges import Range
from export_onnx.buckets import Bucket
from export_onnx.checkpoint.weights import load_weights
from export_onnx.graph.export import export_stage
from export_onnx.proof.decibels import snr
from quantize.qdq import QdqPlan, quantize_convolutions
from quantize.sound.fold_time import ELEMENTWISE, fold_time
from quantize.sound.vocoder_plan import quantized_values

ONE = Bucket(1, 32)


@pytest.fixture(scope="module")
def floating(tmp_path_factory: pytest.TempPathFactory) -> onnx.ModelProto:
    weights = load_weights("random-small", tmp_path_factory.mktemp("weights"))
    return export_stage("vocoder", weights.model, weights.config, ONE)


def quantized(model: onnx.ModelProto, bits: int) -> onnx.ModelProto:
    """All convolutions but the last; any ranges do."""
    nodes = tuple(n.name for n in model.graph.node if n.op_type == "Conv" and "conv_post" not in n.name)
    ranges = {value: Range(-8.0, 8.0) for value in quantized_values(model, nodes)}
    return quantize_convolutions(model, QdqPlan(nodes, ranges, bits, {}))


def run(model: onnx.ModelProto) -> np.ndarray:
    draw = np.random.default_rng(0)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feed = {port.name: draw.standard_normal(port.shape).astype(np.float32) for port in session.get_inputs()}
    feed["frame_mask"] = (np.arange(ONE.frames) < 31).astype(np.float32)[None]
    return session.run(None, feed)[0]


@pytest.mark.parametrize("bits", [0, 8, 16])
def test_the_same_numbers(floating: onnx.ModelProto, bits: int) -> None:
    before = quantized(floating, bits) if bits else floating
    after = fold_time(before, ONE.frames)
    # In integers, sums in another order may tip a value over the edge of a step: far below the steps themselves.
    assert snr(run(before), run(after)) >= (60 if bits else 100)


def test_a_fold_that_swaps_rows_and_columns_is_seen(floating: onnx.ModelProto) -> None:
    """The planted defect: one border reshapes to H x W where the others have W x H."""
    after = fold_time(floating, ONE.frames)
    size = next(t for t in after.graph.initializer if t.name.endswith(".folding") and "resblocks" not in t.name)
    batch, channels, rows, columns = onnx.numpy_helper.to_array(size)
    wrong = np.array([batch, channels, columns, rows], np.int64)
    size.CopyFrom(onnx.numpy_helper.from_array(wrong, size.name))
    del after.graph.value_info[:]
    with pytest.raises(Exception, match=r"dimension|shape|broadcast"):
        run(after)


def test_a_scale_of_another_tensor_at_a_border_is_heard(floating: onnx.ModelProto) -> None:
    """The planted defect: integers are moved as if their step were twice as large."""
    before = quantized(floating, 8)
    after = fold_time(before, ONE.frames)
    node = next(
        n for n in after.graph.node if n.op_type == "DequantizeLinear" and n.name.endswith(".folded/DequantizeLinear")
    )
    step = next(t for t in after.graph.initializer if t.name == node.input[1])
    twice = onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(step) * 2, "twice")
    after.graph.initializer.append(twice)
    node.input[1] = "twice"
    assert snr(run(before), run(after)) < 40


def test_no_long_row_is_left_to_elementwise_operators(floating: onnx.ModelProto) -> None:
    graph = fold_time(quantized(floating, 16), ONE.frames).graph
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in graph.value_info}
    seen = 0
    for node in graph.node:
        shape = shapes.get(node.output[0], [])
        if node.op_type in ELEMENTWISE and len(shape) == 4 and np.prod(shape[2:]) >= 20 * ONE.frames:
            assert shape[2] > 1, node.name
            seen += 1
    assert seen > 100


def test_reshapes_beside_integers_are_of_integers(floating: onnx.ModelProto) -> None:
    """A float reshape there would leave a Q or DQ on the long row."""
    graph = fold_time(quantized(floating, 16), ONE.frames).graph
    made_by = {output: node for node in graph.node for output in node.output}
    borders = [n for n in graph.node if n.op_type == "Reshape" and "folding" in n.input[1]]
    of_integers = [n for n in borders if made_by.get(n.input[0], n).op_type == "DequantizeLinear"]
    readers = {name: node for node in graph.node for name in node.input}
    assert len(of_integers) > 50
    for node in of_integers:
        assert readers[node.output[0]].op_type == "QuantizeLinear", node.name


def test_convolutions_keep_their_names_and_weights(floating: onnx.ModelProto) -> None:
    before = quantized(floating, 16)
    convs = [
        [(n.name, *n.input[1:]) for n in g.graph.node if n.op_type == "Conv"]
        for g in (before, fold_time(before, ONE.frames))
    ]
    assert sorted(convs[0]) == sorted(convs[1])


@pytest.mark.parametrize("bits", [8, 16])
def test_both_providers_take_it(floating: onnx.ModelProto, bits: int) -> None:
    view = GraphView.of(fold_time(quantized(floating, bits), ONE.frames))
    verdicts = [check_qnn(view), *([check_nnapi(view)] if bits == 8 else [])]
    assert all(verdict.nodes for verdict in verdicts)
    for verdict in verdicts:
        assert verdict.covered, [str(refusal) for refusal in verdict.refusals[:3]]


def test_the_same_bytes(floating: onnx.ModelProto, tmp_path: Path) -> None:
    before = quantized(floating, 16)
    one, two = (fold_time(before, ONE.frames).SerializeToString() for _ in range(2))
    assert one == two
