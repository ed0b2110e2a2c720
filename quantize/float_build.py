"""The float build: the graphs, statistics and sentences from which every target is made and judged."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import onnx

from calibrate import store
from calibrate.speech import Sample, in_bucket, read_samples
from export_onnx import console
from export_onnx.buckets import Bucket, sentence_bucket
from export_onnx.contracts import VOCODER
from export_onnx.graph.shared_weights import load
from quantize.listen.judge import Judge
from quantize.recipes import ON_CPU, Recipe
from quantize.sound.split_channels import FloatChannels
from quantize.sound.vocoder_plan import VocoderPlan, make_plan
from quantize.text.text_side import TextInputs, choose_storage, make_readers
from quantize.weights.packed_bits import Rounder
from quantize.weights.second_moments import Moments, second_moments

# Stages whose packed weights are rounded with GPTQ. The weights of `style` are multiplied with voices only, of which
# there are few, and not all are in calibration.
ROUNDED: Final = ("bert", "duration", "prosody")
MET: Final = 16  # the calibration sentences for second moments: they have every recorded and made-up voice


@dataclass(frozen=True)
class FloatBuild:
    """Everything from which one build's targets are made.

    Attributes:
        source: the export step's folder.
        weights: the weights' identity, as the export recorded it.
        statistics: calibration's, by stage and value.
        judge: held-out sentences in the bucket for sentences, where plans are made; no choice depends on their results.
        searcher: other sentences, by which a block-list is chosen.
        elsewhere: the shortest held-out sentence in each of the other buckets.
        text: the inputs from which every target's text side is chosen.
        met: the calibration sentences that second moments are taken from.
        buckets: the fixed buckets to write, shortest first.
    """

    source: Path
    weights: Mapping[str, Any]
    statistics: store.Statistics
    judge: Judge
    searcher: Judge
    elsewhere: tuple[Judge, ...]
    text: TextInputs
    met: Sequence[Sample]
    buckets: Sequence[Bucket]
    _plans: dict[Hashable, VocoderPlan] = field(default_factory=dict)

    def judge_of(self, chosen: Recipe) -> Judge:
        """The held-out sentences in the bucket for sentences, or in the target's only one."""
        (first, *_) = made = chosen.buckets(self.buckets)
        if self.judge.bucket in made:
            return self.judge
        samples = [in_bucket(sample, self.config, first) for sample in self.judge.samples]
        return replace(self.judge, bucket=first, samples=samples)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The checkpoint's."""
        return exported_config(self.source)

    @cached_property
    def vocoder(self) -> onnx.ModelProto:
        """The vocoder's float graph in the bucket for sentences."""
        return load(self.source / f"{VOCODER.name}_{self.judge.bucket.name}.onnx")

    @cached_property
    def moments(self) -> Moments:
        """Second moments of the inputs of the vocoder's weights; computed when the first target needs them."""
        return second_moments(self.source, VOCODER.name, self.judge.bucket, self.met)

    def plan(self, nodes: tuple[str, ...], bits: int, floats: FloatChannels, compensates: bool) -> VocoderPlan:
        """The vocoder's plan, see `make_plan`; targets with the same arguments share it.

        Args:
            nodes: convolutions to quantize.
            bits: of activations.
            floats: output channels of them that stay in float.
            compensates: whether the weights are rounded with GPTQ.
        """
        key = (nodes, bits, tuple(floats.items()), compensates)
        if key not in self._plans:
            moments = self.moments if compensates else None
            self._plans[key] = make_plan(
                self.vocoder, self.statistics[VOCODER.name], nodes, bits, moments=moments, floats=floats
            )
        return self._plans[key]


def exported_config(source: Path) -> dict[str, Any]:
    """The checkpoint's config, as the export wrote it."""
    config: dict[str, Any] = json.loads((source / "config.json").read_text(encoding="utf-8"))
    return config


def gather(
    source: Path, calibrated: Path, weights: Mapping[str, Any], split: dict[str, Any], buckets: Sequence[Bucket]
) -> FloatBuild:
    """Reads calibration's statistics and speech, and chooses how the text stages' weights are stored."""
    first, unheard = sentence_bucket(buckets), split["held_out_voices"]
    config = exported_config(source)
    judge = Judge(source, first, read_samples(calibrated, "held_out"), unheard)
    searcher = replace(judge, samples=read_samples(calibrated, "search"))
    shortest = min(judge.samples, key=lambda sample: sample.frames)
    elsewhere = tuple(Judge(source, b, [in_bucket(shortest, config, b)], unheard) for b in buckets if b != first)
    met = read_samples(calibrated, "calibration", MET)
    rounders = {stage: Rounder(second_moments(source, stage, first, met)) for stage in ROUNDED}
    with console.progress("read the text", 2) as advance:
        advance("held-out sentences by several voices")
        readers = make_readers(source, first, split)
        advance("in how many bits weights are stored")
        stored = choose_storage(source, first, readers, rounders, ON_CPU)
    statistics = store.read_statistics(calibrated)
    text = TextInputs(source, first, readers, statistics.get("bert", {}), rounders, stored)
    return FloatBuild(source, weights, statistics, judge, searcher, elsewhere, text, met, buckets)
