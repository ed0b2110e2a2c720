"""What the NNAPI provider asks of single float operators that compute. Rules for all are in `node_rules.py`.

Source: ONNX Runtime, `core/providers/nnapi/nnapi_builtin/builders/impl` (conv, gemm, clip, minmax, binary, pool and
batchnorm `_op_builder.cc`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import onnx
from onnx import TensorProto

from android_test.coverage.graph_view import GraphView, attribute
from android_test.coverage.nnapi.shape_ops import constant_inputs
from android_test.coverage.rule_verdict import Limit


def _conv(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    if node.input[1] not in view.constants:
        return Limit("a constant weight", node.input[1], "Fold the weight, or write a MatMul.")
    rank = view.rank(node.input[1])
    if rank != 4:
        hint = "Write it as a 2-D convolution with height 1."
        return Limit("a weight of rank 4 (2-D convolution)", f"rank {rank}", hint)
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
    names = (node.input[0], node.input[1], node.input[2] if len(node.input) > 2 else None)
    return gemm_form(view, node, *names, level)


def gemm_form(view: GraphView, node: onnx.NodeProto, a: str, b: str, bias: str | None, level: int) -> Limit | None:
    """A*B + c in 2-D with transA 0, alpha and beta 1; a constant B unless transB; c one number per column.

    `bias` is None where the node has no third input, and "" where it has an empty one.
    """
    ranks = [view.rank(a), view.rank(b)]
    if ranks != [2, 2]:
        return Limit("2-D inputs", f"ranks {ranks}", "Reshape first.")
    wanted = {"transA": 0, "alpha": 1.0, "beta": 1.0}
    if odd := {key: got for key, one in wanted.items() if (got := attribute(node, key, one)) != one}:
        return Limit("transA 0 and alpha = beta = 1", str(odd), "Fold the factor into the weights.")
    if not attribute(node, "transB", 0) and b not in view.constants:
        return Limit("a constant B unless transB is 1", b, "Transpose B, or make it constant.")
    if bias == "":
        return Limit("no empty name for a bias that is left out", "an empty third input", "Cut the list of inputs.")
    if bias is not None:
        columns = (view.value(b).shape or (None, None))[0 if attribute(node, "transB", 0) else 1]
        shape = view.value(bias).shape
        if shape is None or not shape or shape[-1] != columns or any(size != 1 for size in shape[:-1]):
            hint = "Give the bias one number per column."
            return Limit("a bias of one dimension, one number per column", f"shape {shape}", hint)
        if len(shape) > 1 and level < 28:
            return Limit("feature level 28 for a bias of more dimensions", str(level), "Squeeze the bias.")
    return None


def _float_exponent(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    dtype = view.value(node.input[1]).dtype
    if dtype in (TensorProto.FLOAT, TensorProto.UNDEFINED):
        return None
    return Limit("float32 in both inputs of Pow", TensorProto.DataType.Name(dtype), "Write the exponent as a float.")


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


def _pool(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    rank = view.rank(node.input[0])
    if rank != 4:
        return Limit("rank 4 (2-D pool)", f"rank {rank}", "Add a height of 1.")
    odd = [key for key in ("ceil_mode", "count_include_pad", "storage_order") if attribute(node, key, 0)]
    odd += ["dilations"] if any(step != 1 for step in attribute(node, "dilations", [1])) else []
    if odd:
        return Limit("no ceil_mode, count_include_pad, storage_order or dilation", str(odd), "Pad by hand.")
    if len(node.output) != 1:
        return Limit("one output of a pool", str(len(node.output)), "The indices of MaxPool are not supported.")
    return None


def _batch_normalization(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    if len(node.output) != 1:
        return Limit("one output", str(len(node.output)), "Export in inference mode.")
    return constant_inputs(view, node, level)


RULES: Final[dict[str, Callable[[GraphView, onnx.NodeProto, int], Limit | None]]] = {
    "Conv": _conv,
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Pow": _float_exponent,
    "Clip": _clip,
    "Max": _two_inputs,
    "Min": _two_inputs,
    **dict.fromkeys(("AveragePool", "MaxPool", "GlobalAveragePool", "GlobalMaxPool"), _pool),
    "BatchNormalization": _batch_normalization,
}
