"""Runs the stages of one bucket one after another, from ids to waveform; every tensor between them can be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from export_onnx.buckets import BucketSize
from export_onnx.contracts import HALVES
from export_onnx.errors import ContractError
from export_onnx.run.padding import Tensors, noise, text_inputs
from export_onnx.run.sessions import DEFAULT, SessionSettings, cpu_session, run_session

# The stages in the order of the data. The first two give the durations; the third gives the number of frames, which
# decides whether the sound fits the bucket; `source` is the first that takes noise.
DURATIONS: Final = ("bert", "duration")
BEFORE_SOURCE: Final = (*DURATIONS, "prosody")
FROM_SOURCE: Final = ("source", "style", *HALVES, "tail")


@dataclass
class Chain:
    """The stages at one bucket. Each session is made at first use and kept.

    Attributes:
        folder: of the stages' files, `<stage>_<bucket>.onnx`.
        files: the files of stages that are in another folder, such as quantized ones or a package's.
        settings: the settings of every session.
        open_sessions: those that were made, by stage.
    """

    folder: Path
    bucket: BucketSize
    files: Mapping[str, Path] = field(default_factory=dict)
    settings: SessionSettings = DEFAULT
    open_sessions: dict[str, ort.InferenceSession] = field(default_factory=dict)

    def file(self, stage: str) -> Path:
        """The path of the stage's file."""
        return self.files.get(stage, self.folder / f"{stage}_{self.bucket.name}.onnx")

    def session(self, stage: str) -> ort.InferenceSession:
        """The stage's session.

        Raises:
            ContractError: its file is missing, or ONNX Runtime does not load it.
        """
        if stage not in self.open_sessions:
            self.open_sessions[stage] = cpu_session(self.file(stage), self.settings)
        return self.open_sessions[stage]

    def run(self, stage: str, values: Mapping[str, NDArray[Any]]) -> Tensors:
        """Runs one stage; takes its inputs from `values` by name, gives its outputs by name.

        Raises:
            ContractError: the stage cannot be loaded, or refuses the values.
        """
        where = f"stage {stage}, bucket {self.bucket.name}"
        return run_session(self.session(stage), values, where=where, shrink=self.bucket.dynamic)

    def run_stages(self, stages: Iterable[str], values: Mapping[str, NDArray[Any]]) -> Tensors:
        """Runs `stages` one after another and gives a copy of `values` with their outputs added.

        Raises:
            ContractError: as `run`.
        """
        known = dict(values)
        for stage in stages:
            known.update(self.run(stage, known))
        return known

    def speak(
        self,
        ids: tuple[int, ...],
        style: NDArray[np.float32],
        speed: float = 1.0,
        seed: int = 0,
        noise_values: NDArray[np.float32] | None = None,
    ) -> Tensors:
        """Runs all stages for one text.

        Args:
            ids: [n], pads included; n at most the bucket's tokens.
            style: [1, 256], a voice row.
            speed: 0.5 to 2.
            seed: of the source's noise.
            noise_values: [1, samples], draws to use in place of the seed's.

        Returns:
            Every stage's inputs and outputs by name, padded as the contract states.

        Raises:
            ContractError: the text or its sound does not fit the bucket.
        """
        values = self.run_stages(BEFORE_SOURCE, text_inputs(ids, style, speed, self.bucket))
        frames = int(values["n_frames"][0])
        if frames > self.bucket.frames:
            raise ContractError(
                f"bucket {self.bucket.name}",
                expected=f"at most {self.bucket.frames} frames",
                got=str(frames),
                todo="Take a larger bucket, or split the text.",
            )
        values["noise"] = noise(self.bucket, seed, frames) if noise_values is None else noise_values
        return self.run_stages(FROM_SOURCE, values)
