"""The layout step: what a graph looks like when the provider is asked for the second time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from android_test.coverage.graph_view import GraphView
from android_test.coverage.nnapi.layout import laid_out
from android_test.coverage.nnapi.nnapi_rules import NnapiOptions, check_nnapi
from tests.android_test.test_nnapi_rules import F, conv, i64, qdq_conv, small

U8 = {"s": F(0.1), "z": np.uint8(128)}
WEIGHT = {"w": np.ones((4, 4, 1, 1), F)}


def behind(built: onnx.ModelProto) -> GraphView:
    view = GraphView.of(built)
    return laid_out(view, set(range(len(view.nodes))))


def operators(view: GraphView) -> list[str]:
    short = {"QuantizeLinear": "Q", "DequantizeLinear": "DQ"}
    return [short.get(node.op_type, node.op_type) for node in view.nodes]


def test_a_transpose_leaves_its_place_between_dq_and_q() -> None:
    """The first of the two pictures in layout.py."""
    body = """q = QuantizeLinear(x, s, z)
        d = DequantizeLinear(q, s, z)
        t = Transpose<perm=[0, 2, 3, 1]>(d)
        r = Relu(t)
        p = QuantizeLinear(r, s, z)
        y = DequantizeLinear(p, s, z)"""
    assert operators(behind(small(body, **U8))) == ["Q", "DQ", "Relu", "Q", "DQ", "Transpose", "Q", "DQ"]


def test_a_convolution_gets_a_transpose_and_a_pair_on_each_side() -> None:
    """The second one."""
    view = behind(qdq_conv(bias="", per_channel=False))
    pair = ["Transpose", "Q", "DQ"]
    weight = operators(view).index("Conv") - 1
    assert operators(view)[:weight] + operators(view)[weight + 1 :] == ["Q", "DQ", *pair, "Conv", "Q", "DQ", *pair]
    node = next(node for node in view.nodes if node.op_type == "Conv")
    assert node.domain == "com.ms.internal.nhwc"
    assert view.value(node.input[0]).shape == (1, 8, 8, 4)


def test_transposes_between_two_convolutions_cancel() -> None:
    view = behind(small("a = Conv(x, w) \n b = Relu(a) \n y = Conv(b, w)", **WEIGHT))
    assert operators(view) == ["Transpose", "Conv", "Relu", "Conv", "Transpose"]


def test_a_constant_beside_a_pushed_transpose_is_transposed_itself() -> None:
    view = behind(small("a = Conv(x, w) \n y = Add(a, k)", **WEIGHT, k=np.arange(4, dtype=F).reshape(4, 1, 1)))
    assert operators(view) == ["Transpose", "Conv", "Add", "Transpose"]
    constant = view.array(view.nodes[2].input[1])
    assert constant is not None
    assert constant.shape == (1, 1, 1, 4)
    assert constant.reshape(-1).tolist() == [0, 1, 2, 3]


def test_axes_and_pads_follow_the_channels() -> None:
    built = small(
        "a = Conv(x, w) \n b = Slice(a, from, to, axes) \n y = Pad(b, pads)",
        **WEIGHT,
        **{"from": i64(0), "to": i64(2), "axes": i64(1), "pads": i64(0, 1, 0, 0, 0, 2, 0, 0)},
    )
    view = behind(built)
    assert operators(view) == ["Transpose", "Conv", "Slice", "Pad", "Transpose"]
    axes, pads = view.array(view.nodes[2].input[3]), view.array(view.nodes[3].input[1])
    assert axes is not None
    assert pads is not None
    assert (axes.tolist(), pads.tolist()) == ([3], [0, 0, 0, 1, 0, 0, 0, 2])


def test_a_transpose_stops_before_a_concat_that_gains_nothing() -> None:
    view = behind(small("a = Conv(x, w) \n y = Concat<axis=1>(a, x)", **WEIGHT))
    assert operators(view)[-2:] == ["Transpose", "Concat"]


def test_the_view_that_was_given_stays_as_it_was() -> None:
    built = small("a = Conv(x, w) \n y = Relu(a)", **WEIGHT)
    view = GraphView.of(built)
    before = view.model.SerializeToString(deterministic=True)
    laid_out(view, {0, 1})
    assert view.model.SerializeToString(deterministic=True) == before
    assert operators(view) == ["Conv", "Relu"]


def test_constants_in_a_file_are_read_where_the_step_needs_them(tmp_path: Path) -> None:
    path = tmp_path / "conv.onnx"
    built = small("a = Conv(x, w) \n y = Pad(a, pads)", **WEIGHT, pads=i64(0, 1, 0, 0, 0, 0, 0, 0))
    onnx.save(built, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    verdict = check_nnapi(GraphView.load(path), NnapiOptions(weights_from_memory=True))
    assert verdict.covered
    assert check_nnapi(GraphView.of(conv())).nodes == 3
