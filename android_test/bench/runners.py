"""How each kind of contender loads and runs; the part that lives in a process of its own.

Each runner gives the same: seconds of audio, seconds to the first of it, milliseconds of its stages.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime

from export_onnx.contracts import BUCKETS, STAGES
from export_onnx.errors import ContractError
from export_onnx.geometry import SAMPLE_RATE
from export_onnx.run import chain
from selector.package.manifest import BucketContract
from selector.package.opened import Package
from selector.speak.synthesize import Stages, Synthesizer, Tensors


@dataclass(frozen=True)
class BenchRequest:
    """One contender on one text.

    Attributes:
        model: a file for `onnx`, a package's folder for `stages`, empty for `torch`.
        floats: folder of the float stages, where those run in place of the package's.
        source, cache: of the weights, for `torch`.
        ids, style: what the originals take, [tokens] and [256].
        bucket: where given, that bucket alone, without the selector.
    """

    contender: str
    kind: str
    threads: int
    text: str
    voice: str
    ids: tuple[int, ...]
    style: tuple[float, ...]
    bucket: str = ""
    model: str = ""
    floats: str = ""
    source: str = ""
    cache: str = ""


@dataclass(frozen=True)
class TimedRun:
    """One run: lengths in seconds, stages in milliseconds."""

    audio_seconds: float
    first_audio_seconds: float
    stages_ms: dict[str, float]


class ContenderRunner(Protocol):
    """A contender ready to run.

    Attributes:
        late_load_seconds: of loading that the first run still did.
        disk_bytes: of its models, every bucket.
    """

    @property
    def late_load_seconds(self) -> float:
        """See above."""
        ...

    @property
    def disk_bytes(self) -> int:
        """See above."""
        ...

    def run(self) -> TimedRun:
        """The text once."""
        ...


def runner_class(request: BenchRequest) -> Callable[[BenchRequest], ContenderRunner]:
    """What makes the runner for a request."""
    if request.kind == "torch":
        from android_test.bench.torch_runner import TorchRunner  # torch in this contender's memory only

        return TorchRunner
    return OriginalOnnx if request.kind == "onnx" else OwnStages


def sound_seconds(samples: Any, what: str) -> float:
    """Seconds of a waveform; refuses silence and what is not finite, whose time would mean nothing.

    Raises:
        ContractError: see above.
    """
    array = np.asarray(samples)
    if not array.size or not np.isfinite(array).all() or not np.any(array):
        raise ContractError(
            what, expected="a finite waveform", got="silence, nothing or NaN", todo="Check the weights."
        )
    return array.size / SAMPLE_RATE


class OriginalOnnx:
    """The original as one ONNX file."""

    late_load_seconds = 0.0

    def __init__(self, request: BenchRequest) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = request.threads
        self.disk_bytes = Path(request.model).stat().st_size
        self.session = onnxruntime.InferenceSession(request.model, options, providers=["CPUExecutionProvider"])
        self.feeds = {
            "input_ids": np.array([request.ids], np.int64),
            "style": np.array([request.style], np.float32),
            "speed": np.ones(1, np.float32),
        }

    def run(self) -> TimedRun:
        """The whole text in one piece."""
        begun = time.perf_counter()
        waveform = self.session.run(["waveform"], self.feeds)[0]
        return TimedRun(sound_seconds(waveform, "the original in ONNX"), time.perf_counter() - begun, {})


@dataclass
class TimedStages(Stages):
    """The selector's stages, with a clock."""

    ms: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    load_seconds: float = 0.0

    def session(self, file: str) -> onnxruntime.InferenceSession:
        """As `Stages.session`."""
        begun = time.perf_counter()
        session = super().session(file)
        self.load_seconds += time.perf_counter() - begun
        return session

    def run(self, stage: str, bucket: BucketContract, tensors: Tensors) -> Tensors:
        """As `Stages.run`."""
        self.session(bucket.models[stage])  # loading is not running
        begun = time.perf_counter()
        result = super().run(stage, bucket, tensors)
        self.ms[stage] += 1000 * (time.perf_counter() - begun)
        return result


class OwnStages:
    """A package, or the float stages behind the same selector."""

    def __init__(self, request: BenchRequest) -> None:
        self.request = request
        package = Package.open(request.model)
        manifest, folder = package.manifest, package.folder
        if request.floats:
            folder = Path(request.floats)
            files = {b.name: {s.name: f"{s.name}_{b.name}.onnx" for s in STAGES} for b in manifest.buckets}
            buckets = [b.model_copy(update={"models": files[b.name]}) for b in manifest.buckets]
            manifest = manifest.model_copy(update={"buckets": buckets})
        self.manifest = manifest
        self.stages = TimedStages(folder, request.threads)
        rows = package.voice(request.voice)
        self.synthesizer = Synthesizer(self.stages, manifest, request.voice, rows, 1.0)

    @property
    def disk_bytes(self) -> int:
        """Of the files of every bucket, and the weights that they share."""
        files = [self.stages.folder / file for b in self.manifest.buckets for file in b.models.values()]
        return sum(f.stat().st_size for f in {*files, *(f.parent / "weights.bin" for f in files)} if f.is_file())

    @property
    def late_load_seconds(self) -> float:
        """Sessions are made when a bucket is first needed."""
        return self.stages.load_seconds

    def run(self) -> TimedRun:
        """Chunk by chunk through the selector, or one full bucket."""
        self.stages.ms.clear()
        audio, first = self._bucket() if self.request.bucket else self._text()
        return TimedRun(audio, first, dict(self.stages.ms))

    def _text(self) -> tuple[float, float]:
        begun, audio, first = time.perf_counter(), 0.0, 0.0
        for spoken in replace(self.synthesizer).speak(self.request.text):
            if spoken.sound_bucket:
                first = first or time.perf_counter() - begun
                audio += sound_seconds(spoken.samples, "the selector")
            else:
                audio += len(spoken.samples) / SAMPLE_RATE
        return audio, first

    def _bucket(self) -> tuple[float, float]:
        begun = time.perf_counter()
        bucket = next(b for b in BUCKETS if b.name == self.request.bucket)
        contract = next(b for b in self.manifest.buckets if b.name == self.request.bucket)
        style = np.array([self.request.style], np.float32)
        values: Tensors = dict(chain.text_inputs(self.request.ids, style, 1.0, bucket))
        values["noise"] = chain.noise(bucket, 0)
        for stage in STAGES:
            values = self.stages.run(stage.name, contract, values)
        audio = sound_seconds(chain.waveform(values), f"bucket {bucket.name}")
        return audio, time.perf_counter() - begun


def request_of(stored: Mapping[str, Any]) -> BenchRequest:
    """A request read from JSON."""
    return BenchRequest(**{**stored, "ids": tuple(stored["ids"]), "style": tuple(stored["style"])})
