"""How each kind of contender loads and runs; the part that lives in a process of its own.

Each runner gives the same: seconds of audio, seconds to the first of it, milliseconds of its stages.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from export_onnx.buckets import DYNAMIC
from export_onnx.contracts import STAGES
from export_onnx.errors import ContractError
from export_onnx.geometry import SAMPLE_RATE
from export_onnx.run.chain import Chain
from export_onnx.run.padding import Tensors, waveform
from export_onnx.run.sessions import SessionSettings, cpu_session, run_session
from selector.package.opened import Package
from selector.package.providers import CPU
from selector.speak.fused_choice import choose_operators
from selector.speak.synthesize import CPU_SESSION, Synthesizer, package_chain

# Of our packages' sessions, what decides how threads run: baselines get the same, and keep ONNX Runtime's optimizers.
THREADING: Final = {key: value for key, value in CPU.session.items() if key.startswith("session.")}


@dataclass(frozen=True)
class BenchRequest:
    """One contender on one text.

    Attributes:
        model: a file for `onnx`, a package's folder for `stages`, empty for `torch`.
        fused: whether a package runs with its fused operators.
        floats: folder of the float stages, where those run in place of the package's.
        source, cache: of the weights, for `torch`.
        phonemes, rival: what `kokoro-onnx` takes, and the folder that it is installed in.
        ids, style: what the originals take, [tokens] and [256].
        bucket: where given, the text in one piece, in that bucket if the package has it, without the selector.
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
    phonemes: str = ""
    rival: str = ""
    fused: bool = False


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
    if request.kind == "kokoro-onnx":
        from android_test.bench.kokoro_onnx import KokoroOnnxRunner

        return KokoroOnnxRunner
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
        self.disk_bytes = Path(request.model).stat().st_size
        self.session = cpu_session(Path(request.model), SessionSettings(request.threads, entries=THREADING))
        self.feeds: Tensors = {
            "input_ids": np.array([request.ids], np.int64),
            "style": np.array([request.style], np.float32),
            "speed": np.ones(1, np.float32),
        }

    def run(self) -> TimedRun:
        """The whole text in one piece."""
        begun = time.perf_counter()
        sound = run_session(self.session, self.feeds, ["waveform"])["waveform"]
        return TimedRun(sound_seconds(sound, "the original in ONNX"), time.perf_counter() - begun, {})


@dataclass
class StageClock:
    """Milliseconds per stage, over all buckets, and seconds of loading."""

    ms: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    load_seconds: float = 0.0


@dataclass
class TimedChain(Chain):
    """A bucket's stages, with a clock that all buckets share."""

    clock: StageClock = field(default_factory=StageClock)

    def session(self, stage: str) -> onnxruntime.InferenceSession:
        """As `Chain.session`."""
        begun = time.perf_counter()
        session = super().session(stage)
        self.clock.load_seconds += time.perf_counter() - begun
        return session

    def run(self, stage: str, values: Mapping[str, NDArray[Any]]) -> Tensors:
        """As `Chain.run`."""
        self.session(stage)  # loading is not running
        begun = time.perf_counter()
        result = super().run(stage, values)
        self.clock.ms[stage] += 1000 * (time.perf_counter() - begun)
        return result


class OwnStages:
    """A package, or the float stages behind the same selector."""

    def __init__(self, request: BenchRequest) -> None:
        self.request = request
        package = Package.open(request.model)
        folder = Path(request.floats or package.folder)
        settings = replace(CPU_SESSION, threads=request.threads)
        stock = {bucket.name: package_chain(package.folder, bucket, settings) for bucket in package.manifest.buckets}
        operators = choose_operators(package.folder, package.manifest, stock, not request.fused)
        if operators.fused != request.fused:
            raise ContractError(
                request.contender, expected="fused operators", got=operators.reason, todo="Make the package again."
            )
        self.clock = StageClock()
        self.chains = {
            name: TimedChain(
                folder,
                chain.bucket,
                {} if request.floats else chain.files,
                chain.settings,
                chain.open_sessions,
                clock=self.clock,
            )
            for name, chain in operators.chains.items()
        }
        rows = package.voice(request.voice)
        self.synthesizer = Synthesizer(self.chains, package.manifest, request.voice, rows, 1.0)

    @property
    def disk_bytes(self) -> int:
        """Of the files of every bucket, and the weights that they share."""
        files = [chain.file(stage.name) for chain in self.chains.values() for stage in STAGES]
        files += [library for chain in self.chains.values() for library in chain.settings.libraries]
        return sum(f.stat().st_size for f in {*files, *(f.parent / "weights.bin" for f in files)} if f.is_file())

    @property
    def late_load_seconds(self) -> float:
        """Sessions are made when a bucket is first needed."""
        return self.clock.load_seconds

    def run(self) -> TimedRun:
        """Chunk by chunk through the selector, or one full bucket."""
        self.clock.ms.clear()
        audio, first = self._bucket() if self.request.bucket else self._text()
        return TimedRun(audio, first, dict(self.clock.ms))

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
        name, style = self.request.bucket, np.array([self.request.style], np.float32)
        chain = self.chains.get(name) or self.chains[DYNAMIC.name]  # where lengths are free, one takes every text
        audio = sound_seconds(waveform(chain.speak(self.request.ids, style)), f"bucket {name}")
        return audio, time.perf_counter() - begun


def request_of(stored: Mapping[str, Any]) -> BenchRequest:
    """A request read from JSON."""
    return BenchRequest(**{**stored, "ids": tuple(stored["ids"]), "style": tuple(stored["style"])})
