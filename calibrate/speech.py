"""Keeps the speech that calibration made, so that later steps choose and judge on it without speaking it again.

There is one `.npz` per sentence in `speech/`, with the inputs and outputs of all stages before the vocoder; sentences
of the search and held-out parts have the float vocoder's `waveform`, too. Every tensor is zero on padding, so a sample
of one bucket becomes a sample of any larger bucket by padding, and of a dynamic one without its padding.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrate.corpus import Utterance
from export_onnx.buckets import Bucket
from export_onnx.contracts import STAGES, sizes
from export_onnx.errors import ContractError
from export_onnx.run.padding import Tensors, resize

SPEECH: Final = "speech"
_PORTS: Final = {port.name: port for stage in STAGES for port in (*stage.inputs, *stage.outputs)}


@dataclass(frozen=True)
class Sample:
    """One utterance that fits the bucket, with the values up to the vocoder's inputs."""

    utterance: Utterance
    values: Tensors  # by contract name
    frames: int
    tokens: int

    @property
    def reference(self) -> NDArray[np.float32]:
        """The float vocoder's sound, [600 * frames]."""
        return np.asarray(self.values["waveform"], np.float32)


def write_sample(folder: Path, part: str, number: int, sample: Sample) -> None:
    """Writes `speech/<part>_<number>.npz` into calibration's folder."""
    (folder / SPEECH).mkdir(exist_ok=True)
    facts = {"utterance": asdict(sample.utterance), "frames": sample.frames, "tokens": sample.tokens}
    arrays: dict[str, NDArray[Any]] = {"facts": np.array(json.dumps(facts)), **sample.values}
    np.savez(folder / SPEECH / f"{part}_{number:03d}.npz", allow_pickle=False, **arrays)


def read_samples(folder: Path, part: str, most: int | None = None) -> list[Sample]:
    """The first samples of one part, in the order in which they were spoken.

    Raises:
        ContractError: there are none, or a file is damaged.
    """
    files = sorted((folder / SPEECH).glob(f"{part}_*.npz"))[:most]
    if not files:
        raise ContractError(
            str(folder / SPEECH),
            expected=f"sentences of the part {part!r}",
            got="none",
            todo="Run `python -m calibrate`; take shorter sentences or larger --buckets if it spoke none.",
        )
    return [_read(file) for file in files]


def _read(file: Path) -> Sample:
    try:
        with np.load(file, allow_pickle=False) as stored:
            values = {name: stored[name] for name in stored.files if name != "facts"}
            facts: dict[str, Any] = json.loads(str(stored["facts"]))
    except (OSError, ValueError, KeyError) as error:
        raise ContractError(
            str(file), expected="a sentence", got=str(error)[:100], todo="Run `python -m calibrate`."
        ) from error
    return Sample(Utterance(**facts["utterance"]), values, facts["frames"], facts["tokens"])


def in_bucket(sample: Sample, config: Mapping[str, Any], bucket: Bucket) -> Sample:
    """The same sample at another bucket's length; `waveform` keeps its natural length.

    Raises:
        ContractError: the sample does not fit the bucket.
    """
    if sample.tokens > bucket.tokens or sample.frames > bucket.frames:
        raise ContractError(
            f"sentence {sample.utterance.text[:40]!r}",
            expected=f"at most {bucket.tokens} tokens and {bucket.frames} frames",
            got=f"{sample.tokens} tokens and {sample.frames} frames",
            todo="Take a larger bucket.",
        )
    numbers = sizes(config, bucket.holding(sample.tokens, sample.frames))
    resized = {
        name: value if name == "waveform" else resize(value, _PORTS[name].resolve(numbers)[-1])
        for name, value in sample.values.items()
    }
    return replace(sample, values=resized)
