"""Crops a graph to fewer frames: weights, scales and order of nodes stay, only sizes on the time axis change.

The simulation of an NPU is slow (seconds of audio would take many minutes), so it gets well under a second. The crop is
made from the shipped file, so it cannot differ from it in anything but length.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export_onnx import contracts, geometry
from export_onnx.errors import CoverageError

CROP_FRAMES = 16  # 0.4 s; sizes stay multiples of 8
CHANNELS = 1  # the axis of channels, which the crop does not change


def crop_model(model: onnx.ModelProto, stage: str, frames: int, to: int = CROP_FRAMES) -> onnx.ModelProto:
    """Crops `model` of `stage` from `frames` to `to` frames. `model` must hold its weights; it is not changed.

    Raises:
        CoverageError: the graph has sizes that the crop cannot convert.
    """
    crop = onnx.ModelProto()
    crop.CopyFrom(model)
    graph = crop.graph
    ports = {port.name: port for port in contracts.stage(stage).inputs}
    for info in graph.input:
        for size, dim in zip(ports[info.name].shape, info.type.tensor_type.shape.dim, strict=True):
            if size in ("frames", "f0", "columns", "samples"):
                dim.dim_value = _scaled(dim.dim_value, frames, to)
    shapes = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for name in shapes:
        sizes = [int(size) for size in numpy_helper.to_array(constants[name]).reshape(-1)]
        array = np.array(_scaled_shape(sizes, frames, to), np.int64)
        constants[name].CopyFrom(numpy_helper.from_array(array, name))
    for node in graph.node:
        if node.op_type == "Slice" and CHANNELS not in numpy_helper.to_array(constants[node.input[3]]):
            for i in (1, 2):  # copies, because a slice of channels may share the constants
                ends = _scaled_all([int(n) for n in numpy_helper.to_array(constants[node.input[i]])], frames, to)
                node.input[i] = f"{node.name}:{i}"
                graph.initializer.append(numpy_helper.from_array(np.array(ends, np.int64), node.input[i]))
    read = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    graph.name = f"{stage}_crop"  # with that, the crops of all buckets are the same bytes
    del graph.value_info[:]
    for info in graph.output:
        info.type.tensor_type.ClearField("shape")
    try:
        known = onnx.shape_inference.infer_shapes(_with_casts(crop), strict_mode=True, data_prop=True)
    except onnx.shape_inference.InferenceError as error:
        raise _misfit(stage, str(error)) from error
    if any(not info.type.tensor_type.HasField("shape") for info in known.graph.output):
        raise _misfit(stage, "an output without a shape")
    graph.value_info.extend(known.graph.value_info)
    del graph.output[:]
    graph.output.extend(known.graph.output)
    return crop


def crop_values(values: dict[str, NDArray[np.generic]], stage: str, start: int) -> dict[str, NDArray[np.generic]]:
    """`CROP_FRAMES` real frames of the inputs of `stage`, from frame `start` on."""
    steps = {"frames": 1, "f0": geometry.F0_PER_FRAME, "columns": geometry.STAGE1_PER_FRAME}
    cut = {}
    for port in contracts.stage(stage).inputs:
        array = values[port.name]
        for axis, size in enumerate(port.shape):
            if size not in steps:
                continue
            first, count = start * steps[size], CROP_FRAMES * steps[size]
            extra = 1 if size == "columns" else 0
            array = np.take(array, range(first, first + count + extra), axis)
            if size == "columns":
                room = [(0, 0)] * array.ndim
                room[axis] = (0, geometry.COLUMNS_EXTRA - extra)
                array = np.pad(array, room)
        cut[port.name] = array
    return cut


def _with_casts(model: onnx.ModelProto) -> onnx.ModelProto:
    """Replaces Q and DQ by Cast of the same types and shapes; onnx cannot infer ONNX Runtime's own 16-bit Q."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    for node in copy.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            quantize = node.op_type == "QuantizeLinear"
            to = types.get(node.input[2] if len(node.input) > 2 else "", TensorProto.UINT8)
            del node.input[1:]
            del node.attribute[:]
            node.op_type, node.domain = "Cast", ""
            node.attribute.append(helper.make_attribute("to", to if quantize else TensorProto.FLOAT))
    return copy


def _scaled_shape(sizes: list[int], frames: int, to: int) -> list[int]:
    """The target shape of a Reshape. A time axis may be folded into the last two of four, by its rows or columns."""
    if len(sizes) != 4 or min(sizes[2:]) <= 1:
        return _scaled_all(sizes, frames, to)
    rows, columns = sizes[2:]
    length = _scaled(rows * columns, frames, to)
    if length % rows == 0:
        return [*sizes[:2], rows, length // rows]
    return _scaled_all(sizes, frames, to)


def _scaled_all(sizes: list[int], frames: int, to: int) -> list[int]:
    return [_scaled(size, frames, to) for size in sizes]


def _scaled(size: int, frames: int, to: int) -> int:
    """One size at `to` frames: a multiple of the frames, or a spectral length with at most one more frame."""
    extra = size - frames * geometry.STAGE1_PER_FRAME
    if 0 < extra <= geometry.STAGE1_PER_FRAME:
        return to * geometry.STAGE1_PER_FRAME + extra
    return size // frames * to if size > 0 and size % frames == 0 else size


def _misfit(stage: str, got: str) -> CoverageError:
    return CoverageError(
        f"crop of {stage}",
        expected="sizes that follow from the number of frames",
        got=got[:300],
        todo="See _scaled in android_test/coverage/htp/time_crop.py.",
    )
