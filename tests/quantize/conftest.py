"""A calibrated small vocoder and a judge, made once for all tests of quantize."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx
import pytest

from android_test.device.linux_runner import fetch_headers
from calibrate import store
from calibrate.__main__ import collect
from calibrate.capture import speak_all
from calibrate.corpus import Split, Utterance
from calibrate.speech import Sample
from export_onnx.buckets import Bucket
from export_onnx.errors import DeviceError
from export_onnx.graph.shared_weights import load
from quantize.listen.judge import Judge
from quantize.listen.quality import Quality
from quantize.ops.build_library import ops_library
from quantize.sound.choose_blocklist import convolutions
from quantize.sound.vocoder_plan import apply, make_plan
from tests.android_test.linux_device import MAKING, WORK
from tests.built_once import one_at_a_time
from tests.conftest import Small

TEXTS = ("The cat sat.", "Is it red?", "Go on now.", "Two boats.")


@dataclass(frozen=True)
class Bench:
    """Calibrated small stages, and a judge."""

    folder: Path
    bucket: Bucket
    model: onnx.ModelProto
    statistics: store.Statistics
    judge: Judge

    def part(self, *prefixes: str) -> tuple[str, ...]:
        """The convolutions of some modules."""
        return tuple(c for c in convolutions(self.model) if c.strip("/").partition("/")[0] in prefixes)

    def without(self, *prefixes: str) -> tuple[str, ...]:
        return tuple(c for c in convolutions(self.model) if c not in self.part(*prefixes))

    def sound(self, nodes: tuple[str, ...], bits: int, rescale: bool = True) -> list[Quality]:
        plan = make_plan(self.model, self.statistics["vocoder"], nodes, bits, rescale=rescale)
        return self.judge.score_graph(apply(plan, self.model))


@pytest.fixture(scope="module")
def bench(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    said = tuple(Utterance(text, "random_a", 1.0, i) for i, text in enumerate(TEXTS))
    collected, used, skipped = collect(small.folder, small.bucket, Split("test", said, (), ()))
    assert used >= 3, skipped
    ranges = tmp_path_factory.mktemp("ranges")
    store.write_statistics(ranges, collected, used, "mse")
    heard = [Utterance(text, "random_b", 1.0, 90 + i) for i, text in enumerate(("A big dog.", "Why not?"))]
    samples = [s for s in speak_all(small.folder, small.bucket, heard, sound=True) if isinstance(s, Sample)]
    model = load(small.folder / f"vocoder_{small.bucket.name}.onnx")
    judge = Judge(small.folder, small.bucket, samples, ("random_b",))
    return Bench(small.folder, small.bucket, model, store.read_statistics(ranges), judge)


@pytest.fixture(scope="session")
def ops_headers() -> Path:
    """The folder of ONNX Runtime's C API, as the runner's build keeps it."""
    try:
        with one_at_a_time(MAKING):
            return fetch_headers((WORK / "runner" / "apt").resolve())
    except DeviceError as error:
        pytest.skip(f"no headers of ONNX Runtime here: {error}")


@pytest.fixture(scope="session")
def ops(ops_headers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of fused operators for this computer; `compare_paths` is beside it."""
    program = Path(__file__).with_name("compare_paths.cpp")
    try:
        return ops_library(ops_headers, tmp_path_factory.mktemp("ops"), program=program)
    except DeviceError as error:
        pytest.skip(f"the fused operators cannot be built here: {error}")
