"""Whether ONNX Runtime's NNAPI provider takes every node of a graph, without a phone.

A verdict is static: it says what the provider claims, not what a driver makes of it. The order is the
provider's: nodes become units (`node_units.py`), each unit is asked for (`node_rules.py` for what holds for every
node, then `float_ops.py`, `shape_ops.py` or `quantized_units.py`, then `session_failures.py` for what is taken and
fails later), and what was taken is cut into partitions (`partition.py`). Then the layout step changes the graph
(`layout.py`), and the provider is asked once more. `stricter.py` holds what only this project refuses. Data is in
`nnapi_tables.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from android_test.coverage.graph_view import GraphView
from android_test.coverage.nnapi.float_ops import RULES
from android_test.coverage.nnapi.layout import laid_out
from android_test.coverage.nnapi.nnapi_tables import (
    DEFAULT_LEVEL,
    FEATURE_LEVELS,
    NOT_WORTH_A_PARTITION,
)
from android_test.coverage.nnapi.node_rules import NODE_RULES, input_rule, quantized_inside, stranded_limit
from android_test.coverage.nnapi.partition import Cut, partition
from android_test.coverage.nnapi.quantized_units import lone_rule, unit_rule
from android_test.coverage.nnapi.session_failures import session_failure
from android_test.coverage.nnapi.shape_ops import SHAPE_RULES
from android_test.coverage.nnapi.stricter import stricter
from android_test.coverage.node_units import NodeUnit, node_units
from android_test.coverage.rule_verdict import TAKEN_BY_PROVIDER, Limit, Refusal, Verdict
from export_onnx.errors import CoverageError

WEIGHTS_FROM_MEMORY: Final = (
    "the runner hands the external weights to the session from memory "
    "(AddExternalInitializersFromFilesInMemory), as the provider refuses what lies in a file"
)
OPERATOR_RULES: Final = {**RULES, **SHAPE_RULES}
CONSTANT_PARTITION: Final = Limit(
    "a partition that reads something that is not constant", "constants only", "Fold what is constant."
)
LAYOUT_HINT: Final = (
    "The layout step moved the Transpose (or the Reshape that acts as one) beside this operator, which now stands "
    "alone between DQ and Q. A Transpose is no second operator: put another float operator beside this one, or "
    "move the Transpose out of DQ .. Q."
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
    """The verdict on one graph as the provider gets it with optimizations off.

    The provider looks twice: at the file's graph, and at what the layout step made of it. The second look decides.
    """
    options = options or NnapiOptions()
    look = _look(view, options)
    if look.cut.kept:
        first = {refusal.node: refusal for refusal in look.refusals}
        view = laid_out(view, {index for members in look.cut.kept for index in members})
        look = _look(view, options)
        refusals = tuple(first.get(one.node) or _behind_layout(one) for one in look.refusals)
    else:
        refusals = look.refusals
    outside = any(view.outside(name) for node in view.nodes for name in node.input)
    given_back = (*look.cut.too_small, *(index for members in look.cut.constant for index in members))
    return Verdict(
        nodes=len(view.nodes),
        partitions=tuple(len(members) for members in look.cut.kept),
        refusals=refusals,
        dropped=tuple(view.label(index) for index in given_back),
        conditions=(WEIGHTS_FROM_MEMORY,) if outside and options.weights_from_memory else (),
    )


@dataclass(frozen=True)
class Look:
    """What the provider says of a graph in one look."""

    refusals: tuple[Refusal, ...]
    cut: Cut


def _look(view: GraphView, options: NnapiOptions) -> Look:
    units = node_units(view)
    limits = [_refusal(view, unit, options) for unit in units]
    taken = [limit is None or limit.basis in TAKEN_BY_PROVIDER for limit in limits]
    inside = {number: names for number, unit in enumerate(units) if (names := quantized_inside(view, unit))}
    cut = partition(view, units, taken, NOT_WORTH_A_PARTITION, inside)
    for number in cut.stranded:
        limits[number] = stranded_limit(view, units[number])
    for members in cut.constant:
        number = next(n for n, unit in enumerate(units) if unit.target in members)
        limits[number] = limits[number] or CONSTANT_PARTITION
    refusals = []
    for unit, limit in zip(units, limits, strict=True):
        if limit:
            node = view.nodes[unit.target]
            refusals.append(
                Refusal(view.label(unit.target), node.op_type, limit.rule, limit.value, limit.hint, limit.basis)
            )
    return Look(tuple(refusals), cut)


def _behind_layout(refusal: Refusal) -> Refusal:
    """A refusal that only the layout step brought about says so."""
    return replace(
        refusal,
        value=f"{refusal.value}, behind the layout step",
        hint=f"{LAYOUT_HINT if 'DQ -> op -> Q' in refusal.rule else refusal.hint}",
    )


def _refusal(view: GraphView, unit: NodeUnit, options: NnapiOptions) -> Limit | None:
    """The first rule the unit breaks: the provider's own, then those that are stricter; None where it is taken."""
    return _provider(view, unit, options) or stricter(view, unit)


def _provider(view: GraphView, unit: NodeUnit, options: NnapiOptions) -> Limit | None:
    """The first rule of the provider that the unit breaks, in its order."""
    node = view.nodes[unit.target]
    for rule in NODE_RULES:
        if found := rule(view, unit, options.feature_level):
            return found
    if not options.weights_from_memory and (found := external_weight(view, unit)):
        return found
    if unit.quantized:
        found = unit_rule(view, unit, options.feature_level)
    elif node.op_type in ("QuantizeLinear", "DequantizeLinear"):
        found = lone_rule(view, unit)
    else:
        own = OPERATOR_RULES.get(node.op_type)
        found = input_rule(view, unit) or (own(view, node, options.feature_level) if own else None)
    return found or session_failure(view, unit)


def external_weight(view: GraphView, unit: NodeUnit) -> Limit | None:
    """A weight that lies in a file is refused: quantized ones make the session fail, float ones are taken."""
    for name in {name for index in unit.members for name in view.nodes[index].input}:
        if view.outside(name):
            hint = "Store the weights in the model, or hand them to the session from memory and say so."
            return Limit("no initializer in another file", name, hint, "inferred")
    return None
