"""Graphs that look like what the provider takes and are not: each a defect that was once overlooked, planted again.

A name stands for the class of graphs that the comparison with ONNX Runtime's own provider found.
"""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from android_test.coverage.graph_view import GraphView
from android_test.coverage.nnapi.nnapi_rules import NnapiOptions, check_nnapi
from tests.android_test.test_nnapi_rules import X4, F, conv, declare, i64, model, qdq_conv, small

U8 = {"s": F(0.1), "z": np.uint8(128)}
ALL_ONE = np.ones((4, 4, 3, 3), F)


def replaceable(built: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """The initializer `name` becomes a graph input as well."""
    tensor = next(one for one in built.graph.initializer if one.name == name)
    built.graph.input.append(helper.make_tensor_value_info(name, tensor.data_type, tensor.dims))
    return built


def unnamed(built: onnx.ModelProto) -> onnx.ModelProto:
    """The last node gets one more input, with an empty name."""
    built.graph.node[-1].input.append("")
    return built


def between_q_and_dq(body: str, **constants) -> onnx.ModelProto:
    """x -> Q -> DQ -> `body` (from d to o) -> Q -> DQ."""
    lines = ["q = QuantizeLinear(x, s, z)", "d = DequantizeLinear(q, s, z)", body]
    lines += ["p = QuantizeLinear(o, s, z)", "y = DequantizeLinear(p, s, z)"]
    return small("\n".join(lines), **U8, **constants)


def ends_in_uint8() -> onnx.ModelProto:
    built = qdq_conv(behind="")
    built.graph.output.append(helper.make_tensor_value_info("q", TensorProto.UINT8, (1, 4, 6, 6)))
    return built


def one_weight_two_scales() -> onnx.ModelProto:
    side = """w{0} = DequantizeLinear(w, ws{0}, wz)
        c{0} = Conv<kernel_shape=[3, 3]>(d{0}, w{0})
        p{0} = QuantizeLinear(c{0}, s, z)
        y{0} = DequantizeLinear(p{0}, s, z)"""
    doors = "q = QuantizeLinear(x, s, z) \n d0 = DequantizeLinear(q, s, z) \n d1 = DequantizeLinear(q, s, z)"
    constants = {"w": np.ones((4, 4, 3, 3), np.int8), "wz": np.int8(0), "ws0": F(0.01), "ws1": F(0.03)}
    return small("\n".join([doors, side.format(0), side.format(1)]), **U8, **constants)


def quantized_concat() -> onnx.ModelProto:
    return between_q_and_dq(
        "c = DequantizeLinear(k, s, z) \n o = Concat<axis=1>(c, d)", k=np.ones((1, 4, 8, 8), np.uint8)
    )


def shifted_bias() -> onnx.ModelProto:
    built = qdq_conv()
    next(one for one in built.graph.initializer if one.name == "bz").CopyFrom(
        onnx.numpy_helper.from_array(np.ones(4, np.int32), "bz")
    )
    return built


def quantized_gemm() -> onnx.ModelProto:
    body = """q = QuantizeLinear(x, s, z)
        d = DequantizeLinear(q, s, z)
        v = DequantizeLinear(w, s, wz)
        o = Gemm<transB=1>(d, v)
        p = QuantizeLinear(o, s, z)
        y = DequantizeLinear(p, s, z)"""
    return small(body, (2, 5), **U8, w=np.ones((3, 5), np.int8), wz=np.int8(0))


PADS = i64(0, 0, 0, 1, 0, 0, 0, 1)
RESIZED = {"s": np.array([1, 1, 1, 2], F)}
HALF = "<coordinate_transformation_mode='pytorch_half_pixel', mode='linear'>"

# class: the graph, and words of what is said of it
DEFECTS = {
    "K1 a weight that is a graph input too": (replaceable(conv(), "w"), "a constant weight"),
    "K1 a scale that is a graph input too": (replaceable(qdq_conv(), "xs"), "a constant scale"),
    "K2 constants only": (small("y = Relu(k)", k=ALL_ONE), "something that is not constant"),
    "K3 Transpose before": (
        between_q_and_dq("t = Transpose<perm=[0, 2, 3, 1]>(d) \n o = Relu(t)"),
        "no unit DQ -> op -> Q",
    ),
    "K3 Transpose behind": (
        between_q_and_dq("t = Tanh(d) \n o = Transpose<perm=[0, 2, 3, 1]>(t)"),
        "no unit DQ -> op -> Q",
    ),
    "K3 Reshape behind a convolution": (
        small(
            """c = Conv<kernel_shape=[1, 1]>(x, w)
            q = QuantizeLinear(c, s, z)
            d = DequantizeLinear(q, s, z)
            r = Reshape(d, form)
            o = Sigmoid(r)
            p = QuantizeLinear(o, s, z)
            y = DequantizeLinear(p, s, z)""",
            (1, 1, 8, 1),
            **U8,
            w=np.ones((1, 1, 1, 1), F),
            form=i64(1, 1, 8, 1),
        ),
        "no unit DQ -> op -> Q",
    ),
    "K5 a uint8 output behind a convolution": (ends_in_uint8(), "a lone Q of the same partition"),
    "K6 one weight with two scales": (one_weight_two_scales(), "one scale for one constant"),
    "K7 a quantized constant in a Concat": (quantized_concat(), "a quantized Concat"),
    "K8 a bias with a zero point": (shifted_bias(), "outside a unit"),
    "K9 Transposes that cancel": (
        small("t = Transpose<perm=[0, 2, 3, 1]>(x) \n y = Transpose<perm=[0, 3, 1, 2]>(t)"),
        "",
    ),
    "K10 int8 weights and transB": (quantized_gemm(), "transB 0 with int8 weights"),
    "K11 a bias of one number": (
        small("y = Gemm(x, w, b)", (3, 8), w=np.ones((8, 5), F), b=np.ones(1, F)),
        "one number per column",
    ),
    "K11 a bias without a name": (
        unnamed(small("y = Gemm(x, w)", (3, 8), w=np.ones((8, 5), F))),
        "an empty third input",
    ),
    "K12 an integer exponent": (small("y = Pow(x, e)", e=np.int32(2)), "float32 in both inputs of Pow"),
    "K13 an empty name in Pad": (unnamed(small("a = Abs(x) \n y = Pad(a, p)", p=PADS)), "no empty name"),
    "K13 axes in Pad": (
        declare(
            model("y = Pad(x, p, v, a)", X4, constants={"p": i64(1, 1), "v": F(0), "a": i64(3)}, opset=18),
            (1, 4, 8, 10),
        ),
        "no axes in Pad",
    ),
    "K14 Split of version 18": (
        model("y0, y1 = Split<axis=1>(x, p)", X4, constants={"p": i64(2, 2)}, opset=18),
        "a version below 18",
    ),
    "K15 Resize with other coordinates": (small(f"y = Resize{HALF}(x, , s)", **RESIZED), "coordinates half_pixel"),
    "K16 MaxPool by columns": (
        small("y = MaxPool<kernel_shape=[2, 2], storage_order=1>(x)"),
        "no ceil_mode, count_include_pad, storage_order",
    ),
    "K16 MaxPool with indices": (small("y0, y1 = MaxPool<kernel_shape=[2, 2]>(x)"), "one output of a pool"),
    "K17 ReduceMean that may do nothing": (
        model("y = ReduceMean<noop_with_empty_axes=1>(x, a)", X4, constants={"a": i64(3)}, opset=18),
        "no noop_with_empty_axes",
    ),
    "K18 LRN of rank 3": (small("y = LRN<size=3>(x)", (1, 4, 8)), "rank 4 to 4 in LRN"),
    "K19 an empty name in Slice": (
        small("y = Slice(x, b, e, , t)", b=i64(0, 0, 0, 0), e=i64(1, 4, 8, 4), t=i64(1, 1, 1, 1)),
        "no empty name",
    ),
    "K20 half precision before Q": (
        model(
            "q = QuantizeLinear(x, s, z) \n y = DequantizeLinear(q, t, z)",
            X4,
            constants={"s": np.float16(0.1), "t": F(0.1), "z": np.uint8(0)},
            opset=19,
            types={"x": TensorProto.FLOAT16},
        ),
        "float32 beside Q and DQ",
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_refused(name: str) -> None:
    built, words = DEFECTS[name]
    verdict = check_nnapi(GraphView.of(built))
    assert not verdict.covered
    assert not words or any(words in str(refusal) for refusal in verdict.refusals), verdict.refusals
    assert verdict.refusals or verdict.dropped


def test_a_convolution_needs_level_28() -> None:
    """K4: the provider's own level for it, and that of the Transposes which the layout step puts around it."""
    verdict = check_nnapi(GraphView.of(conv()), NnapiOptions(27))
    assert "feature level 28 for Conv" in str(verdict.refusals[0])


@pytest.mark.parametrize("name", ["K6", "K7", "K10", "K13 axes", "K14", "K20"])
def test_what_fails_in_the_session_says_so(name: str) -> None:
    built = next(graph for key, (graph, _) in DEFECTS.items() if key.startswith(name))
    refusals = check_nnapi(GraphView.of(built)).refusals
    assert "session" in {refusal.basis for refusal in refusals}
    assert any("The session fails" in one.hint or "The process dies" in one.hint for one in refusals)


def test_a_sandwich_behind_the_layout_step_says_that_a_transpose_is_no_second_operator() -> None:
    built, _ = DEFECTS["K3 Transpose before"]
    (refusal,) = check_nnapi(GraphView.of(built)).refusals
    assert "behind the layout step" in refusal.value
    assert "A Transpose is no second operator" in refusal.hint


def test_two_float_operators_and_a_transpose_are_taken() -> None:
    body = "a = Tanh(d) \n t = Transpose<perm=[0, 2, 3, 1]>(a) \n o = Relu(t)"
    assert check_nnapi(GraphView.of(between_q_and_dq(body))).covered


def test_a_part_of_split_without_a_name_is_refused() -> None:
    built = small("y0, y1 = Split<axis=1>(x, p)", p=i64(2, 2))
    built.graph.node[0].output[1] = ""
    del built.graph.output[1]
    (refusal,) = check_nnapi(GraphView.of(built)).refusals
    assert refusal.rule == "a name for every part"
