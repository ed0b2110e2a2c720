"""The chunks of a text as the stages made them, kept while a package speaks: sound before joining, and durations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export_onnx.run.chain import Chain
from export_onnx.run.padding import Tensors, waveform
from selector.package.opened import Package


@dataclass(frozen=True)
class RecordedChunk:
    """One chunk before joining.

    Attributes:
        sound: [samples] float32, 24 kHz.
        phonemes: n symbols of the vocabulary.
        frames_per_token: [n + 2] integers, with one pad at each end.
    """

    sound: NDArray[np.float32]
    phonemes: str
    frames_per_token: tuple[int, ...]


@dataclass
class RecordingChain(Chain):
    """A chain that keeps each sound that it makes.

    Attributes:
        symbols: by id.
        kept: the chunks in the order in which they were made, shared by the chains of a package.
    """

    symbols: Mapping[int, str] = field(default_factory=dict)
    kept: list[RecordedChunk] = field(default_factory=list)

    def run_stages(self, stages: Iterable[str], values: Mapping[str, NDArray[Any]]) -> Tensors:
        """As `Chain.run_stages`; the run that gives the waveform ends a chunk."""
        known = super().run_stages(stages, values)
        if "waveform" in known:
            n = int(known["n_tokens"][0])
            phonemes = "".join(self.symbols[int(i)] for i in known["ids"][0, 1 : n - 1])
            durations = tuple(int(frames) for frames in known["frames_per_token"][0, :n])
            self.kept.append(RecordedChunk(waveform(known), phonemes, durations))
        return known


def recording(package: Package) -> tuple[Package, list[RecordedChunk]]:
    """The same package, and the list to which each chunk is added as soon as it is made."""
    kept: list[RecordedChunk] = []
    symbols = {i: symbol for symbol, i in package.manifest.vocabulary.items()}
    chains = {
        name: RecordingChain(one.folder, one.bucket, one.files, one.settings, symbols=symbols, kept=kept)
        for name, one in package.chains.items()
    }
    return replace(package, chains=chains), kept
