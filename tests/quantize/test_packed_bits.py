"""Weights in 8 to 16 bits: within half a step, and folded when the runtime loads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export_onnx.graph.shared_weights import load
from export_onnx.run.sessions import cpu_session
from quantize.weights.packed_bits import STEPS, Bits, large_weights, store_compactly
from tests.conftest import Small


def graph(small: Small, stage: str) -> onnx.ModelProto:
    return load(small.folder / f"{stage}_{small.bucket.name}.onnx")


def one_weight(shape: tuple[int, ...]) -> tuple[onnx.ModelProto, np.ndarray]:
    weight = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    weight.reshape(-1)[::7] *= 20  # rows of very different size, and both ends of the scale
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "y")]
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    made = helper.make_graph(nodes, "g", ports[:1], ports[1:], [numpy_helper.from_array(weight, "w")])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), weight


@pytest.mark.parametrize("shape", [(2, 64, 17), (33, 40), (16, 7, 1, 11), (40, 27)])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_stored_weights_are_within_half_a_step(shape: tuple[int, ...], bits: Bits, tmp_path: Path) -> None:
    model, weight = one_weight(shape)
    stored = store_compactly(model, {"w": bits})
    onnx.checker.check_model(stored, full_check=True)
    onnx.save(stored, tmp_path / "stored.onnx")
    got = cpu_session(tmp_path / "stored.onnx").run(None, {"x": np.zeros(shape, np.float32)})[0]
    rows = weight.reshape((-1, shape[2]) if len(shape) == 3 else (shape[0], -1))
    step = np.abs(rows).max(1, keepdims=True) / STEPS[bits]
    assert (np.abs(got.reshape(rows.shape) - rows) <= 0.501 * step).all()
    taken = sum(len(t.raw_data) for t in stored.graph.initializer if t.data_type != TensorProto.FLOAT)
    assert taken <= weight.size * bits / 8 + 4 * len(rows) + 64  # up to three columns are padded


def test_the_runtime_folds_what_unpacks(small: Small, tmp_path: Path) -> None:
    import onnxruntime as ort

    duration = graph(small, "duration")
    bits: dict[str, Bits] = {name: (10, 12)[i % 2] for i, name in enumerate(large_weights(duration))}
    onnx.save(store_compactly(duration, bits), tmp_path / "stored.onnx")
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(tmp_path / "folded.onnx")
    ort.InferenceSession(tmp_path / "stored.onnx", options, providers=["CPUExecutionProvider"])
    folded = load(tmp_path / "folded.onnx")
    assert not [t.name for t in folded.graph.initializer if t.data_type in (TensorProto.INT8, TensorProto.UINT8)]
    assert not [node.name for node in folded.graph.node if node.op_type == "BitShift"]
