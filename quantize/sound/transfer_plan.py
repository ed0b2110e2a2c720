"""Carries a vocoder's plan over to a graph of the same modules that names or lacks some values.

Before   a plan made on one fixed bucket's graph. Ranges have the names of that graph's values
After    the same plan with the names of another graph: the one of free lengths, which has no masks
Why      calibration watches fixed buckets. The graph without masks lacks their products and counts the values of the
         outermost module anew (`/Concat_6_output_0` becomes `/Concat_output_0`), while convolutions, weights and sites
         have names that surgery chose
Price    none: the same scales, ranges and integers. Statistics do not depend on padding

1. If both graphs have a convolution of the plan, its input and its output in the first are those in the second.
2. Sites are found in the second graph. They must be the plan's, in the same order and with the same channels.
"""

from __future__ import annotations

from dataclasses import replace

import onnx

from export_onnx.errors import ContractError
from quantize.sound.sites import vocoder_sites
from quantize.sound.vocoder_plan import VocoderPlan


def transfer_plan(plan: VocoderPlan, planned: onnx.ModelProto, model: onnx.ModelProto) -> VocoderPlan:
    """The plan for `model`.

    Args:
        planned: the float graph that the plan was made on.
        model: another float graph of the same vocoder.

    Raises:
        ContractError: `model` lacks a convolution, a weight or a site of the plan, or joins what the plan holds apart.
    """
    sites = vocoder_sites(model)
    before, now = ([(site.name, site.channels) for site in found] for found in (plan.sites, sites))
    if before != now:
        changed = sorted({name for name, _ in set(before) ^ set(now)})
        raise _other_vocoder(model, "the sites of the plan", ", ".join(changed[:3]) or "another order")
    names = _renamed(plan.qdq.nodes, planned, model)
    known = {tensor.name for tensor in model.graph.initializer}
    if missing := sorted(set(plan.qdq.weights) - known):
        raise _other_vocoder(model, "the weights of the plan", f"no {missing[0]}")
    ranges = {names[value]: found for value, found in plan.qdq.ranges.items()}
    return replace(plan, sites=sites, qdq=replace(plan.qdq, ranges=ranges))


def _renamed(nodes: tuple[str, ...], planned: onnx.ModelProto, model: onnx.ModelProto) -> dict[str, str]:
    """The inputs and outputs of the convolutions: name in the first graph -> name in the second."""
    there = {node.name: node for node in model.graph.node if node.op_type == "Conv"}
    names: dict[str, str] = {}
    for conv in (node for node in planned.graph.node if node.name in nodes):
        if conv.name not in there:
            raise _other_vocoder(model, f"a convolution {conv.name}", "none")
        other = there[conv.name]
        for old, new in ((conv.input[0], other.input[0]), (conv.output[0], other.output[0])):
            if names.setdefault(old, new) != new:
                raise _other_vocoder(model, f"one value for {old}", f"{names[old]} and {new}")
    if len(set(names.values())) != len(names):
        raise _other_vocoder(model, "a value for each of the plan's", "one value for two of them")
    return names


def _other_vocoder(model: onnx.ModelProto, expected: str, got: str) -> ContractError:
    return ContractError(model.graph.name, expected=expected, got=got, todo="Export again, all buckets in one run.")
