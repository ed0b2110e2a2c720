"""The graph as a session hands it to a provider: one DequantizeLinear per reader, weights in a file or in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from android_test.coverage.graph_view import GraphView
from android_test.coverage.nnapi.nnapi_rules import NnapiOptions, check_nnapi
from tests.android_test.nnapi_graphs import (
    F,
    conv,
    small,
)


def test_weights_in_a_file(tmp_path: Path) -> None:
    """External data is refused, unless the runner hands it over from memory; then the report says so."""
    path = tmp_path / "conv.onnx"
    onnx.save(conv(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    view = GraphView.load(path)
    assert "no initializer in another file" in str(check_nnapi(view).refusals[0])
    relaxed = check_nnapi(view, NnapiOptions(weights_from_memory=True))
    assert relaxed.covered
    assert "from memory" in relaxed.conditions[0]


def test_shared_dequantize_as_the_session_does_it(tmp_path: Path) -> None:
    """With optimizations off the session gives each reader its own DQ; the view has the same nodes."""
    built = small(
        "q = QuantizeLinear(x, s, z) \n d = DequantizeLinear(q, s, z) \n a = Sqrt(d) \n b = Abs(d) \n y = Add(a, b)",
        s=F(0.1),
        z=np.uint8(128),
    )
    path, seen = tmp_path / "shared.onnx", tmp_path / "seen.onnx"
    onnx.save(built, path)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.optimized_model_filepath = str(seen)
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    ops = sorted(node.op_type for node in onnx.load(seen).graph.node)
    assert sorted(node.op_type for node in GraphView.load(path).nodes) == ops
    assert check_nnapi(GraphView.load(path)).covered
