"""What the NNAPI provider asks of single float operators. Rules for all are in `nnapi_rules.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import onnx
from onnx import TensorProto

from android_test.coverage.graph_view import GraphView, attribute
from android_test.coverage.verdict import Limit


def _conv(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    if node.input[1] not in view.constants:
        return Limit("a constant weight", node.input[1], "Fold the weight, or write a MatMul.")
    rank = view.rank(node.input[1])
    if rank != 4:
        hint = "Write it as a 2-D convolution with height 1."
        return Limit("a weight of rank 4 (2-D convolution)", f"rank {rank}", hint)
    if len(node.input) > 2 and node.input[2] and node.input[2] not in view.constants:
        return Limit("a constant bias", node.input[2], "Add a dynamic bias with Add.")
    return conv_dilation(view, node, node.input[1], level)


def conv_dilation(view: GraphView, node: onnx.NodeProto, weight: str, level: int) -> Limit | None:
    """Dilation needs level 29 and no groups (depthwise is fine); grouped convolution itself needs 29."""
    shape = view.value(weight).shape or (0, 0)
    grouped = attribute(node, "group", 1) != 1 and shape[1] != 1
    dilated = any(step != 1 for step in attribute(node, "dilations", [1, 1]))
    if grouped and dilated:
        return Limit("no dilation on a grouped convolution", str(attribute(node, "dilations", [])), "Split the groups.")
    if (grouped or dilated) and level < 29:
        what = "grouped" if grouped else "dilated"
        return Limit("feature level 29 for this convolution", f"{what} at {level}", "Ask for Android 10.")
    return None


def _matmul(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    a, b = (view.value(name).shape or () for name in node.input[:2])
    if len(a) >= 3 and len(a) == len(b) and a[:-2] == b[:-2]:
        if view.value(node.input[1]).dtype != TensorProto.FLOAT:
            return Limit("float32 in both inputs", node.input[1], "Dequantize it first.")
        if level < 29:
            return Limit("feature level 29 for batches", str(level), "Ask for Android 10.")
        return None
    if len(a) == 2 and len(b) == 2:
        if node.input[1] in view.constants:
            return None
        return Limit("a constant right side in 2-D", node.input[1], "Give both sides a leading dimension of 1.")
    return Limit(
        "2-D x constant 2-D, or equal ranks from 3 up with equal leading dimensions",
        f"{list(a)} x {list(b)}",
        "Reshape to 2-D around it, or use a 1x1 convolution.",
    )


def _gemm(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    return gemm_form(view, node, node.input[0], node.input[1], node.input[2] if len(node.input) > 2 else "")


def gemm_form(view: GraphView, node: onnx.NodeProto, a: str, b: str, bias: str) -> Limit | None:
    """A*B + c in 2-D with transA 0, alpha and beta 1; a constant B unless transB; a bias of one dimension."""
    ranks = [view.rank(a), view.rank(b)]
    if ranks != [2, 2]:
        return Limit("2-D inputs", f"ranks {ranks}", "Reshape first.")
    wanted = {"transA": 0, "alpha": 1.0, "beta": 1.0}
    if odd := {key: got for key, one in wanted.items() if (got := attribute(node, key, one)) != one}:
        return Limit("transA 0 and alpha = beta = 1", str(odd), "Fold the factor into the weights.")
    if not attribute(node, "transB", 0) and b not in view.constants:
        return Limit("a constant B unless transB is 1", b, "Transpose B, or make it constant.")
    if bias and view.rank(bias) != 1:
        return Limit("a bias of one dimension", f"rank {view.rank(bias)}", "Squeeze the bias.")
    return None


def _clip(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    arrays = [view.array(name) for name in node.input[1:3]]
    limits = tuple(None if array is None else float(array) for array in arrays)
    if limits in ((0.0, 6.0), (-1.0, 1.0)):
        return None
    return Limit("limits [0, 6] or [-1, 1], constant", str(limits), "Use Min and Max.")


def _two_inputs(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    if len(node.input) == 2:
        return None
    return Limit("exactly two inputs", str(len(node.input)), "Chain two of them.")


def _constant_inputs(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    """Everything but input 0 is a constant: shapes, axes, starts, pads."""
    for name in node.input[1:]:
        if name and name not in view.constants:
            return Limit("constant inputs behind the first", name, "Fold it: every shape is fixed.")
    return None


def _reshape(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    shape = view.array(node.input[1])
    if shape is not None and attribute(node, "allowzero", 0) and (shape == 0).any():
        return Limit("no empty dimension", str(shape.tolist()), "Give the size.")
    return _constant_inputs(view, node, level)


def _pad(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    mode = attribute(node, "mode", "constant")
    if mode != "constant":
        return Limit("mode constant", mode, "Build a reflection from Slice and Concat.")
    if found := _constant_inputs(view, node, level):
        return found
    pads = view.array(node.input[1])
    if pads is not None and (pads < 0).any():
        return Limit("pads of zero or more", str(pads.tolist()), "Use Slice to cut.")
    return None


def _split(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    if found := _constant_inputs(view, node, level):
        return found
    axis = attribute(node, "axis", 0)
    sizes = {(view.value(name).shape or (None,))[axis] for name in node.output}
    return Limit("equal parts", str(sizes), "Use one Slice a part.") if len(sizes) > 1 else None


def _depth_to_space(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    mode = attribute(node, "mode", "DCR")
    return Limit("mode DCR", mode, "Permute the channels of the weight before.") if mode != "DCR" else None


def _resize(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    if view.rank(node.input[0]) != 4:
        return Limit("rank 4", str(view.rank(node.input[0])), "Add dimensions of 1.")
    mode = attribute(node, "mode", "nearest")
    how = (
        attribute(node, "coordinate_transformation_mode", "half_pixel"),
        attribute(node, "nearest_mode", ""),
    )
    if mode == "nearest" and how != ("asymmetric", "floor"):
        return Limit("nearest with asymmetric and floor", str(how), "Say so in the attributes.")
    if mode not in ("nearest", "linear"):
        return Limit("mode linear or nearest", mode, "Write it as a convolution.")
    return _constant_inputs(view, node, level)


def _gather(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    dtype = view.value(node.input[1]).dtype
    if node.input[1] in view.constants or dtype == TensorProto.INT32:
        return None
    got = TensorProto.DataType.Name(dtype)
    return Limit("indices constant or int32", f"{got} {node.input[1]}", "Make the input int32.")


def _cast(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    to = attribute(node, "to", 0)
    if to in (TensorProto.FLOAT, TensorProto.INT32):
        return None
    return Limit("a cast to float32 or int32", TensorProto.DataType.Name(to), "Keep other types out of the stage.")


def _pool(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    rank = view.rank(node.input[0])
    if rank != 4:
        return Limit("rank 4 (2-D pool)", f"rank {rank}", "Add a height of 1.")
    odd = [key for key in ("ceil_mode", "count_include_pad") if attribute(node, key, 0)]
    odd += ["dilations"] if any(step != 1 for step in attribute(node, "dilations", [1])) else []
    return Limit("no ceil_mode, count_include_pad or dilation", str(odd), "Pad by hand.") if odd else None


def _batch_normalization(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    if len(node.output) != 1:
        return Limit("one output", str(len(node.output)), "Export in inference mode.")
    return _constant_inputs(view, node, level)


RULES: Final[dict[str, Callable[[GraphView, onnx.NodeProto, int], Limit | None]]] = {
    "Conv": _conv,
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Clip": _clip,
    "Max": _two_inputs,
    "Min": _two_inputs,
    "ReduceMean": _constant_inputs,
    "Slice": _constant_inputs,
    "Squeeze": _constant_inputs,
    "Unsqueeze": _constant_inputs,
    "Reshape": _reshape,
    "Pad": _pad,
    "Split": _split,
    "DepthToSpace": _depth_to_space,
    "Resize": _resize,
    "Gather": _gather,
    "Cast": _cast,
    **dict.fromkeys(("AveragePool", "MaxPool", "GlobalAveragePool", "GlobalMaxPool"), _pool),
    "BatchNormalization": _batch_normalization,
}
