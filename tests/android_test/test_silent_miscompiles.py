"""What Qualcomm's compiler takes and gets wrong without a word: caught by the numbers, and mended by the rewrite."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from android_test.coverage.graph_view import GraphView
from android_test.coverage.htp.htp_host import unavailable
from android_test.coverage.htp.htp_rules import check_qnn
from android_test.coverage.htp.simulate import Agreement, simulate

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "-")
F = np.float32


def build(body: str, shape, constants) -> onnx.ModelProto:
    parsed = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]> g () => () {{ {body} }}')
    parsed.graph.input.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, shape))
    parsed.graph.output.append(onnx.ValueInfoProto(name="y"))
    parsed.graph.initializer.extend(numpy_helper.from_array(np.asarray(a), name) for name, a in constants.items())
    return onnx.shape_inference.infer_shapes(parsed, strict_mode=True, data_prop=True)


def run(model: onnx.ModelProto) -> Agreement:
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    return simulate(model, {"x": np.random.default_rng(0).standard_normal(shape).astype(F)})


def snake(square: str) -> onnx.ModelProto:
    """On small tensors Pow is right as well: what goes wrong is how the compiler cuts it."""
    alpha = np.random.default_rng(1).uniform(0.5, 2, (1, 64, 1, 1)).astype(F)
    body = f"a = Mul(x, alpha) \n s = Sin(a) \n q = {square} \n w = Mul(q, inverse) \n y = Add(x, w)"
    return build(body, (1, 64, 1, 1920), {"alpha": alpha, "inverse": 1 / alpha, "two": F(2)})


def pool(form: str) -> onnx.ModelProto:
    """AdainResBlk1d.pool: depthwise, doubling."""
    weight = np.random.default_rng(2).standard_normal((16, 1, 1, 3)).astype(F)
    if form == "padded":
        attributes = "kernel_shape=[1,3], strides=[1,2], pads=[0,1,0,1], output_padding=[0,1], group=16"
    else:  # a fourth tap of zero gives the same step more
        weight = np.concatenate([weight, np.zeros((16, 1, 1, 1), F)], 3)
        attributes = "kernel_shape=[1,4], strides=[1,2], pads=[0,1,0,1], group=16"
    return build(f"y = ConvTranspose<{attributes}>(x, w)", (1, 16, 1, 64), {"w": weight})


def conv(i: int, x: str, shape: str = "kernel_shape=[1,3], pads=[0,1,0,1]") -> str:
    """A unit on 16 bits: constants w{i}, ws{i}, and z, s, wz of all; its output is cd{i}."""
    return f"""xq{i} = QuantizeLinear({x}, s, z)
        xd{i} = DequantizeLinear(xq{i}, s, z)
        wd{i} = DequantizeLinear<axis=0>(w{i}, ws{i}, wz)
        c{i} = Conv<{shape}>(xd{i}, wd{i})
        cq{i} = QuantizeLinear(c{i}, s, z)
        cd{i} = DequantizeLinear(cq{i}, s, z)"""


def two_convolutions(mask: str) -> onnx.ModelProto:
    """quantized Conv -> norm -> Snake -> quantized Conv, masked before or behind Snake."""
    draw = np.random.default_rng(3)
    constants = {"z": np.uint16(32768), "s": F(1.5e-4), "wz": np.zeros(16, np.int8), "alpha": np.ones((1, 16, 1, 1), F)}
    constants |= {"mask": (np.arange(256) < 200).astype(F).reshape(1, 1, 1, -1), "eps": F(1e-5), "axes": np.array([3])}
    for i in (1, 2):
        constants |= {f"w{i}": draw.integers(-127, 127, (16, 16, 1, 3)).astype(np.int8)}
        constants |= {f"ws{i}": np.full(16, 0.002, F)}

    norm = """m = ReduceMean(cd1, axes)
        d = Sub(cd1, m)
        dd = Mul(d, d)
        v = ReduceMean(dd, axes)
        ve = Add(v, eps)
        sd = Sqrt(ve)
        n = Div(d, sd)"""
    before = "k = Mul(n, mask)" if mask == "before" else "k = Identity(n)"
    behind = "h = Mul(g, mask)" if mask == "behind" else "h = Identity(g)"
    snake = "a = Mul(k, alpha) \n i = Sin(a) \n q = Mul(i, i) \n g = Add(k, q)"
    body = "\n".join([conv(1, "x"), norm, before, snake, behind, conv(2, "h"), "y = Identity(cd2)"])
    return build(body, (1, 16, 1, 256), constants)


def masked_sum(mask: str) -> onnx.ModelProto:
    """quantized Conv -> masked norm -> LeakyRelu -> quantized Conv, the norm's shift or its whole sum masked."""
    draw = np.random.default_rng(4)
    constants = {"z": np.uint16(32768), "s": F(1.5e-4), "wz": np.zeros(48, np.int8), "eps": F(1e-5)}
    constants |= {"mask": np.ones((1, 1, 1, 16), F), "axes": np.array([3])}
    constants |= {"gain": draw.uniform(0.5, 2, (1, 48, 1, 1)).astype(F)}
    constants |= {"shift": draw.standard_normal((1, 48, 1, 1)).astype(F)}
    for i in (1, 2):
        constants |= {f"w{i}": draw.integers(-127, 127, (48, 48, 1, 3)).astype(np.int8)}
        constants |= {f"ws{i}": np.full(48, 0.001, F)}

    norm = """m = ReduceMean(cd1, axes)
        d0 = Sub(cd1, m) \n d = Mul(d0, mask) \n dd = Mul(d, d)
        v = ReduceMean(dd, axes) \n ve = Add(v, eps) \n sd = Sqrt(ve)
        g = Div(gain, sd) \n n = Mul(d, g)"""
    shift = "sm = Mul(shift, mask) \n k = Add(n, sm)" if mask == "shift" else "sm = Add(n, shift) \n k = Mul(sm, mask)"
    body = "\n".join([conv(1, "x"), norm, shift, "h = LeakyRelu<alpha=0.2>(k)", conv(2, "h"), "y = Identity(cd2)"])
    body = body.replace("mask)", "real)").replace("x, s, z)", "x, s, z) \n real = Identity(mask)", 1)
    return build(body, (1, 48, 1, 16), constants)


def multiplied_sum(form: str) -> onnx.ModelProto:
    """(quantized Conv + x) * factors -> quantized Conv, or each summand multiplied. It is right on larger tensors."""
    draw = np.random.default_rng(6)
    constants = {"z": np.uint16(32768), "s": F(1.5e-4), "wz": np.zeros(48, np.int8)}
    constants |= {"factors": draw.uniform(0.5, 1, (1, 48, 1, 1)).astype(F)}
    for i in (1, 2):
        constants |= {f"w{i}": draw.integers(-127, 127, (48, 48, 1, 1)).astype(np.int8)}
        constants |= {f"ws{i}": np.full(48, 0.001, F)}

    behind = {
        "sum": "t = Add(cd1, x) \n h = Mul(t, factors)",
        "leaky": "t = Add(cd1, x) \n u = Mul(t, factors) \n h = LeakyRelu<alpha=0.1>(u)",
        "summands": "a = Mul(cd1, factors) \n b = Mul(x, factors) \n h = Add(a, b)",
    }
    body = "\n".join(
        [conv(1, "x", "kernel_shape=[1,1]"), behind[form], conv(2, "h", "kernel_shape=[1,1]"), "y = Identity(cd2)"]
    )
    return build(body, (1, 48, 1, 16), constants)


def tiny_channel(least: float) -> onnx.ModelProto:
    """A u16 convolution, one channel's weights in steps of `least`, the others' of 0.01."""
    weight = np.random.default_rng(5).integers(-127, 127, (32, 16, 1, 3)).astype(np.int8)
    steps = np.full(32, 0.01, F)
    steps[3] = least
    body = """xq = QuantizeLinear(x, s, z)
        xd = DequantizeLinear(xq, s, z)
        wd = DequantizeLinear<axis=0>(w, ws, wz)
        c = Conv<kernel_shape=[1,3], pads=[0,1,0,1]>(xd, wd)
        cq = QuantizeLinear(c, so, z)
        y = DequantizeLinear(cq, so, z)"""
    constants = {"s": F(1.2e-4), "so": F(9.6e-4), "z": np.uint16(32768), "w": weight}
    return build(body, (1, 16, 1, 64), {**constants, "ws": steps, "wz": np.zeros(32, np.int8)})


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (snake("Pow(s, two)"), snake("Mul(s, s)")),
        (pool("padded"), pool("zero tap")),
        (two_convolutions("behind"), two_convolutions("before")),
        (masked_sum("shift"), masked_sum("sum")),
        (tiny_channel(1e-8), tiny_channel(1e-5)),
        (multiplied_sum("sum"), multiplied_sum("summands")),
        (multiplied_sum("leaky"), multiplied_sum("summands")),
    ],
    ids=[
        "pow in snake",
        "depthwise output padding",
        "mask after snake",
        "mask on a shift",
        "a channel of tiny steps",
        "factors of a sum",
        "factors of a sum before LeakyRelu",
    ],
)
def test_found_by_rule_and_by_number(wrong: onnx.ModelProto, right: onnx.ModelProto) -> None:
    assert not check_qnn(GraphView.of(wrong)).covered
    assert check_qnn(GraphView.of(right)).covered
    bad, good = run(wrong), run(right)
    assert bad.compilation.covered  # the compiler takes it and says nothing
    assert not bad.agrees, bad.decibels
    assert good.agrees, (good.decibels, good.compilation.reason)
