"""Small graphs for the rules of the NNAPI provider."""

from __future__ import annotations

import re

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

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
