"""What a session with basic optimizations would lose: a legal graph becomes an illegal one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from android_test.coverage.graph_view import GraphView
from android_test.coverage.nnapi.nnapi_rules import NnapiOptions, check_nnapi
from android_test.coverage.nnapi.optimized import newly_refused
from export_onnx.errors import CoverageError

NORM = """m = ReduceMean<axes=[-1]>(x)
    d = Sub(x, m)
    s = SQUARE
    v = ReduceMean<axes=[-1]>(s)
    e = Add(v, eps)
    r = Sqrt(e)
    n = Div(d, r)
    g = Mul(n, gain)
    y = Add(g, shift)"""


def save(path: Path, square: str) -> Path:
    body = NORM.replace("SQUARE", square)
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> g () => () {{ {body} }}')
    for values, name in ((model.graph.input, "x"), (model.graph.output, "y")):
        values.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 4, 16)))
    constants = {"eps": np.float32(1e-5), "two": np.float32(2), "gain": np.ones(16, np.float32)}
    constants["shift"] = np.zeros(16, np.float32)
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items() if n in body)
    onnx.save(onnx.shape_inference.infer_shapes(model, strict_mode=True), path)
    return path


def test_a_norm_with_pow_is_fused_into_an_operator_that_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "norm.onnx", "Pow(d, two)")
    before = check_nnapi(GraphView.load(path))
    assert before.covered
    after, lost = newly_refused(path, before, NnapiOptions())
    assert not after.covered
    assert [refusal.op for refusal in lost] == ["LayerNormalization"]


def test_a_norm_with_mul_stays(tmp_path: Path) -> None:
    path = save(tmp_path / "norm.onnx", "Mul(d, d)")
    before = check_nnapi(GraphView.load(path))
    after, lost = newly_refused(path, before, NnapiOptions())
    assert before.covered
    assert after.covered
    assert lost == ()


def test_a_dequantized_value_with_two_readers_loses_nothing(tmp_path: Path) -> None:
    """The session makes a copy of the DQ for each reader, and saves no shapes of the copies."""
    body = """q = QuantizeLinear(x, s, z)
        d = DequantizeLinear(q, s, z)
        a = Sqrt(d)
        b = Abs(d)
        y = Add(a, b)"""
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> g () => () {{ {body} }}')
    for values, name in ((model.graph.input, "x"), (model.graph.output, "y")):
        values.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 4, 16)))
    for name, array in {"s": np.float32(0.1), "z": np.uint8(128)}.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    path = tmp_path / "shared.onnx"
    onnx.save(onnx.shape_inference.infer_shapes(model, strict_mode=True), path)
    before = check_nnapi(GraphView.load(path))
    after, lost = newly_refused(path, before, NnapiOptions())
    assert before.covered
    assert after.covered
    assert lost == ()


def test_a_file_that_no_session_takes_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(CoverageError, match=r"broken\.onnx"):
        newly_refused(path, check_nnapi(GraphView.of(onnx.ModelProto())), NnapiOptions())
