"""The crop of a shipped graph is the graph that an export at that length would give, and speaks the same sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from android_test.coverage.graph_view import GraphView
from android_test.coverage.htp.simulate import on_cpu
from android_test.coverage.htp.time_crop import CROP_FRAMES, crop_model, crop_values
from export_onnx import contracts
from export_onnx.buckets import Bucket
from export_onnx.checkpoint.architecture import load_architecture
from export_onnx.checkpoint.weights import load_weights
from export_onnx.errors import CoverageError
from export_onnx.graph.export import export_stage
from selector.package.golden import floor_for

ONE = Bucket(1, 32)
CROP = Bucket(CROP_FRAMES / 40, 16)


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, onnx.ModelProto]:
    weights = load_weights("random-small", tmp_path_factory.mktemp("weights"))
    return {b.name: export_stage("vocoder", weights.model, weights.config, b) for b in (ONE, CROP)}


def values(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    shapes = {i.name: [d.dim_value for d in i.type.tensor_type.shape.dim] for i in model.graph.input}
    feed = {name: draw.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    return feed | {"frame_mask": np.ones(shapes["frame_mask"], np.float32)}


def test_equals_the_export_at_that_length(graphs: dict[str, onnx.ModelProto], tmp_path: Path) -> None:
    crop = crop_model(graphs[ONE.name], "vocoder", ONE.frames)
    feed = crop_values(values(graphs[ONE.name]), "vocoder", 3)
    results = []
    for name, model in (("crop", crop), ("export", graphs[CROP.name])):
        onnx.save(model, tmp_path / f"{name}.onnx")
        results.append(on_cpu(tmp_path / f"{name}.onnx", feed)["spectrum"])
    cropped, exported = results
    np.testing.assert_array_equal(cropped, exported)


def test_shapes_are_all_known(graphs: dict[str, onnx.ModelProto]) -> None:
    crop = crop_model(graphs[ONE.name], "vocoder", ONE.frames)
    view = GraphView.of(crop)
    assert all(view.value(name).fixed for node in view.nodes for name in node.output)
    assert floor_for(crop.SerializeToString()) == 40


def test_values_are_cut_at_the_frame() -> None:
    full = values_at(ONE)
    cut = crop_values(full, "vocoder", 5)
    np.testing.assert_array_equal(cut["asr"], full["asr"][:, :, 5:21])
    np.testing.assert_array_equal(cut["f0"], full["f0"][:, 10:42])
    np.testing.assert_array_equal(cut["har"][:, :, : 120 * 16 + 1], full["har"][:, :, 600 : 600 + 1921])
    assert not cut["har"][:, :, 1921:].any()


def values_at(bucket: Bucket) -> dict[str, np.ndarray]:
    sizes = contracts.sizes(load_architecture("small"), bucket)
    draw = np.random.default_rng(1)
    ports = contracts.stage("vocoder").inputs
    return {port.name: draw.standard_normal(port.resolve(sizes)).astype(np.float32) for port in ports}


def test_a_graph_it_does_not_understand_is_an_error(graphs: dict[str, onnx.ModelProto]) -> None:
    odd = onnx.ModelProto()
    odd.CopyFrom(graphs[ONE.name])
    tensor = next(t for t in odd.graph.initializer if t.dims == [4] and t.data_type == onnx.TensorProto.INT64)
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.array([1, 1, 7, 1]), tensor.name))
    with pytest.raises(CoverageError, match="crop of vocoder"):
        crop_model(odd, "vocoder", ONE.frames)
