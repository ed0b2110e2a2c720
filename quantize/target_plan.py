"""The plan by which one target's graphs are made from the float ones: decided once, applied to every bucket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import onnx

from export_onnx.buckets import Bucket
from export_onnx.contracts import VOCODER
from export_onnx.graph.cut import shipped
from quantize.float_build import FloatBuild
from quantize.gates import check_forbidden
from quantize.recipes import Recipe
from quantize.sound.choose_blocklist import (
    convolutions,
    default_blocklist,
    excluded_convolutions,
    float_channels,
    output_channels,
    searched_blocklist,
)
from quantize.sound.fold_time import fold_time
from quantize.sound.transfer_plan import transfer_plan
from quantize.sound.vocoder_plan import VocoderPlan, apply
from quantize.text.text_side import TextSide, choose_text_side


@dataclass(frozen=True)
class TargetPlan:
    """Everything that one target's models follow from.

    Attributes:
        recipe: the target's.
        blocklist: the convolutions that stay in float, with reasons, as `blocklist.json` holds them.
        vocoder: the plan that quantizes the other convolutions.
        text: how the weights of the stages before the vocoder are stored.
        planned: the float graph that `vocoder` was made on.
    """

    recipe: Recipe
    blocklist: dict[str, Any]
    vocoder: VocoderPlan
    text: TextSide
    planned: onnx.ModelProto

    def models(self, name: str, graph: onnx.ModelProto, bucket: Bucket) -> dict[str, onnx.ModelProto]:
        """The stages that ship from one float graph, by stage name.

        Args:
            name: of the graph, one of `contracts.GRAPHS`.
            graph: the float graph in `bucket`; it is not changed.
        """
        if name == VOCODER.name and self.vocoder.qdq.nodes:
            plan = transfer_plan(self.vocoder, self.planned, graph) if bucket.dynamic else self.vocoder
            graph = apply(plan, graph)
            graph = fold_time(graph, bucket.frames) if self.recipe.folds_time else graph
        return shipped(name, self.text.apply(name, graph))


def plan_target(build: FloatBuild, chosen: Recipe, stages: Sequence[str], search: bool) -> TargetPlan:
    """Decides what stays in float, how the vocoder becomes integers, and how the text stages are stored.

    Args:
        stages: those to quantize, of `contracts.QUANTIZED`; the others stay in float.
        search: whether to search a block-list instead of taking the committed one.

    Raises:
        ParityError: the block-list would quantize a convolution that must stay in float.
    """
    model = build.vocoder
    blocklist = (
        searched_blocklist(
            chosen, model, build.statistics[VOCODER.name], build.searcher, build.moments if chosen.compensates else None
        )
        if search
        else default_blocklist(chosen, output_channels(model), build.weights["name"])
    )
    names = convolutions(model)
    excluded = excluded_convolutions(blocklist) if VOCODER.name in stages else names
    check_forbidden(chosen.name, excluded)
    nodes = tuple(name for name in names if name not in excluded)
    vocoder = build.plan(nodes, chosen.activation_bits, float_channels(blocklist), chosen.compensates)
    text = choose_text_side(build.text, chosen) if "bert" in stages else TextSide(None, (), ())
    return TargetPlan(chosen, blocklist, vocoder, text, model)
