"""The stages of one folder and bucket, joined by ONNX Runtime: ids in, waveform out, every hand-over visible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from export_onnx import geometry
from export_onnx.checkpoint.architecture import STYLE_HALF
from export_onnx.contracts import STAGES, Bucket
from export_onnx.errors import ContractError
from export_onnx.graph.shared_weights import cpu_session

Tensors = dict[str, NDArray[np.generic]]  # by contract name


def session(path: Path, threads: int = 0) -> ort.InferenceSession:
    """The file on ONNX Runtime's CPU provider, quiet.

    Raises:
        ContractError: the file is missing or not an ONNX model.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    try:
        return cpu_session(path, options)
    except Exception as error:  # ONNX Runtime raises its own kinds, none of them exported
        raise ContractError(
            str(path),
            expected="a model that ONNX Runtime loads",
            got=str(error)[:200],
            todo="Export it again.",
        ) from error


@dataclass
class Chain:
    """The stages at one bucket. Sessions are made at first use."""

    folder: Path
    bucket: Bucket
    replaced: Mapping[str, Path] = field(default_factory=dict)  # stage -> another file, such as a quantized one
    _sessions: dict[str, ort.InferenceSession] = field(default_factory=dict)

    def run(self, stage: str, values: Mapping[str, NDArray[np.generic]]) -> Tensors:
        """One stage; takes its inputs from `values` by name, gives its outputs by name."""
        if stage not in self._sessions:
            path = self.replaced.get(stage, self.folder / f"{stage}_{self.bucket.name}.onnx")
            self._sessions[stage] = session(path)
        runner = self._sessions[stage]
        feeds = {port.name: values[port.name] for port in runner.get_inputs()}
        names = [port.name for port in runner.get_outputs()]
        return dict(zip(names, runner.run(names, feeds), strict=True))

    def speak(
        self,
        ids: tuple[int, ...],
        style: NDArray[np.float32],
        speed: float = 1.0,
        seed: int = 0,
        noise_values: NDArray[np.float32] | None = None,
    ) -> Tensors:
        """All stages for one text.

        Args:
            ids: [n], pads included; n at most the bucket's tokens.
            style: [1, 256], a voice row.
            speed: 0.5 to 2.
            seed: of the source's noise.
            noise_values: [1, samples], draws to use in place of the seed's.

        Returns:
            Every tensor that crosses a stage's door, padded as the contract says.

        Raises:
            ContractError: the text or its sound does not fit the bucket.
        """
        values = text_inputs(ids, style, speed, self.bucket)
        for stage in STAGES:
            if stage.name == "source":
                frames = int(values["n_frames"][0])
                if frames > self.bucket.frames:
                    raise ContractError(
                        f"bucket {self.bucket.name}",
                        expected=f"at most {self.bucket.frames} frames",
                        got=str(frames),
                        todo="Take a larger bucket, or split the text.",
                    )
                values["noise"] = noise(self.bucket, seed) if noise_values is None else noise_values
            values.update(self.run(stage.name, values))
        return values


def text_inputs(ids: tuple[int, ...], style: NDArray[np.float32], speed: float, bucket: Bucket) -> Tensors:
    """What the text stages take, padded to the bucket.

    Raises:
        ContractError: more ids than the bucket has tokens.
    """
    n = len(ids)
    if n > bucket.tokens:
        raise ContractError(
            f"bucket {bucket.name}",
            expected=f"at most {bucket.tokens} tokens",
            got=str(n),
            todo="Take a larger bucket, or split the text.",
        )
    padded = np.zeros((1, bucket.tokens), np.int32)
    padded[0, :n] = ids
    return {
        "ids": padded,
        "token_mask": (np.arange(bucket.tokens) < n).astype(np.float32)[None],
        "n_tokens": np.array([n], np.int32),
        "timbre_style": style[:, :STYLE_HALF].astype(np.float32),
        "prosody_style": style[:, STYLE_HALF:].astype(np.float32),
        "speed": np.array([speed], np.float32),
    }


def noise(bucket: Bucket, seed: int) -> NDArray[np.float32]:
    """The source's Gaussians, [1, samples]. The first samples do not depend on the bucket."""
    samples = geometry.frames_to_samples(bucket.frames)
    return np.random.default_rng(seed).standard_normal((1, samples), dtype=np.float32)


def waveform(values: Tensors) -> NDArray[np.float32]:
    """The real samples of a chain's result, [600 * n_frames]."""
    return values["waveform"][0, : geometry.frames_to_samples(int(values["n_frames"][0]))].astype(np.float32)
