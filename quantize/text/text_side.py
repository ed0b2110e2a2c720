"""Stores the weights of the stages before the sound in fewer bits, and quantizes `bert` where an NPU runs it.

1. Each group of weights that a CPU runs is stored in 8, 10, 12 or 16 bits alone. It takes the fewest bits whose gates
   hold on search sentences (`stored_bits.py`).
2. If the target's recipe has `bert` on the NPU, the parts of it that become INT8 are chosen (`choose_bert_parts.py`).
3. All choices are tried together on search sentences. If they fail, one careful step is taken and they are tried again:
   if counts of frames change, the groups that reach a count and have the fewest bits take the next number of bits, or a
   part of `bert` leaves; if anything else fails, the groups that reach no count take a step.
4. Held-out sentences by several voices, in calibration and not, judge the result once. Nothing is chosen by them: a
   target that they refuse is an error.

An example: two groups reach counts and hold alone in 10 bits. Together they change the frames of 4 of 576 tokens, which
is 0.7 %, and the rule (`duration_rule.py`) allows 0.5 %. Both take 12 bits. Now 2 of 576 tokens change, which is 0.3 %,
and the choice holds.

Today every recipe has `bert` on the CPU: on Kokoro-82M, integers change 4.6 % of the tokens with 8-bit activations,
some by five frames, and 0.8 % with 16 bits. In float32 it is a fifth of a package, for 2.7 % of the multiply-adds, and
an NPU computes float in half precision, whose durations a simulation can check on a few sentences only. With 10 bits
per weight the rule holds, in 8 MB. Context binaries have `bert` on the NPU all the same (`half_norms.py`): their proof
counts the frames on the simulation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import onnx

from calibrate.corpus import Utterance
from calibrate.store import Channels
from export_onnx.buckets import Bucket
from export_onnx.errors import ParityError
from export_onnx.graph.shared_weights import load
from quantize.qdq import QdqPlan, quantize_convolutions
from quantize.recipes import Recipe
from quantize.text.choose_bert_parts import Choice, Part, albert_parts, choose_parts, plan_bert
from quantize.text.stored_bits import LADDER, Store, Stored, choose_bits, stores_of
from quantize.text.text_quality import TEXT_STAGES, TextQuality, TextReader, make_text_reader
from quantize.weights.packed_bits import Bits, Rounder, large_weights, store_compactly, store_in_16_bits

SEARCH_SENTENCES: Final = 16
JUDGING_VOICES: Final = 4  # each says every held-out sentence; all that nobody calibrated on are among them


@dataclass(frozen=True)
class TextSide:
    """What happens to the stages before the vocoder, and to float weights of the vocoder where a CPU runs it.

    Attributes:
        bert: the plan of its convolutions, or None: float.
        stored: of the CPU's stages: what takes how many bits.
        rest: stages whose large weights, as far as they are float, take 16 bits.
        rounders: of the stages' weights that are stored.
        choice: bert's parts, where it was tried.
        verdict: what the held-out sentences said.
    """

    bert: QdqPlan | None
    stored: tuple[Stored, ...]
    rest: tuple[str, ...]
    rounders: Mapping[str, Rounder] = field(default_factory=dict)
    choice: Choice | None = None
    verdict: Mapping[str, Any] = field(default_factory=dict)

    def apply(self, stage: str, model: onnx.ModelProto) -> onnx.ModelProto:
        """The graph that ships, at any bucket."""
        if stage == "bert" and self.bert is not None:
            model = quantize_convolutions(model, self.bert)
        if stage in self.rest:
            return store_in_16_bits(model)
        left = large_weights(model)  # of a convolution in integers, none
        bits: dict[str, Bits] = {
            name: one.bits
            for one in self.stored
            if one.bits is not None and one.store.stage == stage
            for name in one.store.weights
            if name in left
        }
        return store_compactly(model, bits, self.rounders.get(stage)) if bits else model

    def lossy(self) -> bool:
        """Whether anything is not as it was."""
        return self.bert is not None or any(one.bits for one in self.stored)

    def facts(self) -> dict[str, Any]:
        """Decisions and evidence, for the report."""
        facts: dict[str, Any] = {}
        if self.choice and self.choice.order:
            done, whole = len(self.choice.quantized), len(self.choice.order)
            facts["bert"] = {
                "decision": "quantized" if done == whole else "quantized in part" if done else "float",
                "reason": "each part alone on sentences of the calibration part; the whole on held-out ones",
                "share_of_weights": round(self.choice.share(), 4),
                "parts": self.choice.facts(),
            }
        facts |= {f"storage of {one.store.name}": one.facts() for one in self.stored}
        return {**facts, "held_out": dict(self.verdict)} if self.verdict else facts


@dataclass(frozen=True)
class Readers:
    """Two sets of sentences: `search` chooses, steps back included; `judge`, the held-out ones, only refuses."""

    search: TextReader
    judge: TextReader


def make_readers(folder: Path, bucket: Bucket, split: Mapping[str, Any]) -> Readers:
    """From the split that calibration recorded.

    Args:
        folder: the float stages.
        split: `calibration`, `search` and `held_out`, each a list of `Utterance`'s fields; `held_out_voices`.
    """
    known, search, held = ([Utterance(**one) for one in split[part]] for part in ("calibration", "search", "held_out"))
    unheard = list(split["held_out_voices"])
    heard = sorted({one.voice for one in held if one.voice not in unheard})
    speakers = [*unheard, *heard[: max(1, JUDGING_VOICES - len(unheard))]]
    others = [replace(one, voice=voice) for one in held for voice in speakers]
    searched = [*search, *reversed(known)]  # weights are rounded by the first of `known`
    return Readers(
        make_text_reader(folder, bucket, searched, SEARCH_SENTENCES),
        make_text_reader(folder, bucket, list(dict.fromkeys([*held, *others]))),
    )


def choose_storage(
    folder: Path, bucket: Bucket, readers: Readers, rounders: Mapping[str, Rounder], stages: Sequence[str]
) -> tuple[Stored, ...]:
    """In how many bits the weights of `stages` are stored, each part tried alone; the order is `TEXT_STAGES`'."""
    graphs = {stage: load(folder / f"{stage}_{bucket.name}.onnx") for stage in TEXT_STAGES if stage in stages}

    def listen(store: Store, bits: Bits) -> TextQuality:
        graph = store_compactly(graphs[store.stage], dict.fromkeys(store.weights, bits), rounders.get(store.stage))
        return readers.search.compare({store.stage: graph})

    return tuple(choose_bits(store, partial(listen, store)) for store in stores_of(graphs))


@dataclass(frozen=True)
class TextInputs:
    """What every target's text side is chosen from.

    Attributes:
        folder, bucket: the float stages.
        seen: calibration's statistics of `bert`.
        rounders: by stage; bert's moments are what its convolutions are rounded by, too.
        stored: `choose_storage`'s, of all stages that some target's CPU runs.
        choices: of bert's parts, by the bits of activations; made when a target first asks.
        heard: what each set of sentences said, by the set, what was integers and how the rest was stored.
    """

    folder: Path
    bucket: Bucket
    readers: Readers
    seen: Mapping[str, Channels]
    rounders: Mapping[str, Rounder]
    stored: tuple[Stored, ...]
    choices: dict[int, Choice] = field(default_factory=dict)
    heard: dict[str, TextQuality] = field(default_factory=dict)

    def said(
        self, reader: TextReader, choice: Choice, stored: Sequence[Stored], graphs: Mapping[str, onnx.ModelProto]
    ) -> TextQuality:
        """The sentences of `reader` through `graphs`, once for all targets that make the same."""
        made = repr((reader is self.readers.judge, choice.quantized, [(one.store.name, one.bits) for one in stored]))
        if not choice.quantized and made in self.heard:
            return self.heard[made]
        self.heard[made] = reader.compare(graphs)
        return self.heard[made]


def choose_text_side(inputs: TextInputs, chosen: Recipe) -> TextSide:
    """Decides what of `bert` is in integers, steps back where the whole does not hold, and judges the result once.

    Raises:
        ParityError: the held-out sentences refuse what the search sentences let pass.
    """
    folder, bucket, readers, rounders = inputs.folder, inputs.bucket, inputs.readers, inputs.rounders
    bits = chosen.activation_bits
    graphs = {stage: load(folder / f"{stage}_{bucket.name}.onnx") for stage in TEXT_STAGES}
    bert = graphs["bert"]

    def side(parts: tuple[Part, ...], stored: tuple[Stored, ...] = (), rest: tuple[str, ...] = ()) -> TextSide:
        plan = plan_bert(bert, parts, inputs.seen, bits, rounders["bert"].moments)
        return TextSide(plan, stored, rest, rounders)

    def listen(parts: tuple[Part, ...]) -> TextQuality:
        return readers.search.compare({"bert": side(parts).apply("bert", bert)}, "prosody")

    choice = Choice((), {}, ())
    if "bert" not in chosen.compact:
        if bits not in inputs.choices:
            inputs.choices[bits] = choose_parts(albert_parts(bert), listen)
        choice = inputs.choices[bits]
    rest = tuple(stage for stage in chosen.compact if stage not in TEXT_STAGES)
    kept = tuple(one for one in inputs.stored if one.store.stage in chosen.compact)
    steps_back: list[str] = []
    while True:
        whole = replace(side(choice.quantized, kept, rest), choice=choice)
        made = {stage: whole.apply(stage, graph) for stage, graph in graphs.items()}
        quality = inputs.said(readers.search, choice, kept, made)
        failures = quality.failures()
        if not failures or not whole.lossy():
            break
        steps_back.append("; ".join(failures))
        integers = {"bert": side(choice.quantized).apply("bert", bert)}
        if choice.quantized and readers.search.compare(integers).failures():
            choice = choice.without_next()  # bert's integers do not hold by themselves
        else:
            choice, kept = step_back(choice, kept, bool(quality.durations.failures()))
    judged = inputs.said(readers.judge, choice, kept, made)
    return replace(whole, verdict=_verdict(chosen.name, readers, judged, steps_back))


def step_back(choice: Choice, stored: tuple[Stored, ...], counted: bool) -> tuple[Choice, tuple[Stored, ...]]:
    """The next careful choice: counts that change are cured where counts are made, anything else where they are not.

    First what is stored in the fewest bits takes more, up to 16; then a part of bert leaves; then float32 remains.
    """
    fewest = min((one.bits for one in stored if one.bits and one.store.counts == counted), default=None)
    if choice.quantized and fewest in (None, LADDER[-1]):
        return choice.without_next(), stored
    if fewest is None:  # not where it should be: everywhere
        return replace(choice, quantized=()), tuple(replace(one, bits=None) for one in stored)
    return choice, tuple(one.safer() if one.bits == fewest and one.store.counts == counted else one for one in stored)


def _verdict(target: str, readers: Readers, quality: TextQuality, steps_back: Sequence[str]) -> dict[str, Any]:
    """What the held-out sentences said, for the report.

    Raises:
        ParityError: they fail.
    """
    heard = f"{len(readers.judge.spoken)} held-out utterances, {readers.judge.tokens} tokens"
    if failures := quality.failures():
        raise ParityError(
            f"{target}, text stages, {heard}",
            expected="every floor of text_quality.py and duration_rule.py to hold, as it does on the search sentences",
            got="; ".join(failures),
            todo=(
                "Choose on speech that is more like the held-out sentences: `python -m calibrate --corpus` with more "
                "of it. Where that fails too, tighten `DRIFT` or the floor that failed, so that more bits are kept."
            ),
        )
    short = {k: float(f"{v:.4g}") for k, v in vars(quality).items() if isinstance(v, float)}
    return {
        "decision": "passed",
        "reason": heard,
        "steps_back": list(steps_back),
        "frames_per_token": quality.durations.facts(),
        **short,
    }
