"""Every NNAPI rule from both sides: a model of a few operators that is taken, and one that is refused."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnxruntime.tools.mobile_helpers import usability_checker

from android_test.coverage.graph_view import GraphView
from android_test.coverage.nnapi.nnapi_rules import NnapiOptions, check_nnapi
from export_onnx.errors import CoverageError
from tests.android_test.nnapi_graphs import (
    X4,
    F,
    W,
    conv,
    declare,
    dynamic,
    gemm,
    i64,
    model,
    qdq,
    qdq_conv,
    small,
    undeclared,
)

PAIRS = {
    "operator": (small("y = Sin(x)"), small("y = Cos(x)"), "an operator the provider knows"),
    "where": (
        small("y = Mul(x, m)", m=np.ones((1, 1, 8, 8), F)),
        small("y = Where(m, x, n)", m=np.ones((1, 1, 8, 8), bool), n=F(0)),
        "an operator the provider knows",
    ),
    "convtranspose": (
        conv(),
        small("y = ConvTranspose(x, w)", w=np.ones((4, 4, 2, 2), F)),
        "an operator the provider knows",
    ),
    "opset": (small("y = Sqrt(x)"), model("y = Sqrt(x)", X4, opset=12), "opset 13"),
    "dynamic": (small("y = Sqrt(x)"), dynamic(), "fixed dimensions"),
    "value_info": (undeclared("nothing"), undeclared("a"), "a declared shape"),
    "output rank": (
        small("a = Sqrt(x) \n y = Reshape(a, s)", s=i64(4, 8, 8)),
        small("a = Sqrt(x) \n y = Reshape(a, s)", s=i64(1, 1, 4, 8, 8)),
        "rank 1 to 4",
    ),
    "input type": (small("y = Abs(x)"), model("y = Abs(x)", X4, types={"x": TensorProto.INT32}), "float32"),
    "half": (small("y = Relu(x)"), model("y = Relu(x)", X4, types={"x": TensorProto.FLOAT16}), "float32"),
    "conv 1-D": (conv(4), conv(3), "rank 4 (2-D convolution)"),
    "conv weight": (conv(), conv(weight_constant=False), "a constant weight"),
    "conv dilation": (conv(group=4, dilation=2), conv(group=2, dilation=2), "no dilation on a grouped"),
    "matmul": (
        small("y = MatMul(x, w)", (3, 8), w=W),
        small("y = MatMul(x, w)", (1, 3, 8), w=W),
        "2-D x constant 2-D",
    ),
    "matmul 2-D": (
        model("y = MatMul(x, w)", {"x": (1, 3, 8), "w": (1, 8, 5)}),
        model("y = MatMul(x, w)", {"x": (3, 8), "w": (8, 5)}),
        "a constant right side",
    ),
    "matmul batch": (
        model("y = MatMul(x, w)", {"x": (2, 3, 8), "w": (2, 8, 5)}),
        model("y = MatMul(x, w)", {"x": (2, 3, 8), "w": (1, 8, 5)}),
        "equal leading dimensions",
    ),
    "gemm": (
        small("y = Gemm(x, w)", (3, 8), w=W),
        small("y = Gemm<alpha=0.5>(x, w)", (3, 8), w=W),
        "alpha = beta = 1",
    ),
    "gemm B": (
        model("y = Gemm<transB=1>(x, w)", {"x": (3, 8), "w": (5, 8)}),
        model("y = Gemm(x, w)", {"x": (3, 8), "w": (8, 5)}),
        "a constant B",
    ),
    "gemm bias": (
        small("y = Gemm(x, w, b)", (3, 8), w=W, b=np.ones(5, F)),
        small("y = Gemm(x, w, b)", (3, 8), w=W, b=np.ones((3, 5), F)),
        "a bias of one dimension",
    ),
    "clip": (
        small("y = Clip(x, a, b)", a=F(0), b=F(6)),
        small("y = Clip(x, a, b)", a=F(0), b=F(5)),
        "limits [0, 6]",
    ),
    "max": (small("y = Max(x, a)", a=F(0)), small("y = Max(x, a, b)", a=F(0), b=F(1)), "exactly two"),
    "reduce": (
        model("y = ReduceMean(x, a)", X4, constants={"a": i64(3)}, opset=18),
        declare(
            model("y = ReduceMean(x, a)", {**X4, "a": (1,)}, types={"a": TensorProto.INT64}, opset=18),
            (1, 4, 8, 1),
        ),
        "constant inputs behind the first",
    ),
    "slice": (
        small("y = Slice(x, s, e, a)", s=i64(0), e=i64(4), a=i64(3)),
        model("y = Slice(x, s, e)", {**X4, "s": (4,), "e": (4,)}, types=dict.fromkeys("se", TensorProto.INT64)),
        "",
    ),
    "pad mode": (
        small("y = Pad(x, p)", p=i64(0, 0, 0, 1, 0, 0, 0, 1)),
        small("y = Pad<mode='reflect'>(x, p)", p=i64(0, 0, 0, 1, 0, 0, 0, 1)),
        "mode constant",
    ),
    "pad sign": (
        small("y = Pad(x, p)", p=i64(0, 0, 0, 1, 0, 0, 0, 0)),
        small("y = Pad(x, p)", p=i64(0, 0, 0, -1, 0, 0, 0, 0)),
        "pads of zero or more",
    ),
    "split": (
        small("y0, y1 = Split<axis=1>(x, p)", p=i64(2, 2)),
        small("y0, y1 = Split<axis=1>(x, p)", p=i64(1, 3)),
        "equal parts",
    ),
    "depth": (
        small("y = DepthToSpace<blocksize=2>(x)"),
        small("y = DepthToSpace<blocksize=2, mode='CRD'>(x)"),
        "mode DCR",
    ),
    "resize": (
        small(
            "y = Resize<coordinate_transformation_mode='asymmetric', nearest_mode='floor'>(x, r, s)",
            r=np.zeros(0, F),
            s=np.array([1, 1, 1, 2], F),
        ),
        small("y = Resize(x, , s)", s=np.array([1, 1, 1, 2], F)),
        "asymmetric and floor",
    ),
    "gather": (
        model("y = Gather(t, x)", {"x": (1, 7)}, constants={"t": W}, types={"x": TensorProto.INT32}),
        model("y = Gather(t, x)", {"x": (1, 7)}, constants={"t": W}, types={"x": TensorProto.INT64}),
        "indices constant or int32",
    ),
    "cast": (small("y = Cast<to=6>(x)"), small("y = Cast<to=7>(x)"), "a cast to"),
    "reshape": (
        small("a = Sqrt(x) \n y = Reshape(a, s)", s=i64(1, 256)),
        declare(
            model("a = Sqrt(x) \n y = Reshape(a, s)", {**X4, "s": (2,)}, types={"s": TensorProto.INT64}),
            (1, 256),
        ),
        "constant inputs behind the first",
    ),
    "pool": (
        small("y = AveragePool<kernel_shape=[2, 2]>(x)"),
        small("y = AveragePool<kernel_shape=[2]>(x)", (1, 4, 8)),
        "rank 4 (2-D pool)",
    ),
    "qdq conv activation": (qdq_conv(), qdq_conv(activation=np.int8), "uint8 activations"),
    "qdq conv float bias": (qdq_conv(), qdq_conv(bias="float"), "uint8 activations"),
    "qdq conv bias scale": (qdq_conv(), qdq_conv(scale_of_bias=2.0), "x_scale * w_scale"),
    "qdq conv weight zero": (qdq_conv(bias=""), qdq_conv(bias="", zero=3), "zero point 0"),
    "qdq conv axis": (qdq_conv(bias=""), qdq_conv(bias="", axis=1), "on axis 0"),
    "qdq conv 1-D": (qdq_conv(), qdq_conv(rank=3), "rank 4 (2-D convolution)"),
    "qdq conv u16": (qdq_conv(), qdq_conv(activation=np.uint16), "uint8 activations"),
    "qdq conv two readers": (
        qdq_conv(behind="y = DequantizeLinear(q, ys, xz)"),
        qdq_conv(behind="y0 = DequantizeLinear(q, ys, xz) \n y1 = Sqrt(c)"),
        "outside a unit",
    ),
    "qdq gemm": (gemm(), gemm(quantized_output=False), "a Q behind"),
    "qdq gemm channels": (gemm(), gemm(per_channel=True), "one scale for a Gemm"),
    "qdq softmax": (
        qdq("Softmax", out=1 / 256, zero=0),
        qdq("Softmax", out=1 / 255, zero=0),
        "scale 1/256",
    ),
    "qdq mul": (
        qdq("Mul", inputs=2, out=0.05),
        qdq("Mul", inputs=2, out=0.005),
        "above the product",
    ),
    "qdq pool": (
        qdq("AveragePool<kernel_shape=[2, 2]>"),
        qdq("AveragePool<kernel_shape=[2, 2]>", out=0.2),
        "the same scale on both sides",
    ),
    "sandwich": (
        small(
            "q = QuantizeLinear(x, s, z) \n d = DequantizeLinear(q, s, z) \n a = LeakyRelu(d) \n b = Sqrt(a) "
            "\n p = QuantizeLinear(b, s, z) \n y = DequantizeLinear(p, s, z)",
            s=F(0.1),
            z=np.uint8(0),
        ),
        qdq("LeakyRelu"),
        "no unit DQ -> op -> Q",
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_both_sides(name: str) -> None:
    taken, refused, words = PAIRS[name]
    good, bad = check_nnapi(GraphView.of(taken)), check_nnapi(GraphView.of(refused))
    assert good.covered, [str(refusal) for refusal in good.refusals]
    assert not bad.covered
    assert words in str(bad.refusals[0])
    assert all(refusal.hint and refusal.value for refusal in bad.refusals)


@pytest.mark.parametrize("name", PAIRS)
def test_the_wheels_checker_is_never_stricter(name: str) -> None:
    """What we cover, ONNX Runtime's own usability checker takes as well; it knows names and shapes only."""
    covered = 0
    for built in PAIRS[name][:2]:
        ours = check_nnapi(GraphView.of(built))
        copy = onnx.ModelProto()
        copy.CopyFrom(built)
        # It asks for value_info even where a graph has none to give.
        copy.graph.value_info.add().CopyFrom(copy.graph.input[0])
        theirs = usability_checker.check_nnapi_partitions(copy, require_fixed_input_sizes=True)
        covered += ours.covered
        if ours.covered:
            assert (theirs.num_supported_nodes, theirs.num_partitions) == (theirs.num_nodes, 1)
    assert covered, "at least one of the pair is covered, or nothing was compared"


def test_the_wheels_checker_takes_what_the_provider_refuses() -> None:
    """Why a check of our own: 100 % for a 1-D convolution and for [1,3,8] x [8,5]."""
    for name in ("conv 1-D", "matmul"):
        refused = PAIRS[name][1]
        refused.graph.value_info.add().CopyFrom(refused.graph.input[0])
        theirs = usability_checker.check_nnapi_partitions(refused, require_fixed_input_sizes=True)
        assert theirs.num_supported_nodes == theirs.num_nodes


@pytest.mark.parametrize(
    ("built", "level", "taken"),
    [
        (small("y = Elu(x)"), 30, True),
        (small("y = Elu(x)"), 29, False),
        (small("y = Sin(x)"), 29, True),
        (small("y = Sin(x)"), 27, False),
        (conv(dilation=2), 29, True),
        (conv(dilation=2), 27, False),
        (model("y = MatMul(x, w)", {"x": (2, 3, 8), "w": (2, 8, 5)}), 27, False),
        (qdq_conv(), 27, False),
    ],
)
def test_feature_levels(built, level: int, taken: bool) -> None:
    assert check_nnapi(GraphView.of(built), NnapiOptions(level)).covered == taken


def test_an_unknown_feature_level_is_an_error() -> None:
    with pytest.raises(CoverageError, match="feature level"):
        NnapiOptions(28)


def test_inferred_and_nnapi_rules_say_so() -> None:
    def said(name: str) -> str:
        return str(check_nnapi(GraphView.of(PAIRS[name][1])).refusals[0])

    assert "[inferred]" in said("qdq gemm channels")
    assert "[nnapi]" in said("qdq mul")
    assert "[" not in said("operator")


def test_partitions_follow_the_data() -> None:
    """A refused node cuts only where data passes through it; a lone Reshape is handed back."""
    cut = check_nnapi(GraphView.of(small("a = Sqrt(x) \n b = Cos(a) \n c = Abs(b) \n y = Exp(c)")))
    assert cut.partitions == (1, 2)
    beside = check_nnapi(GraphView.of(small("c = Cos(x) \n a = Sqrt(x) \n b = Abs(a) \n y = Add(b, c)")))
    assert beside.partitions == (3,)
    assert not beside.covered
    lone = check_nnapi(GraphView.of(small("y = Reshape(x, s)", s=i64(1, 256))))
    assert lone.dropped == ("Reshape_0",)
    assert not lone.covered


def test_a_quantized_unit_is_never_split() -> None:
    verdict = check_nnapi(GraphView.of(qdq_conv()))
    # Q, three DQs, Conv, Q, DQ; the layout step adds a Transpose with Q and DQ before and behind the convolution.
    assert verdict.partitions == (7 + 2 * 3,)
