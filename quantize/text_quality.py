"""What the stages before the sound say, beside the float run's: frames of every token, features, pitch, energy.

A token that lasts a frame longer moves everything behind it: no signal-to-noise ratio is good enough if one count
changes. So counts are compared as they are; the rest has floors, each where nobody can hear it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from calibrate.capture import SPEAKING
from calibrate.corpus import Utterance
from export_onnx import text
from export_onnx.chain import Chain, Tensors, text_inputs
from export_onnx.contracts import Bucket
from export_onnx.decibels import CEILING, snr
from export_onnx.errors import ContractError, ParityError, TextError
from export_onnx.geometry import F0_PER_FRAME
from export_onnx.storage import load

TEXT_STAGES: Final = ("bert", "duration", "prosody", "style")
UNROUNDED: Final = "unrounded"  # what `frames_per_token` is rounded from, as an output of `duration`

# The vocoder's integers are meant to reach 45 dB at best: what is 15 dB below them adds 0.14 dB.
FEATURES_DB: Final = 60.0
F0_CENTS: Final = 1.0  # a fifth of the smallest step that listeners notice
VOICING: Final = 0.001  # share of the half-frames that may change sides: one in 12 seconds
ENERGY: Final = 0.01  # a natural logarithm: 1 % of amplitude, 0.09 dB
VOICED_FROM: Final = 10.0  # Hz, as in the original's source
LOWEST_PITCH: Final = 50.0  # Hz; below it a difference is no interval


@dataclass(frozen=True)
class TextQuality:
    """Over several utterances; features, pitch and energy where no count changed.

    Attributes:
        utterances, changed: how many, and in how many a token's frames changed.
        drift: of a duration before it is rounded, in frames: the mean, and `worst` the largest.
        asr_db, style_db: the worst utterance's signal-to-error.
        f0_cents, energy: root mean square of the error.
        voicing: share of the half-frames that are voiced on one side only.
    """

    utterances: int
    changed: int
    drift: float
    worst: float
    asr_db: float
    style_db: float
    f0_cents: float
    voicing: float
    energy: float

    def failures(self) -> tuple[str, ...]:
        """What is beyond its floor, in words."""
        gates = (
            (self.changed == 0, f"{self.changed} of {self.utterances} sentences change frames"),
            (self.asr_db >= FEATURES_DB, f"text features at {self.asr_db:.1f} dB"),
            (self.style_db >= FEATURES_DB, f"gains and shifts at {self.style_db:.1f} dB"),
            (self.f0_cents <= F0_CENTS, f"pitch off by {self.f0_cents:.2f} cents"),
            (self.voicing <= VOICING, f"voicing changes in {self.voicing:.2%}"),
            (self.energy <= ENERGY, f"energy off by {self.energy:.4f}"),
        )
        return tuple(words for passed, words in gates if not passed)


@dataclass(frozen=True)
class Reader:
    """Utterances with what the float stages make of them."""

    folder: Path
    bucket: Bucket
    spoken: Sequence[Tensors]

    @property
    def tokens(self) -> int:
        """Real tokens of all utterances."""
        return sum(int(values["n_tokens"][0]) for values in self.spoken)

    def compare(self, graphs: Mapping[str, onnx.ModelProto], last: str = "style") -> TextQuality:
        """The same utterances through other graphs, by stage, from the first of them up to the stage `last`."""
        places = [TEXT_STAGES.index(stage) for stage in graphs]
        stages = TEXT_STAGES[min(places) : TEXT_STAGES.index(last) + 1]
        spoken = [dict(values) for values in self.spoken]
        for _ in run_stages(self.folder, self.bucket, stages, spoken, graphs):
            pass
        return measure(self.spoken, spoken)


def make_reader(folder: Path, bucket: Bucket, utterances: Sequence[Utterance]) -> Reader:
    """Runs the float stages on each utterance that fits the bucket.

    Raises:
        ParityError: none does.
    """
    vocab = json.loads((folder / "config.json").read_text(encoding="utf-8"))["vocab"]
    inputs = []
    for utterance in utterances:
        try:
            encoded = text.encode(text.phonemize(utterance.text, SPEAKING), vocab)
            style = np.load(folder / "voices" / f"{utterance.voice}.npy")[len(encoded.phonemes) - 1][None]
            inputs.append(text_inputs(encoded.ids, style, utterance.speed, bucket))
        except (TextError, ContractError):
            continue  # too long for the bucket
    run = run_stages(folder, bucket, TEXT_STAGES, inputs, {})
    spoken = [values for values in run if int(values["n_frames"][0]) <= bucket.frames]
    if not spoken:
        raise ParityError("sentences", expected=f"one that fits {bucket.name}", got="none", todo="Take shorter ones.")
    return Reader(folder, bucket, spoken)


def run_stages(
    folder: Path,
    bucket: Bucket,
    stages: Sequence[str],
    inputs: Sequence[Tensors],
    graphs: Mapping[str, onnx.ModelProto],
) -> Iterator[Tensors]:
    """Each of `inputs` with what the stages put out added to it; `graphs` stand in for the folder's files."""
    with tempfile.TemporaryDirectory() as scratch:
        paths = {}
        for stage in stages:
            if stage in graphs or stage == "duration":
                graph = graphs[stage] if stage in graphs else load(folder / f"{stage}_{bucket.name}.onnx")
                paths[stage] = Path(scratch) / f"{stage}.onnx"
                onnx.save(opened(graph) if stage == "duration" else graph, paths[stage])
        chain = Chain(folder, bucket, paths)
        for values in inputs:
            for stage in stages:
                values.update(chain.run(stage, values))
            yield values


def opened(duration: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that also gives durations before they are rounded, [1, tokens]."""
    copy = onnx.ModelProto()
    copy.CopyFrom(duration)
    node = next(node for node in copy.graph.node if node.op_type == "Round")
    value = helper.make_tensor_value_info(UNROUNDED, TensorProto.FLOAT, None)
    copy.graph.node.append(helper.make_node("Identity", [node.input[0]], [UNROUNDED]))
    copy.graph.output.append(value)
    return copy


def measure(expected: Sequence[Tensors], got: Sequence[Tensors]) -> TextQuality:
    """The same utterances twice."""
    pairs = list(zip(expected, got, strict=True))
    drift = np.abs(np.concatenate([_unrounded(a) - _unrounded(b) for a, b in pairs]))
    same = [(a, b) for a, b in pairs if np.array_equal(a["frames_per_token"], b["frames_per_token"])]
    f0, energy = (
        [np.concatenate([_real(pair[i], name) for pair in same] or [np.zeros(1)]) for i in (0, 1)]
        for name in ("f0", "energy")
    )
    voiced = [curve > VOICED_FROM for curve in f0]
    low, high = (np.maximum(curve, LOWEST_PITCH)[voiced[0] & voiced[1]] for curve in f0)
    return TextQuality(
        len(pairs),
        len(pairs) - len(same),
        float(drift.mean()),
        float(drift.max()),
        min((snr(a["asr"], b["asr"]) for a, b in same), default=CEILING),
        min((min(snr(a[n], b[n]) for n in ("gains", "shifts")) for a, b in pairs), default=CEILING),
        _rms(1200 * np.log2(high / low)),
        float((voiced[0] != voiced[1]).mean()),
        _rms(energy[0] - energy[1]),
    )


def _unrounded(values: Tensors) -> NDArray[np.float64]:
    return values[UNROUNDED].ravel()[: int(values["n_tokens"][0])].astype(np.float64)


def _real(values: Tensors, name: str) -> NDArray[np.float64]:
    return values[name][0, : F0_PER_FRAME * int(values["n_frames"][0])].astype(np.float64)


def _rms(error: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.square(error).mean())) if error.size else 0.0
