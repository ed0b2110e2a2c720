"""What the NNAPI provider asks of single operators that move, cut or repeat elements, and of ReduceMean and Cast.

Source: ONNX Runtime, `core/providers/nnapi/nnapi_builtin/builders/impl` (reshape, pad, slice, split, squeeze, resize,
gather, depthtospace, reduction and cast `_op_builder.cc`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import onnx
from onnx import TensorProto

from android_test.coverage.graph_view import GraphView, attribute
from android_test.coverage.rule_verdict import Limit


def constant_inputs(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    """Everything but input 0 is a constant: shapes, axes, starts, pads."""
    for name in node.input[1:]:
        if name and name not in view.constants:
            return Limit("constant inputs behind the first", name, "Fold it: every shape is fixed.")
    return None


def _constant_and_named(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    """The provider looks an input up by its name as soon as the list is long enough, also where the name is empty."""
    if "" in node.input[1:]:
        hint = "Write the value that it stands for, or cut the list of inputs before it."
        return Limit("no empty name for an input that is left out", f"{list(node.input)}", hint)
    return constant_inputs(view, node, level)


def _no_empty_dimension(view: GraphView, node: onnx.NodeProto) -> Limit | None:
    shape = view.value(node.input[0]).shape or ()
    return Limit("no empty dimension", str(list(shape)), "Give the size.") if 0 in shape else None


def _reshape(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    shape = view.array(node.input[1])
    if shape is not None and attribute(node, "allowzero", 0) and (shape == 0).any():
        return Limit("no empty dimension", str(shape.tolist()), "Give the size.")
    return constant_inputs(view, node, level)


def _slice(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    return _no_empty_dimension(view, node) or _constant_and_named(view, node, level)


def _pad(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    mode = attribute(node, "mode", "constant")
    if mode != "constant":
        return Limit("mode constant", mode, "Build a reflection from Slice and Concat.")
    if found := _no_empty_dimension(view, node) or _constant_and_named(view, node, level):
        return found
    pads = view.array(node.input[1])
    if pads is not None and (pads < 0).any():
        return Limit("pads of zero or more", str(pads.tolist()), "Use Slice to cut.")
    return None


def _split(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    if found := constant_inputs(view, node, level):
        return found
    shape = view.value(node.input[0]).shape
    size = None if not shape else shape[attribute(node, "axis", 0)]
    parts = view.array(node.input[1]) if len(node.input) > 1 and node.input[1] else None
    count = attribute(node, "num_outputs", len(node.output))
    sizes = set() if parts is None else {int(part) for part in parts.reshape(-1)}
    if len(sizes) > 1 or (parts is None and (size is None or count < 1 or size % count or count != len(node.output))):
        value = str(sorted(sizes)) if sizes else f"{size} in {count}"
        return Limit("equal parts", value, "Use one Slice a part.")
    if "" in node.output:
        hint = "Name every part, or use one Slice a part: how the provider names such a part is not known."
        return Limit("a name for every part", str(list(node.output)), hint, "inferred")
    return None


def _depth_to_space(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    mode = attribute(node, "mode", "DCR")
    return Limit("mode DCR", mode, "Permute the channels of the weight before.") if mode != "DCR" else None


RESIZE_OFF: Final = {"exclude_outside": 0, "antialias": 0, "axes": [], "keep_aspect_ratio_policy": "stretch"}
RESIZE_COORDINATES: Final = ("half_pixel", "align_corners", "asymmetric")


def _resize(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    if view.rank(node.input[0]) != 4:
        return Limit("rank 4", str(view.rank(node.input[0])), "Add dimensions of 1.")
    mode = attribute(node, "mode", "nearest")
    where = attribute(node, "coordinate_transformation_mode", "half_pixel")
    how = (where, attribute(node, "nearest_mode", ""))
    if mode == "nearest" and how != ("asymmetric", "floor"):
        return Limit("nearest with asymmetric and floor", str(how), "Say so in the attributes.")
    if mode not in ("nearest", "linear"):
        return Limit("mode linear or nearest", mode, "Write it as a convolution.")
    if where not in RESIZE_COORDINATES:
        return Limit(f"coordinates {' | '.join(RESIZE_COORDINATES)}", where, "Write it as a convolution.")
    if mode == "linear" and where != "asymmetric" and level < 30:
        return Limit(f"feature level 30 for {where}", str(level), "Ask for Android 11, or use asymmetric.")
    odd = {key: got for key, off in RESIZE_OFF.items() if (got := attribute(node, key, off)) != off}
    if odd:
        return Limit("none of the attributes of later versions", str(odd), "Leave them out.")
    return constant_inputs(view, node, level) or _resize_plane(view, node)


def _resize_plane(view: GraphView, node: onnx.NodeProto) -> Limit | None:
    """Only height and width are resized; a shrinking step divides them. The channels are first or last."""
    shape = view.value(node.input[0]).shape or ()
    names = [*node.input, "", "", ""]
    scales = view.array(names[2]) if names[2] else None
    sizes = view.array(names[3]) if names[3] and not names[2] else None
    given = scales if scales is not None else sizes
    if given is None or given.size != 4:
        return Limit("constant scales or sizes, one per axis", str(names[2:4]), "Give scales.")
    kept = [1.0] * 4 if scales is not None else [float(size or 0) for size in shape]
    channel = 1 if float(given[1]) == kept[1] else 3
    if float(given[0]) != kept[0] or float(given[channel]) != kept[channel]:
        return Limit("only height and width resized", str(given.tolist()), "Repeat channels with Concat.")
    if scales is not None:
        for axis in {1, 2, 3} - {channel}:
            step, size = float(given[axis]), shape[axis] or 0
            if step < 1 and (step <= 0 or abs(1 / step - round(1 / step)) > 1e-6 or size % round(1 / step)):
                return Limit("a size that the shrinking step divides", f"{size} x {step}", "Use a pool.")
    return None


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


def _reduce(view: GraphView, node: onnx.NodeProto, level: int) -> Limit | None:
    if found := constant_inputs(view, node, level):
        return found
    if attribute(node, "noop_with_empty_axes", 0):
        hint = "Leave the attribute out: the axes are given."
        return Limit("no noop_with_empty_axes", "1", hint)
    return None


SHAPE_RULES: Final[dict[str, Callable[[GraphView, onnx.NodeProto, int], Limit | None]]] = {
    "ReduceMean": _reduce,
    "Slice": _slice,
    "Squeeze": constant_inputs,
    "Unsqueeze": constant_inputs,
    "Reshape": _reshape,
    "Pad": _pad,
    "Split": _split,
    "DepthToSpace": _depth_to_space,
    "Resize": _resize,
    "Gather": _gather,
    "Cast": _cast,
}
