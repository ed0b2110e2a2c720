"""Compares the text stages' outputs with the float run's: frames per token, text features, style, pitch and energy.

1. `make_text_reader` runs the float stages on each utterance that fits the bucket, and keeps their outputs.
2. `TextReader.compare` runs the same utterances through other graphs. From `prosody` on, both runs use the float run's
   frames per token, because a token that lasts one frame longer would shift all later frames.
3. `measure_text` compares both runs. The frames per token are held to the rule of `duration_rule.py`; every other
   figure has a floor below, set where listeners notice no difference.

An example of pitch: a float run's half-frame is at 120 Hz and the other run's at 120.2 Hz, 1200 * log2(120.2 / 120) =
2.9 cents apart. If all half-frames differed by so much, the root mean square would be 2.9 cents, and the floor of
4 cents would hold. At 120.3 Hz, 4.3 cents, it would fail.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from calibrate.capture import utterance_inputs
from calibrate.corpus import Utterance
from export_onnx.buckets import Bucket
from export_onnx.contracts import FRAMES_PER_TOKEN
from export_onnx.errors import ContractError, ParityError, TextError
from export_onnx.geometry import F0_PER_FRAME
from export_onnx.graph.open_values import with_outputs
from export_onnx.graph.shared_weights import load
from export_onnx.proof.decibels import snr
from export_onnx.run.chain import Chain
from export_onnx.run.padding import Tensors
from quantize.text.duration_rule import Durations, compare_durations

TEXT_STAGES: Final = ("bert", "duration", "prosody", "style")
UNROUNDED: Final = "unrounded"  # frames per token before `duration` rounds them, [1, tokens]

# The vocoder of the most exact target is meant to reach 40 dB. Errors at 45 dB in front of it lower that by 1.2 dB.
FEATURES_DB: Final = 45.0
# Listeners notice 0.3 Hz of a steady 120 Hz vowel, 4.3 cents, and 2 Hz of a moving one, 29 cents (Klatt 1973, JASA 53).
F0_CENTS: Final = 4.0
VOICING: Final = 0.001  # share of the half-frames that may change sides: one in 12 seconds
ENERGY: Final = 0.01  # a natural logarithm: 1 % of amplitude, 0.09 dB
VOICED_FROM: Final = 10.0  # Hz, as in the original's source
LOWEST_PITCH: Final = 50.0  # Hz; below it a difference is no interval


@dataclass(frozen=True)
class TextQuality:
    """How far the text stages' outputs are from the float run's, over several utterances.

    Attributes:
        durations: changes of the frames per token.
        drift: mean change of a token's duration before it is rounded, in frames.
        worst: the largest such change, in frames.
        asr_db, style_db: signal-to-error ratio of the worst utterance.
        f0_cents, energy: root mean square of the error.
        voicing: share of the half-frames that only one of both runs has voiced, 0 to 1.
    """

    durations: Durations
    drift: float
    worst: float
    asr_db: float
    style_db: float
    f0_cents: float
    voicing: float
    energy: float

    def failures(self) -> tuple[str, ...]:
        """Each figure that misses its floor, in words; empty if all hold."""
        gates = (
            (self.asr_db >= FEATURES_DB, f"text features at {self.asr_db:.1f} dB"),
            (self.style_db >= FEATURES_DB, f"gains and shifts at {self.style_db:.1f} dB"),
            (self.f0_cents <= F0_CENTS, f"pitch off by {self.f0_cents:.2f} cents"),
            (self.voicing <= VOICING, f"voicing changes in {self.voicing:.2%}"),
            (self.energy <= ENERGY, f"energy off by {self.energy:.4f}"),
        )
        return (*self.durations.failures(), *(words for passed, words in gates if not passed))


@dataclass(frozen=True)
class TextReader:
    """Utterances with the float stages' outputs for them.

    Attributes:
        folder, bucket: the float stages.
        spoken: inputs and outputs of all text stages, per utterance.
        voices: the voice of each utterance.
    """

    folder: Path
    bucket: Bucket
    spoken: Sequence[Tensors]
    voices: Sequence[str]

    @property
    def tokens(self) -> int:
        """The number of real tokens in all utterances."""
        return sum(int(values["n_tokens"][0]) for values in self.spoken)

    def compare(self, graphs: Mapping[str, onnx.ModelProto], last: str = "style") -> TextQuality:
        """Runs the same utterances through other graphs and measures the difference.

        Args:
            graphs: by stage; the run starts at the first of these stages.
            last: the stage at which the run ends.
        """
        places = [TEXT_STAGES.index(stage) for stage in graphs]
        stages = TEXT_STAGES[min(places) : TEXT_STAGES.index(last) + 1]
        spoken = [dict(values) for values in self.spoken]
        counts = [values[FRAMES_PER_TOKEN.name] for values in self.spoken]
        for _ in run_text_stages(self.folder, self.bucket, stages, spoken, graphs, counts):
            pass
        return measure_text(self.spoken, spoken, self.voices)


def make_text_reader(
    folder: Path, bucket: Bucket, utterances: Sequence[Utterance], most: int | None = None, least: int = 1
) -> TextReader:
    """Runs the float stages on each utterance that fits the bucket.

    Args:
        most: the number of fitting utterances after which to stop.
        least: the number of fitting utterances that make the comparison worth something.

    Raises:
        ParityError: fewer than `least` utterances fit.
    """
    vocab = json.loads((folder / "config.json").read_text(encoding="utf-8"))["vocab"]
    inputs, voices = [], []
    for utterance in utterances:
        try:
            inputs.append(utterance_inputs(folder, vocab, utterance, bucket))
            voices.append(utterance.voice)
        except (TextError, ContractError):
            continue  # too long for the bucket
    run = zip(run_text_stages(folder, bucket, TEXT_STAGES, inputs, {}), voices, strict=True)  # as far as it is asked
    fitting = ((values, voice) for values, voice in run if int(values["n_frames"][0]) <= bucket.frames)
    spoken = list(islice(fitting, most))
    if len(spoken) < least:
        raise ParityError(
            f"sentences of the bucket {bucket.name}",
            expected=f"at least {least} of {len(utterances)} that fit",
            got=str(len(spoken)),
            todo="Take shorter sentences, or more of them.",
        )
    return TextReader(folder, bucket, *zip(*spoken, strict=True))


def run_text_stages(
    folder: Path,
    bucket: Bucket,
    stages: Sequence[str],
    inputs: Sequence[Tensors],
    graphs: Mapping[str, onnx.ModelProto],
    counts: Sequence[NDArray[np.generic]] | None = None,
) -> Iterator[Tensors]:
    """Adds the stages' outputs, and the durations before rounding, to each of `inputs`.

    Args:
        graphs: replace the folder's files of these stages.
        counts: frames per token of each utterance for `prosody`; without them it uses those that `duration` gives.
    """
    with tempfile.TemporaryDirectory() as scratch:
        paths, rounded = {}, ""
        for stage in stages:
            if stage in graphs or stage == "duration":
                graph = graphs[stage] if stage in graphs else load(folder / f"{stage}_{bucket.name}.onnx")
                if stage == "duration":
                    rounded = next(node.input[0] for node in graph.graph.node if node.op_type == "Round")
                    graph = with_outputs(graph, [rounded])
                paths[stage] = Path(scratch) / f"{stage}.onnx"
                onnx.save(graph, paths[stage])
        chain = Chain(folder, bucket, paths)
        read: dict[bytes, Tensors] = {}  # `bert` has no voice input: utterances of one text share its run
        for i, values in enumerate(inputs):
            for stage in stages:
                if stage == "bert":
                    ids = values["ids"].tobytes()
                    read[ids] = read.get(ids) or chain.run(stage, values)
                    values.update(read[ids])
                    continue
                forced = {FRAMES_PER_TOKEN.name: counts[i]} if counts and stage == "prosody" else {}
                values.update(chain.run(stage, {**values, **forced}))
                if stage == "duration":
                    values[UNROUNDED] = values.pop(rounded)
            yield values


def measure_text(expected: Sequence[Tensors], got: Sequence[Tensors], voices: Sequence[str]) -> TextQuality:
    """Compares two runs of the same utterances; both used the expected run's frames per token from `prosody` on."""
    pairs = list(zip(expected, got, strict=True))
    drift = np.abs(np.concatenate([_tokens(a, UNROUNDED) - _tokens(b, UNROUNDED) for a, b in pairs]))
    before, after = ([_tokens(one, FRAMES_PER_TOKEN.name).astype(np.int64) for one in said] for said in (expected, got))
    f0, energy = (
        [np.concatenate([_real(pair[i], name) for pair in pairs]) for i in (0, 1)] for name in ("f0", "energy")
    )
    voiced = [curve > VOICED_FROM for curve in f0]
    low, high = (np.maximum(curve, LOWEST_PITCH)[voiced[0] & voiced[1]] for curve in f0)
    return TextQuality(
        compare_durations(before, after, voices),
        float(drift.mean()),
        float(drift.max()),
        min(snr(a["asr"], b["asr"]) for a, b in pairs),
        min(min(snr(a[n], b[n]) for n in ("gains", "shifts")) for a, b in pairs),
        _rms(1200 * np.log2(high / low)) if voiced[0].any() else 0.0,
        float((voiced[0] != voiced[1]).mean()),
        _rms(energy[0] - energy[1]),
    )


def _tokens(values: Tensors, name: str) -> NDArray[np.float64]:
    return values[name].ravel()[: int(values["n_tokens"][0])].astype(np.float64)


def _real(values: Tensors, name: str) -> NDArray[np.float64]:
    return values[name][0, : F0_PER_FRAME * int(values["n_frames"][0])].astype(np.float64)


def _rms(error: NDArray[np.float64]) -> float:
    """Root mean square; infinite where there is nothing to compare, which no floor lets pass."""
    return float(np.sqrt(np.square(error).mean())) if error.size else np.inf
