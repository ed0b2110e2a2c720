"""The float build that every target is made from: its graphs, calibration's statistics, the sentences that judge."""

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
from export_onnx.contracts import VOCODER, Bucket
from export_onnx.graph.shared_weights import load
from quantize.listen.judge import Judge
from quantize.recipes import ON_CPU
from quantize.sound.split_channels import FloatChannels
from quantize.sound.vocoder_plan import VocoderPlan, make_plan
from quantize.text.text_side import TextInputs, choose_storage, make_readers
from quantize.weights.packed_bits import Rounder
from quantize.weights.second_moments import Moments, second_moments

ROUNDED: Final = ("bert", "duration", "prosody")  # all that style's weights meet is a voice: few, and not all seen
MET: Final = 16  # calibration's sentences that second moments are taken from: each heard and made-up voice


@dataclass(frozen=True)
class FloatBuild:
    """Of one build.

    Attributes:
        source: the export step's folder.
        weights: whose they are, as the export recorded it.
        judge: held-out sentences in the first bucket; nothing is chosen by what it hears.
        searcher: other sentences, by which a block-list is chosen.
        elsewhere: one held-out sentence in each of the other buckets.
        met: calibration's sentences that second moments are taken from.
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

    @cached_property
    def vocoder(self) -> onnx.ModelProto:
        """The vocoder's float graph in the first bucket."""
        return load(self.source / f"{VOCODER.name}_{self.buckets[0].name}.onnx")

    @cached_property
    def moments(self) -> Moments:
        """Of what the vocoder's weights are multiplied with; made when a target first asks."""
        return second_moments(self.source, VOCODER.name, self.buckets[0], self.met)

    def plan(self, nodes: tuple[str, ...], bits: int, floats: FloatChannels, compensates: bool) -> VocoderPlan:
        """How the vocoder becomes integers, see `make_plan`; made once for all targets that ask for the same.

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


def gather(
    source: Path, calibrated: Path, weights: Mapping[str, Any], split: dict[str, Any], buckets: Sequence[Bucket]
) -> FloatBuild:
    """Calibration's statistics and its kept speech, and how the text stages' weights are stored."""
    first, unheard = buckets[0], split["held_out_voices"]
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    judge = Judge(source, first, read_samples(calibrated, "held_out"), unheard)
    searcher = replace(judge, samples=read_samples(calibrated, "search"))
    elsewhere = tuple(Judge(source, b, [in_bucket(judge.samples[0], config, b)], unheard) for b in buckets[1:])
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
