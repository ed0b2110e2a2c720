"""Runs the float chain on sentences and gives the NPU stages' inputs and the values of their convolutions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from calibrate.corpus import Utterance
from calibrate.speech import Sample
from calibrate.voices import read_voice
from export_onnx.buckets import Bucket
from export_onnx.contracts import HALVES
from export_onnx.errors import ContractError, TextError
from export_onnx.geometry import STAGE1_PER_FRAME, spectral_columns
from export_onnx.graph.open_values import with_outputs
from export_onnx.graph.shared_weights import content_digest, load
from export_onnx.run import text
from export_onnx.run.chain import BEFORE_SOURCE, Chain
from export_onnx.run.padding import Tensors, noise, text_inputs, waveform
from export_onnx.run.sessions import SessionSettings, cpu_session, run_session

BEFORE_SOUND: Final = (*BEFORE_SOURCE, "source", "style")
SPEAKING: Final = "en-us"
OPENED: Final = SessionSettings(arena=False)  # many values are outputs: the session frees their memory after each run


@dataclass(frozen=True)
class Skipped:
    """An utterance that does not fit the bucket, with the reason."""

    utterance: Utterance
    reason: str


def speak_all(
    folder: Path, bucket: Bucket, utterances: Iterable[Utterance], sound: bool = False
) -> Iterator[Sample | Skipped]:
    """Runs the stages before the vocoder on each utterance, one at a time.

    Args:
        folder: the export step's folder.
        bucket: one of its buckets.
        sound: whether to run the float vocoder, too, and keep its `waveform` at its natural length.
    """
    chain = Chain(folder, bucket)
    vocab = json.loads((folder / "config.json").read_text(encoding="utf-8"))["vocab"]
    for utterance in utterances:
        try:
            inputs = utterance_inputs(folder, vocab, utterance, bucket)
        except (TextError, ContractError) as error:
            yield Skipped(utterance, str(error))
            continue
        values = chain.run_stages(BEFORE_SOURCE, inputs)
        frames = int(values["n_frames"][0])
        if frames > bucket.frames:
            yield Skipped(utterance, f"{frames} frames; bucket {bucket.name} holds {bucket.frames}")
            continue
        values = chain.run_stages(("source", "style"), {**values, "noise": noise(bucket, utterance.seed)})
        if sound:
            values["waveform"] = waveform(chain.run_stages((*HALVES, "tail"), values))
        yield Sample(utterance, values, frames, int(values["n_tokens"][0]))


def graphs_of(folder: Path, bucket: str, stages: Iterable[str]) -> dict[str, str]:
    """What calibration runs of an export: the name of each graph in `folder` -> digest of it and its weights.

    Args:
        stages: those that are watched.

    Raises:
        ContractError: a graph is missing or damaged.
    """
    names = dict.fromkeys((*BEFORE_SOUND, *HALVES, "tail", *stages))
    return {f"{name}_{bucket}": content_digest(folder / f"{name}_{bucket}.onnx") for name in names}


def utterance_inputs(folder: Path, vocab: Mapping[str, int], utterance: Utterance, bucket: Bucket) -> Tensors:
    """The inputs of the text stages for one utterance, padded to the bucket.

    Args:
        folder: the export step's folder, whose voices are read.

    Raises:
        TextError: the text cannot become ids.
        ContractError: the text does not fit the bucket.
        WeightsError: the voice does not exist.
    """
    encoded = text.encode(text.phonemize(utterance.text, SPEAKING), vocab)
    style = read_voice(folder / "voices", utterance.voice)[len(encoded.phonemes) - 1][None]
    return text_inputs(encoded.ids, style, utterance.speed, bucket)


@dataclass(frozen=True)
class ConvProbe:
    """A session of one stage that also gives the inputs and outputs of its convolutions.

    Attributes:
        tensors: the names of those values.
    """

    stage: str
    bucket: Bucket
    session: ort.InferenceSession
    tensors: tuple[str, ...]

    def run(self, sample: Sample) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Gives each value of one sample by name, without padding: [C, L]."""
        outputs = run_session(self.session, sample.values, self.tensors, f"stage {self.stage}, opened")
        for name, array in outputs.items():
            yield name, real_steps(array, self.stage, self.bucket, sample)


def make_probe(folder: Path, stage: str, bucket: Bucket) -> ConvProbe:
    """Loads a stage's float graph and makes the values of its convolutions outputs."""
    model = load(folder / f"{stage}_{bucket.name}.onnx")
    names = conv_values(model)
    return ConvProbe(stage, bucket, cpu_session(with_outputs(model, names), OPENED), names)


def conv_values(model: onnx.ModelProto) -> tuple[str, ...]:
    """The inputs and outputs of all convolutions, in the graph's order, without the graph's own inputs."""
    inputs = {value.name for value in model.graph.input}
    convs = (node for node in model.graph.node if node.op_type == "Conv")
    names = dict.fromkeys(name for conv in convs for name in (conv.input[0], conv.output[0]))
    return tuple(name for name in names if name not in inputs)


def real_steps(array: NDArray[np.generic], stage: str, bucket: Bucket, sample: Sample) -> NDArray[np.float32]:
    """[1, C, ..., L] without its padding: [C, L']."""
    counts_tokens = stage in ("bert", "duration")
    whole, real = (bucket.tokens, sample.tokens) if counts_tokens else (bucket.frames, sample.frames)
    length = array.shape[-1]
    rows = np.asarray(array, np.float32).reshape(-1, length)
    spectral = not counts_tokens and length > whole * STAGE1_PER_FRAME  # one column at each end, and padding
    return rows[:, : spectral_columns(real) if spectral else real * (length // whole)]
