"""What the NNAPI provider asks of every unit, whatever its operator.

Source: ONNX Runtime, `core/providers/nnapi/nnapi_builtin/builders/impl/base_op_builder.cc` (IsOpSupported) and
`builders/helper.cc` (IsNodeSupportedInGroup).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import onnx
from onnx import TensorProto

from android_test.coverage.graph_view import GraphView
from android_test.coverage.nnapi.layout_graph import NHWC
from android_test.coverage.nnapi.nnapi_tables import (
    FLOAT_OPS,
    INSIDE_A_PARTITION,
    MAX_SINCE_VERSION,
    MIN_SINCE_VERSION,
    QUANTIZED_OPS,
    RANKS,
    REWRITES,
)
from android_test.coverage.node_units import NodeUnit
from android_test.coverage.rule_verdict import Limit


def _known_op(view: GraphView, unit: NodeUnit, level: int) -> Limit | None:
    node = view.nodes[unit.target]
    if node.domain in ("", "ai.onnx", NHWC) and node.op_type in FLOAT_OPS:
        return None
    name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
    hint = REWRITES.get(node.op_type, "Rewrite it with operators of the set, or move it to a CPU stage.")
    return Limit("an operator the provider knows", name, hint)


def _level(view: GraphView, unit: NodeUnit, level: int) -> Limit | None:
    op = view.nodes[unit.target].op_type
    needed = FLOAT_OPS[op]
    if needed <= level:
        return None
    return Limit(f"feature level {needed} for {op}", str(level), "Ask for a newer Android, or rewrite it.")


def _groupable(view: GraphView, unit: NodeUnit, level: int) -> Limit | None:
    op = view.nodes[unit.target].op_type
    if not unit.quantized or op in QUANTIZED_OPS:
        return None
    return Limit(
        "no unit DQ -> op -> Q around an operator that is float only",
        f"DQ -> {op} -> Q",
        "The sandwich: put a second float operator between DQ and Q (a Transpose does not count), or move Q in front "
        "of it.",
    )


def _static(view: GraphView, unit: NodeUnit, level: int) -> Limit | None:
    for door in unit.inputs:
        shape = view.value(door.name).shape if door.name else ()
        if shape is None and door.name not in view.producer:
            return Limit("a declared shape", f"none for {door.name}", "Declare the shape of every graph input.")
        if shape is not None and None in shape:
            sizes = ", ".join("?" if size is None else str(size) for size in shape)
            return Limit("fixed dimensions above zero", f"{door.name} [{sizes}]", "Export one file per bucket.")
    return None


def _version(view: GraphView, unit: NodeUnit, level: int) -> Limit | None:
    op = view.nodes[unit.target].op_type
    since = onnx.defs.get_schema(op, view.opset).since_version
    least = MIN_SINCE_VERSION.get(op, 1)
    if least <= since <= MAX_SINCE_VERSION:
        return None
    return Limit(f"version {least} to {MAX_SINCE_VERSION} of {op}", str(since), "Export with opset 13 to 17.")


def _rank(view: GraphView, unit: NodeUnit, level: int) -> Limit | None:
    op = view.nodes[unit.target].op_type
    if op not in RANKS:
        return None
    least, most, places = RANKS[op]
    for door in unit.inputs[:places]:
        rank = view.rank(door.name)
        if rank is not None and not least <= rank <= most:
            hint = "Reshape to at most four dimensions."
            return Limit(f"rank {least} to {most} in {op}", f"{door.name} of rank {rank}", hint)
    return None


Rule = Callable[[GraphView, NodeUnit, int], Limit | None]
NODE_RULES: Final[tuple[Rule, ...]] = (_known_op, _level, _groupable, _static, _version, _rank)


def input_rule(view: GraphView, unit: NodeUnit) -> Limit | None:
    """Input 0 of a single node is float32, or uint8 for the operators that only move elements."""
    node = view.nodes[unit.target]
    dtype = view.value(node.input[0]).dtype
    quantized = dtype == TensorProto.UINT8 and node.op_type in INSIDE_A_PARTITION
    if dtype in (TensorProto.FLOAT, TensorProto.UNDEFINED) or quantized:
        return None
    got = TensorProto.DataType.Name(dtype)
    return Limit("float32 in input 0", f"{got} {node.input[0]}", "Only whole DQ..op..Q units may hold integers.")


def quantized_inside(view: GraphView, unit: NodeUnit) -> tuple[str, ...]:
    """The uint8 inputs of a single node, which have a scale only where the same partition makes them."""
    node = view.nodes[unit.target]
    if unit.quantized or node.op_type not in INSIDE_A_PARTITION or not node.input:
        return ()
    if view.value(node.input[0]).dtype != TensorProto.UINT8:
        return ()
    return tuple(node.input) if node.op_type == "Concat" else (node.input[0],)


def stranded_limit(view: GraphView, unit: NodeUnit) -> Limit:
    """Why a node that could work on uint8 is refused where it stands."""
    node = view.nodes[unit.target]
    hint = "A quantized graph output of a convolution is such a case: end the graph with a DequantizeLinear."
    return Limit("a uint8 input that a lone Q of the same partition makes", f"{node.input[0]}", hint)
