"""What the NNAPI provider takes when it is asked, and then cannot build: the session fails, or the process dies.

Nothing goes to the CPU then; an app that opens such a file has no session at all.
Source: ONNX Runtime, `core/providers/nnapi/nnapi_builtin/builders` (`model_builder.cc`, `op_builder_helpers.cc`, and
`impl/` pad, split, concat, gemm, conv, quantizelinear and dequantizelinear `_op_builder.cc`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import onnx
from onnx import TensorProto

from android_test.coverage.graph_view import GraphView, attribute
from android_test.coverage.node_units import NodeUnit, Quantization
from android_test.coverage.rule_verdict import Limit


def session_failure(view: GraphView, unit: NodeUnit) -> Limit | None:
    """The first thing about a unit that keeps the session from being created, None where nothing does."""
    for rule in RULES:
        if found := rule(view, unit):
            return found
    return None


def _pad_axes(view: GraphView, unit: NodeUnit) -> Limit | None:
    node = view.nodes[unit.target]
    if node.op_type != "Pad" or len(node.input) < 4 or not node.input[3]:
        return None
    hint = "The session fails: the provider does not read them. Give pads for all axes."
    return Limit("no axes in Pad", node.input[3], hint, "session")


def _split_version(view: GraphView, unit: NodeUnit) -> Limit | None:
    node = view.nodes[unit.target]
    if node.op_type != "Split" or len(node.input) < 2 or not node.input[1]:
        return None
    if onnx.defs.get_schema("Split", view.opset).since_version < 18:
        return None
    hint = "The process dies: the provider reads num_outputs, which is not there. Export with opset 13 to 17."
    return Limit("Split of a version below 18 where the parts are an input", str(view.opset), hint, "session")


def _half_precision(view: GraphView, unit: NodeUnit) -> Limit | None:
    node = view.nodes[unit.target]
    if unit.quantized or node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
        return None
    named = [name for name in node.input[:2] if view.value(name).dtype == TensorProto.FLOAT16]
    if not named:
        return None
    return Limit("float32 beside Q and DQ", f"FLOAT16 {named[0]}", "The session fails: use float32.", "session")


def _gemm_transposed(view: GraphView, unit: NodeUnit) -> Limit | None:
    node = view.nodes[unit.target]
    if not unit.quantized or node.op_type != "Gemm" or not attribute(node, "transB", 0):
        return None
    if view.value(unit.inputs[1].name).dtype != TensorProto.INT8:
        return None
    hint = "The session fails: int8 weights become uint8 only where the provider transposes them. Use transB 0."
    return Limit("transB 0 with int8 weights", "transB 1", hint, "session")


def _concat_from_outside(view: GraphView, unit: NodeUnit) -> Limit | None:
    if not unit.quantized or view.nodes[unit.target].op_type != "Concat":
        return None
    # A graph input gets the scale of the unit that reads it first, where the provider looks at input 0 only.
    outside = [
        d.name for n, d in enumerate(unit.inputs) if d.name in view.constants or (n and d.name not in view.producer)
    ]
    if not outside:
        return None
    hint = "The session fails: there a uint8 value has no scale of its own. Concat it as float, or quantize it here."
    return Limit("values made by a node behind the first input of a quantized Concat", outside[0], hint, "session")


def _one_scale_per_constant(view: GraphView, unit: NodeUnit) -> Limit | None:
    """A constant becomes one operand, with the scale of its first reader."""
    for door in unit.inputs:
        if door.quantization is None or door.name not in view.constants or not unit.quantized:
            continue
        own = _numbers(view, door.quantization)
        for reader in view.readers.get(door.name, []):
            node = view.nodes[reader]
            if node.op_type != "DequantizeLinear":
                continue
            other = Quantization(node.input[1], node.input[2] if len(node.input) > 2 else None, 1)
            if _numbers(view, other) != own:
                hint = "The session fails: store the constant twice, under two names."
                return Limit("one scale for one constant", f"two for {door.name}", hint, "session")
    return None


def _numbers(view: GraphView, quantization: Quantization) -> tuple[list[float], list[int]]:
    scale = view.array(quantization.scale)
    zero = view.array(quantization.zero_point) if quantization.zero_point else None
    return (
        [] if scale is None else [float(one) for one in scale.reshape(-1)],
        [0] if zero is None or not zero.any() else [int(one) for one in zero.reshape(-1)],
    )


RULES: Final[tuple[Callable[[GraphView, NodeUnit], Limit | None], ...]] = (
    _pad_axes,
    _split_version,
    _half_precision,
    _gemm_transposed,
    _concat_from_outside,
    _one_scale_per_constant,
)
