"""Judges a quantized vocoder on sentences with the float run's durations, pitch and noise, so that waveforms align."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from calibrate.speech import Sample
from export_onnx import console
from export_onnx.buckets import Bucket
from export_onnx.contracts import HALVES, VOCODER
from export_onnx.run.chain import Chain
from export_onnx.run.padding import waveform
from quantize.listen.quality import Quality, Summary, compare_sounds, summarize


@dataclass(frozen=True)
class Judge:
    """Sentences with the float stages' outputs for them.

    Attributes:
        folder: of the float stages.
        samples: each with its float `waveform`.
        unheard: held-out voices, which are not in calibration.
    """

    folder: Path
    bucket: Bucket
    samples: Sequence[Sample]
    unheard: Sequence[str] = ()

    def score(self, folder: Path) -> list[Quality]:
        """Runs each sentence through the decoder and the generator of another folder and compares the sound."""
        files = {stage: folder / f"{stage}_{self.bucket.name}.onnx" for stage in HALVES}
        return self.score_chain(Chain(self.folder, self.bucket, files), HALVES)

    def score_graph(self, vocoder: onnx.ModelProto) -> list[Quality]:
        """The same as `score`, for a whole vocoder in memory."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "vocoder.onnx"
            onnx.save(vocoder, path)
            return self.score_chain(Chain(self.folder, self.bucket, {VOCODER.name: path}), (VOCODER.name,))

    def first(self, number: int) -> Judge:
        """The same judge with only its first sentences."""
        return replace(self, samples=self.samples[:number])

    def by_group(self, scores: Sequence[Quality]) -> dict[str, Summary]:
        """Summaries of all sentences, of those in calibration's and in held-out voices, and of each voice."""
        voices = [sample.utterance.voice for sample in self.samples]
        groups = {"all": set(voices), "heard": set(voices) - set(self.unheard), "unheard": set(self.unheard)}
        groups |= {voice: {voice} for voice in sorted(set(voices))}
        members = {
            name: [score for voice, score in zip(voices, scores, strict=True) if voice in wanted]
            for name, wanted in groups.items()
        }
        return {name: summarize(of_these) for name, of_these in members.items() if of_these}

    def score_chain(self, chain: Chain, stages: Sequence[str]) -> list[Quality]:
        """Runs each sentence through `stages`, both halves or the whole vocoder, and the tail; compares the sound."""
        with console.progress("listen", len(self.samples)) as advance:
            return [compare_sounds(s.reference, _watched(chain, s, stages, advance)) for s in self.samples]


def _watched(
    chain: Chain, sample: Sample, stages: Sequence[str], advance: Callable[[str], None]
) -> NDArray[np.float32]:
    advance(sample.utterance.voice)
    return sound(chain, sample, stages)


def sound(chain: Chain, sample: Sample, stages: Sequence[str] = HALVES) -> NDArray[np.float32]:
    """The sound of `stages`, both halves or the whole vocoder, and the tail for one sample: [600 * frames]."""
    return waveform(chain.run_stages((*stages, "tail"), sample.values))
