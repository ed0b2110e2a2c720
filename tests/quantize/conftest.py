"""A calibrated small vocoder and a judge, made once for all tests of quantize."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx
import pytest

from calibrate import store
from calibrate.__main__ import collect
from calibrate.capture import speak_all
from calibrate.corpus import Split, Utterance
from calibrate.speech import Sample
from export_onnx.buckets import Bucket
from export_onnx.graph.shared_weights import load
from quantize.listen.judge import Judge
from quantize.listen.quality import Quality
from quantize.sound.choose_blocklist import convolutions
from quantize.sound.vocoder_plan import apply, make_plan
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
