"""What this project refuses although the provider takes it, because NNAPI, its drivers or this project do not.

Each refusal says its basis, `stricter` or `nnapi`, and its reason. The provider's own rules come first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from android_test.coverage.graph_view import GraphView
from android_test.coverage.nnapi.nnapi_tables import MAX_RANK, MIN_OPSET
from android_test.coverage.nnapi.quantized_units import scale_and_zero
from android_test.coverage.node_units import NodeUnit
from android_test.coverage.rule_verdict import Limit
from selector.package.verdict_schema import Basis

BIAS_TOLERANCE: Final = 1e-3  # relative; scales are float32 products


def stricter(view: GraphView, unit: NodeUnit) -> Limit | None:
    """The first of this project's own rules that a unit breaks."""
    for rule in RULES:
        if found := rule(view, unit):
            return found
    return None


def _opset(view: GraphView, unit: NodeUnit) -> Limit | None:
    if view.opset >= MIN_OPSET:
        return None
    hint = "Export with opset 13 to 17: this project writes and tests no older one."
    return Limit(f"opset {MIN_OPSET} or above", str(view.opset), hint, "stricter")


def _declared(view: GraphView, unit: NodeUnit) -> Limit | None:
    names = [door.name for door in (*unit.inputs, *unit.outputs) if door.name]
    names += [name for index in unit.members for name in view.nodes[index].output if name]
    for name in names:
        if name in view.constants:  # fixed by nature; an unused input may be empty
            continue
        value = view.value(name)
        if value.shape is None:
            hint = "Run shape inference and save its result: a session may infer less than it does today."
            return Limit("a declared shape", f"no value_info for {name}", hint, "stricter")
        if not value.fixed:
            sizes = ", ".join("?" if size is None else str(size) for size in value.shape)
            hint = "Export one file per bucket: to NNAPI a dimension of 0 is one that is not known."
            return Limit("fixed dimensions above zero", f"{name} [{sizes}]", hint, "stricter")
    return None


def _rank(view: GraphView, unit: NodeUnit) -> Limit | None:
    outputs = {door.name for door in unit.outputs}
    for door in (*unit.inputs, *unit.outputs):
        rank = view.rank(door.name) if door.name else 1
        least = 0 if door.name in view.constants else 1  # scalar constants become [1]
        if rank is None or not least <= rank <= MAX_RANK:
            basis: Basis = "nnapi" if door.name in outputs else "stricter"
            hint = "Reshape: NNAPI has operands of one to four dimensions."
            return Limit(f"rank 1 to {MAX_RANK}", f"{door.name} of rank {rank}", hint, basis)
    return None


def _bias_scale(view: GraphView, unit: NodeUnit) -> Limit | None:
    if not unit.quantized or view.nodes[unit.target].op_type not in ("Conv", "Gemm") or len(unit.inputs) < 3:
        return None
    quantizations = [door.quantization for door in unit.inputs[:3]]
    scales = [None if one is None else view.array(one.scale) for one in quantizations]
    if any(scale is None for scale in scales):
        return None
    x_scale, w_scale, b_scale = (np.asarray(scale, np.float64).reshape(-1) for scale in scales)
    product = x_scale * w_scale
    if product.size == b_scale.size and np.allclose(b_scale, product, rtol=BIAS_TOLERANCE, atol=0):
        return None
    value = f"{b_scale[0]:.6g} where the product is {product[0]:.6g}"
    hint = "The provider ignores the bias's own scale and uses the product."
    return Limit("a bias scale of x_scale * w_scale", value, hint, "nnapi")


def _mul_scale(view: GraphView, unit: NodeUnit) -> Limit | None:
    if not unit.quantized or view.nodes[unit.target].op_type != "Mul":
        return None
    a, b, out = (scale_and_zero(view, door)[0] for door in (*unit.inputs, *unit.outputs))
    if out > a * b:
        return None
    value = f"{out:.6g}, the product is {a * b:.6g}"
    return Limit("an output scale above the product of the input scales", value, "Widen its range.", "nnapi")


RULES: Final[tuple[Callable[[GraphView, NodeUnit], Limit | None], ...]] = (
    _opset,
    _declared,
    _rank,
    _bias_scale,
    _mul_scale,
)
