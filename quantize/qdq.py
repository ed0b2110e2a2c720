"""Convolutions to DQ -> Conv -> Q units: the one file that calls ONNX Runtime's quantizer.

The quantizer is given everything that it could decide: ranges, the weights' scales, the nodes. Its calibrators are not
used, because they keep every sample of every tensor, and one second of this vocoder is a gigabyte.

The quantizer lets *every* reader of a quantized tensor read the rounded values. `reconnect` undoes this, so that float
nodes keep reading the float values: a norm, for example, divides by small deviations and would amplify the rounding
error. Between a DQ and the next Q there is then either the convolution alone, or two or more float nodes.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray
from onnx import numpy_helper, shape_inference, version_converter
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData
from onnxruntime.quantization.onnx_model import ONNXModel
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from calibrate.ranges import Range
from export_onnx.errors import ContractError
from export_onnx.graph.graph_ir import input_of, new_value, read_graph, write_graph
from export_onnx.graph.simplify import anonymize, constants_to_initializers, sort_initializers

OPSET_OF_16_BITS = 21  # the first with uint16 in QuantizeLinear
# Step of the input times step of a weight over step of the output, with 16-bit activations. If it is below 2^-24 for a
# single channel, Qualcomm's compiler gets the whole convolution wrong (-1 dB) without an error. A dead channel, made
# larger by equalization, has such weights. At 2^-20 the smallest channels lose bits that nobody could hear.
SMALLEST_FACTOR = 2.0**-20
WEIGHT_LIMIT = 127
SMALLEST_STEP = 1e-12  # for a row of zeros


@dataclass(frozen=True)
class Rounded:
    """A weight in integers.

    Attributes:
        steps: the step of each output channel, [O].
        integers: -127 to 127, in the weight's shape, [O, C, 1, k].
    """

    steps: NDArray[np.float32]
    integers: NDArray[np.int16]


@dataclass(frozen=True)
class QdqPlan:
    """Which convolutions become integers, and how.

    Attributes:
        nodes: the convolutions' names.
        ranges: of their inputs and outputs, by value name.
        bits: of activations, 8 or 16.
        weights: weights that are already integers, by initializer; all others are rounded to the nearest integer.
    """

    nodes: tuple[str, ...]
    ranges: Mapping[str, Range]
    bits: int
    weights: Mapping[str, Rounded] = field(default_factory=dict)


def quantize_convolutions(model: onnx.ModelProto, plan: QdqPlan) -> onnx.ModelProto:
    """A copy of `model` whose convolutions `plan.nodes` are DQ -> Conv -> Q units.

    Raises:
        ContractError: a convolution or a range of the plan is not there.
    """
    graph = onnx.ModelProto()
    graph.CopyFrom(model)
    if not plan.nodes:
        return graph
    if plan.bits == 16:
        graph = version_converter.convert_version(graph, OPSET_OF_16_BITS)
    convs = {node.name: node for node in graph.graph.node if node.op_type == "Conv"}
    for name in plan.nodes:
        if name not in convs:
            raise ContractError("plan", expected="convolutions of the graph", got=name, todo="Make the plan again.")
    values = dict.fromkeys(v for name in plan.nodes for v in (convs[name].input[0], convs[name].output[0]))
    missing = [value for value in values if value not in plan.ranges]
    if missing:
        raise ContractError("ranges", expected="one per value", got=f"none for {missing[0]}", todo="Calibrate again.")
    activation = QuantType.QUInt16 if plan.bits == 16 else QuantType.QUInt8
    _set_weights(graph, plan.weights)
    _part_biases(graph, plan.nodes)
    logging.getLogger().setLevel(logging.ERROR)  # it logs to the root logger
    quantizer = QDQQuantizer(
        graph,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=activation,
        tensors_range=_tensors_range(plan, values),
        nodes_to_quantize=list(plan.nodes),
        nodes_to_exclude=[],
        op_types_to_quantize=["Conv"],
        extra_options={"TensorQuantOverrides": _weight_overrides(graph, plan)},
    )
    ordered = ONNXModel(reconnect(quantizer.quantize_model()))
    ordered.topological_sort()
    finish(ordered.model)
    return ordered.model


def _tensors_range(plan: QdqPlan, values: Mapping[str, None]) -> TensorsData:
    ranges = {v: (np.float32(plan.ranges[v].low), np.float32(plan.ranges[v].high)) for v in values}
    return TensorsData(CalibrationMethod.MinMax, ranges)


def _set_weights(graph: onnx.ModelProto, weights: Mapping[str, Rounded]) -> None:
    """Writes the integers times their steps as float weights, which the quantizer rounds to just those integers."""
    for tensor in graph.graph.initializer:
        if tensor.name in weights:
            rounded = weights[tensor.name]
            tensor.CopyFrom(numpy_helper.from_array(rounded.integers * rounded.steps[:, None, None, None], tensor.name))


def _part_biases(model: onnx.ModelProto, nodes: Sequence[str]) -> None:
    """Gives quantized convolutions a copy of a bias that float convolutions read too.

    Equal biases (with random weights, all are zeros) are one tensor, and the quantizer would give the integers to all
    of its readers.
    """
    biases = {tensor.name: tensor for tensor in model.graph.initializer}
    convs = [node for node in model.graph.node if node.op_type == "Conv" and len(node.input) > 2]
    of_floats = {conv.input[2] for conv in convs if conv.name not in nodes}
    for conv in convs:
        bias = conv.input[2]
        if conv.name in nodes and bias in of_floats:
            conv.input[2] = f"{bias}.integers"
            if conv.input[2] not in biases:
                copy = model.graph.initializer.add()
                copy.CopyFrom(biases[bias])
                copy.name = conv.input[2]
                biases[copy.name] = copy


def weight_steps(
    model: onnx.ModelProto, nodes: Sequence[str], ranges: Mapping[str, Range], bits: int
) -> dict[str, NDArray[np.float32]]:
    """Weight -> the step of each output channel, by its largest weight, unless that were too little to multiply."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    steps: dict[str, NDArray[np.float32]] = {}
    for node in model.graph.node:
        if node.name in nodes:
            weight = numpy_helper.to_array(weights[node.input[1]])
            step = np.maximum(np.abs(weight).max(axis=(1, 2, 3)) / WEIGHT_LIMIT, SMALLEST_STEP)
            if bits == 16:
                source, target = (ranges[value] for value in (node.input[0], node.output[0]))
                step = np.maximum(step, SMALLEST_FACTOR * (target.high - target.low) / (source.high - source.low))
            steps[node.input[1]] = np.maximum(step, steps.get(node.input[1], 0)).astype(np.float32)
    return steps


def _weight_overrides(model: onnx.ModelProto, plan: QdqPlan) -> dict[str, list[dict[str, Any]]]:
    """The weights' steps in the form that the quantizer takes."""
    chosen = weight_steps(model, plan.nodes, plan.ranges, plan.bits)
    chosen |= {name: rounded.steps for name, rounded in plan.weights.items()}
    return {
        name: [{"axis": 0, "scale": step, "zero_point": np.int8(0)} for step in steps] for name, steps in chosen.items()
    }


def reconnect(quantized: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which each value has the readers that it should have.

    1. A float node reads the float value again, unless what it reads is a quantized convolution's own output.
    2. If two convolutions read one value, each gets a DequantizeLinear of its own: a node may be in one unit only.
    """
    model = read_graph(quantized)
    for node in model.graph:
        for position, value in enumerate(node.inputs):
            rounded = _rounded_from(value)
            if rounded is not None and _is_float(node) and not _made_by_a_convolution(rounded):
                node.replace_input_with(position, rounded)
    taken: set[ir.Value] = set()
    copies = []
    for node in model.graph:
        value = input_of(node) if node.op_type == "Conv" else None
        dequantize = value.producer() if value else None
        if value is None or dequantize is None or dequantize.op_type != "DequantizeLinear":
            continue
        if value in taken:
            own = new_value(f"{value.name}:{node.name}", value)
            settings, name = dequantize.attributes.values(), f"{dequantize.name}:{node.name}"
            copies.append(ir.Node("", "DequantizeLinear", dequantize.inputs, settings, outputs=[own], name=name))
            node.replace_input_with(0, own)
        taken.add(value)
    model.graph.extend(copies)
    return write_graph(model)


def _rounded_from(value: ir.Value | None) -> ir.Value | None:
    """The float value that the Q and DQ in front of `value` round, or None if there are none."""
    dequantize = value.producer() if value else None
    if dequantize is None or dequantize.op_type != "DequantizeLinear":
        return None
    quantize = input_of(dequantize).producer()
    return input_of(quantize) if quantize else None


def _is_float(node: ir.Node) -> bool:
    """Whether the node computes in float: no Q, no DQ, and no convolution whose weights are integers."""
    integers = node.op_type == "Conv" and input_of(node, 1).producer() is not None
    return not integers and node.op_type not in ("QuantizeLinear", "DequantizeLinear")


def _made_by_a_convolution(value: ir.Value) -> bool:
    node = value.producer()
    return node is not None and node.op_type == "Conv"


def finish(model: onnx.ModelProto) -> None:
    """Sorts the initializers, removes the traces of tools and infers every shape, in place."""
    constants_to_initializers(model)  # the version converter writes axes as Constant nodes
    sort_initializers(model)
    anonymize(model)
    # Opset 21 needs version 10; the float graphs have 8.
    model.ir_version = 10 if any(o.version >= OPSET_OF_16_BITS for o in model.opset_import if not o.domain) else 8
    del model.graph.value_info[:]
    inferred = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    model.CopyFrom(inferred)


def quantize_dynamically(model: onnx.ModelProto) -> onnx.ModelProto:
    """A float graph after `quantize_dynamic`, with ConvInteger and MatMulInteger, for comparison."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dynamic.onnx"
        logging.getLogger().setLevel(logging.ERROR)
        quantize_dynamic(model, path, weight_type=QuantType.QUInt8)
        return onnx.load(path)
