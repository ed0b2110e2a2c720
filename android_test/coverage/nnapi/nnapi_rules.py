"""Whether ONNX Runtime's NNAPI provider takes every node of a graph, without a phone.

A verdict is static: it says what the provider claims, not what a driver makes of it. The order is the
provider's: nodes become units (`node_units.py`), each unit is asked for (here for what holds for every node,
then `float_ops.py` or `quantized_units.py`), and what was taken is cut into partitions (`partition.py`).
Data is in `nnapi_tables.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import onnx
from onnx import TensorProto

from android_test.coverage.graph_view import GraphView
from android_test.coverage.nnapi.float_ops import RULES
from android_test.coverage.nnapi.nnapi_tables import (
    DEFAULT_LEVEL,
    FEATURE_LEVELS,
    FLOAT_OPS,
    MAX_RANK,
    MAX_SINCE_VERSION,
    MIN_OPSET,
    NOT_WORTH_A_PARTITION,
    QUANTIZED_OPS,
    REWRITES,
)
from android_test.coverage.nnapi.partition import partition
from android_test.coverage.nnapi.quantized_units import lone_rule, unit_rule
from android_test.coverage.node_units import NodeUnit, node_units
from android_test.coverage.verdict import Limit, Refusal, Verdict
from export_onnx.errors import CoverageError
from selector.package.coverage_schema import Basis

WEIGHTS_FROM_MEMORY: Final = (
    "the runner hands the external weights to the session from memory "
    "(AddExternalInitializersFromFilesInMemory), as the provider refuses what lies in a file"
)


@dataclass(frozen=True)
class NnapiOptions:
    """What the phone and the runner bring along."""

    feature_level: int = DEFAULT_LEVEL
    weights_from_memory: bool = False

    def __post_init__(self) -> None:
        if self.feature_level not in FEATURE_LEVELS:
            raise CoverageError(
                "NNAPI feature level",
                expected=" | ".join(map(str, FEATURE_LEVELS)),
                got=str(self.feature_level),
                todo="Give the Android API level of the oldest phone.",
            )


def check_nnapi(view: GraphView, options: NnapiOptions | None = None) -> Verdict:
    """The verdict on one graph as the provider gets it with optimizations off."""
    options = options or NnapiOptions()
    units = node_units(view)
    refusals = []
    taken = []
    for unit in units:
        found = _refusal(view, unit, options)
        taken.append(found is None)
        if found:
            node = view.nodes[unit.target]
            refusals.append(
                Refusal(view.label(unit.target), node.op_type, found.rule, found.value, found.hint, found.basis)
            )
    kept, dropped = partition(view, units, taken, NOT_WORTH_A_PARTITION)
    outside = any(view.outside(name) for node in view.nodes for name in node.input)
    return Verdict(
        nodes=len(view.nodes),
        partitions=tuple(len(group) for group in kept),
        refusals=tuple(refusals),
        dropped=tuple(view.label(index) for group in dropped for index in group),
        conditions=(WEIGHTS_FROM_MEMORY,) if outside and options.weights_from_memory else (),
    )


def _refusal(view: GraphView, unit: NodeUnit, options: NnapiOptions) -> Limit | None:
    """The first rule the unit breaks, in the provider's order; None where it is taken."""
    node = view.nodes[unit.target]
    common = (_known_op, _opset, _level, _groupable, _static, _ranks, _weights)
    for rule in common:
        if found := rule(view, unit, node, options):
            return found
    if unit.quantized:
        return unit_rule(view, unit, options.feature_level)
    if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
        return lone_rule(view, unit)
    if found := _float_input(view, node):
        return found
    own = RULES.get(node.op_type)
    return own(view, node, options.feature_level) if own else None


# What holds for every node.


def _known_op(view: GraphView, unit: NodeUnit, node: onnx.NodeProto, options: NnapiOptions) -> Limit | None:
    if node.domain in ("", "ai.onnx") and node.op_type in FLOAT_OPS:
        return None
    name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
    hint = REWRITES.get(node.op_type, "Rewrite it with operators of the set, or move it to a CPU stage.")
    return Limit("an operator the provider knows", name, hint)


def _opset(view: GraphView, unit: NodeUnit, node: onnx.NodeProto, options: NnapiOptions) -> Limit | None:
    if view.opset < MIN_OPSET:
        return Limit(f"opset {MIN_OPSET} or above", str(view.opset), "Export with opset 13 to 17.")
    since = onnx.defs.get_schema(node.op_type, view.opset).since_version
    if since > MAX_SINCE_VERSION:
        return Limit(f"an operator version up to {MAX_SINCE_VERSION}", str(since), "Export with opset 13 to 17.")
    return None


def _level(view: GraphView, unit: NodeUnit, node: onnx.NodeProto, options: NnapiOptions) -> Limit | None:
    needed = FLOAT_OPS[node.op_type]
    if needed <= options.feature_level:
        return None
    return Limit(
        f"feature level {needed} for {node.op_type}",
        str(options.feature_level),
        "Ask for a newer Android, or rewrite it.",
    )


def _groupable(view: GraphView, unit: NodeUnit, node: onnx.NodeProto, options: NnapiOptions) -> Limit | None:
    if not unit.quantized or node.op_type in QUANTIZED_OPS:
        return None
    return Limit(
        "no unit DQ -> op -> Q around an operator that is float only",
        f"DQ -> {node.op_type} -> Q",
        "The sandwich: put a second float operator between DQ and Q, or move Q in front of it.",
    )


def _static(view: GraphView, unit: NodeUnit, node: onnx.NodeProto, options: NnapiOptions) -> Limit | None:
    names = [door.name for door in (*unit.inputs, *unit.outputs) if door.name]
    names += [name for index in unit.members for name in view.nodes[index].output if name]
    for name in names:
        if name in view.constants:  # fixed by nature; an unused input may be empty
            continue
        value = view.value(name)
        if value.shape is None:
            return Limit("a declared shape", f"no value_info for {name}", "Run shape inference and save its result.")
        if not value.fixed:
            sizes = ", ".join("?" if size is None else str(size) for size in value.shape)
            return Limit("fixed dimensions above zero", f"{name} [{sizes}]", "Export one file a bucket.")
    return None


def _ranks(view: GraphView, unit: NodeUnit, node: onnx.NodeProto, options: NnapiOptions) -> Limit | None:
    outputs = {door.name for door in unit.outputs}
    for door in (*unit.inputs, *unit.outputs):
        rank = view.rank(door.name) if door.name else 1
        least = 0 if door.name in view.constants else 1  # scalar constants become [1]
        if rank is None or not least <= rank <= MAX_RANK:
            basis: Basis = "nnapi" if door.name in outputs else "provider"
            hint = "Reshape to at most four dimensions."
            return Limit(f"rank 1 to {MAX_RANK}", f"{door.name} of rank {rank}", hint, basis)
    return None


def _weights(view: GraphView, unit: NodeUnit, node: onnx.NodeProto, options: NnapiOptions) -> Limit | None:
    if options.weights_from_memory:
        return None
    for name in {name for index in unit.members for name in view.nodes[index].input}:
        if view.outside(name):
            hint = "Store the weights in the model, or hand them to the session from memory and say so."
            return Limit("no initializer in another file", name, hint, "inferred")
    return None


def _float_input(view: GraphView, node: onnx.NodeProto) -> Limit | None:
    dtype = view.value(node.input[0]).dtype
    if dtype == TensorProto.FLOAT:
        return None
    got = TensorProto.DataType.Name(dtype)
    return Limit("float32 in input 0", f"{got} {node.input[0]}", "Only whole DQ..op..Q units may hold integers.")
