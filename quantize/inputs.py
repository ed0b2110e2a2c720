"""What every target is made from and judged by, gathered once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from calibrate import store
from calibrate.capture import Sample, speak
from calibrate.corpus import Utterance
from export_onnx import console
from export_onnx.contracts import Bucket
from quantize.compact import Rounder
from quantize.decide import split_for_search
from quantize.moments import SENTENCES, Moments, second_moments
from quantize.prepare import Prepared
from quantize.recipes import ON_CPU
from quantize.text_stages import TextInputs, choose_storage, make_readers
from quantize.verify import Judge, make_judge

ROUNDED: Final = ("bert", "duration", "prosody")  # all that style's weights meet is a voice: few, and not all seen


@dataclass(frozen=True)
class Inputs:
    """Of one build."""

    source: Path  # the export step's folder
    statistics: store.Statistics
    judge: Judge  # on the first bucket; nothing is chosen by what it hears
    elsewhere: tuple[Judge, ...]  # one sentence in each of the other buckets
    searcher: Judge  # other held-out sentences, by which a block-list is chosen
    text: TextInputs  # in the same bucket
    moments: Moments  # of what the vocoder's weights are multiplied with
    buckets: Sequence[Bucket]
    prepared: dict[tuple[int, tuple[str, ...]], Prepared] = field(default_factory=dict)  # by bits and convolutions


def gather(source: Path, calibrated: Path, split: dict[str, Any], buckets: Sequence[Bucket]) -> Inputs:
    """Calibration's statistics, and the held-out part spoken by the float chain."""
    samples = spoken(source, buckets[0], split["held_out"], "speak the held-out part")
    known = split["calibration"][: 2 * SENTENCES]  # every voice in turn, and some are too long
    met = spoken(source, buckets[0], known, "speak to the weights")[:SENTENCES]
    moments = second_moments(source, "vocoder", buckets[0], met)
    rounders = {stage: Rounder(second_moments(source, stage, buckets[0], met)) for stage in ROUNDED}
    searched, judged = split_for_search(samples)
    judge, searcher = (make_judge(source, buckets[0], part) for part in (judged, searched))
    one = [vars(judged[0].utterance)]
    elsewhere = tuple(make_judge(source, b, spoken(source, b, one, f"speak in {b.name}")) for b in buckets[1:])
    with console.progress("read the text", 2) as advance:
        advance("held-out sentences by several voices")
        readers = make_readers(source, buckets[0], split)
        advance("in how many bits weights are stored")
        stored = choose_storage(source, buckets[0], readers, rounders, ON_CPU)
    statistics = store.read(calibrated)
    text = TextInputs(source, buckets[0], readers, statistics.get("bert", {}), rounders, stored)
    return Inputs(source, statistics, judge, elsewhere, searcher, text, moments, buckets)


def spoken(folder: Path, bucket: Bucket, utterances: Sequence[dict[str, Any]], words: str) -> list[Sample]:
    """The float chain on those that fit the bucket."""
    samples = []
    with console.progress(words, len(utterances)) as advance:
        for one in speak(folder, bucket, [Utterance(**u) for u in utterances]):
            advance(one.utterance.voice)
            if isinstance(one, Sample):
                samples.append(one)
    return samples
