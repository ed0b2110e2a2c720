"""What every target is made from and judged by, gathered once."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from calibrate import store
from calibrate.speech import Sample, in_bucket, read_samples
from export_onnx import console
from export_onnx.contracts import VOCODER, Bucket
from quantize.listen.judge import Judge
from quantize.recipes import ON_CPU
from quantize.sound.vocoder_plan import Prepared
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
        prepared: by everything that a target asks for; two may ask for the same.
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
    prepared: dict[Hashable, Prepared] = field(default_factory=dict)

    @cached_property
    def moments(self) -> Moments:
        """Of what the vocoder's weights are multiplied with; made when a target first asks."""
        return second_moments(self.source, VOCODER.name, self.buckets[0], self.met)


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
