"""Every NNAPI rule from both sides: a model of a few operators that is taken, and one that is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.tools.mobile_helpers import usability_checker

from android_test.coverage.graph_view import GraphView
from android_test.coverage.nnapi.nnapi_rules import NnapiOptions, check_nnapi
from export_onnx.errors import CoverageError

F = np.float32
X4 = {"x": (1, 4, 8, 8)}


def model(body: str, inputs: dict[str, tuple], *, constants: dict | None = None, opset: int = 17, types=None):
    """A model of the text `body` (ONNX's own syntax), with inferred shapes. Its outputs are y, y0, y1, …"""
    types = types or {}
    names = sorted(set(re.findall(r"\by\d?\b", body)))
    text = f"<ir_version: 8, opset_import: ['' : {opset}]> g () => () {{ {body} }}".replace("'", '"')
    parsed = onnx.parser.parse_model(text)
    graph = parsed.graph
    for name, shape in inputs.items():
        dtype = types.get(name, TensorProto.FLOAT)
        graph.input.append(helper.make_tensor_value_info(name, dtype, shape))
    for name, array in (constants or {}).items():
        graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    for index, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{index}"
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    return onnx.shape_inference.infer_shapes(parsed, strict_mode=True, data_prop=True)


def qdq_conv(
    *,
    activation=np.uint8,
    weight=np.int8,
    zero=0,
    bias="int32",
    axis=0,
    rank=4,
    per_channel=True,
    behind="y = DequantizeLinear(q, ys, xz)",
    scale_of_bias=1.0,
    attributes="",
):
    """One quantized convolution 4 -> 4 with its Q and DQs; the arguments break it in one place."""
    kernel = (3,) * (rank - 2)
    scales = np.full(4 if per_channel else 1, 0.02, F)
    constants = {
        "xs": F(0.1),
        "ys": F(0.2),
        "xz": activation(0 if activation is np.int8 else 128),
        "w": np.ones((4, 4, *kernel), weight),
        "ws": scales if per_channel else F(0.02),
        "wz": np.full(scales.shape, zero, weight) if per_channel else weight(zero),
    }
    dq_bias = ""
    if bias == "int32":
        constants |= {
            "bq": np.ones(4, np.int32),
            "bs": np.full(4, 0.002 * scale_of_bias, F),
            "bz": np.zeros(4, np.int32),
        }
        dq_bias = "b = DequantizeLinear<axis=0>(bq, bs, bz)"
    elif bias == "float":
        constants["b"] = np.ones(4, F)
    conv = f"c = Conv<kernel_shape={list(kernel)}{attributes}>(xd, wd{', b' if bias else ''})"
    along = f"<axis={axis}>" if per_channel else ""
    body = f"""xq = QuantizeLinear(x, xs, xz)
        xd = DequantizeLinear(xq, xs, xz)
        wd = DequantizeLinear{along}(w, ws, wz)
        {dq_bias}
        {conv}
        q = QuantizeLinear(c, ys, xz)
        {behind}"""
    return model(body, {"x": (1, 4, *(8,) * (rank - 2))}, constants=constants)


def qdq(op: str, *, scales=(0.1, 0.1), out=0.1, zero=128, inputs=1, shape=(1, 4, 8, 8), extra="", constants=None):
    """`inputs` quantized inputs -> op -> Q -> DQ."""
    doors = [f"d{i} = DequantizeLinear(q{i}, s{i}, z)" for i in range(inputs)]
    quantize = [f"q{i} = QuantizeLinear(x{i}, s{i}, z)" for i in range(inputs)]
    args = ", ".join(f"d{i}" for i in range(inputs))
    lines = [*quantize, *doors, f"o = {op}({args})", "q = QuantizeLinear(o, so, zo)"]
    lines.append("y = DequantizeLinear(q, so, zo)")
    known = {f"s{i}": F(scales[i]) for i in range(inputs)} | {"z": np.uint8(128)}
    known |= {"so": F(out), "zo": np.uint8(zero)}
    return model("\n".join(lines), {f"x{i}": X4["x"] for i in range(inputs)}, constants=known)


def gemm(*, quantized_output=True, per_channel=False):
    n = 3 if per_channel else 1
    constants = {"s": F(0.1), "z": np.uint8(128), "w": np.ones((5, 3), np.int8), "wz": np.zeros(n, np.int8)}
    constants["ws"] = np.full(n, 0.01, F)
    if not per_channel:
        constants |= {"wz": np.int8(0), "ws": F(0.01)}
    tail = ["o = Gemm(xd, wd)", "q = QuantizeLinear(o, s, z)", "y = DequantizeLinear(q, s, z)"]
    body = [
        "xq = QuantizeLinear(x, s, z)",
        "xd = DequantizeLinear(xq, s, z)",
        "wd = DequantizeLinear(w, ws, wz)",
    ]
    body += tail if quantized_output else ["o = Gemm(xd, wd)", "y = Relu(o)"]
    return model("\n".join(body), {"x": (2, 5)}, constants=constants)


def conv(rank=4, *, group=1, dilation=1, weight_constant=True):
    kernel = (3,) * (rank - 2)
    shape = (4, 4 // group, *kernel)
    pads = [dilation] * 2 * len(kernel)
    attributes = f"kernel_shape={list(kernel)}, group={group}, dilations={[dilation] * len(kernel)}, pads={pads}"
    inputs = {"x": (1, 4, *(8,) * (rank - 2))} | ({} if weight_constant else {"w": shape})
    constants = {"w": np.ones(shape, F)} if weight_constant else {}
    return model(f"y = Conv<{attributes}>(x, w)", inputs, constants=constants)


def undeclared(name: str):
    """A legal graph with the value_info of one value taken away."""
    built = model("a = Sqrt(x) \n b = Abs(a) \n y = Exp(b)", X4)
    kept = [info for info in built.graph.value_info if info.name != name]
    del built.graph.value_info[:]
    built.graph.value_info.extend(kept)
    return built


def small(body: str, shape=(1, 4, 8, 8), **constants):
    return model(body, {"x": shape}, constants=constants)


def declare(built, shape):
    """Say the shape of y, which inference cannot know."""
    del built.graph.output[:]
    built.graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, shape))
    return built


def dynamic():
    built = small("y = Sqrt(x)")
    for info in (*built.graph.input, *built.graph.output):
        info.type.tensor_type.shape.dim[3].dim_param = "columns"
    return built


def i64(*values):
    return np.array(values, np.int64)


W = np.ones((8, 5), F)

# name: (taken, refused, words of the rule)
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
    assert verdict.partitions == (7,)  # Q, three DQs, Conv, Q, DQ


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
