"""The sound gates on Kokoro-82M's own weights: each rejects a defect that was planted there.

    make export-int8 WEIGHTS=kokoro-82m-int8 TARGETS=nnapi BUCKETS=5 BUILD=build/kokoro DIST=build/kokoro/dist
    pytest -m real_weights

Random weights are no speech, so PESQ says nothing of them, and a demo voice forgives what the real model does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from calibrate import store
from calibrate.ranges import Range
from calibrate.speech import read_samples
from export_onnx.buckets import BUCKETS, sentence_bucket
from export_onnx.contracts import HALVES
from export_onnx.errors import ParityError
from export_onnx.graph.shared_weights import load
from export_onnx.provenance import read_report
from export_onnx.run.chain import Chain
from quantize.gates import STANDARDS, check_sound
from quantize.listen.judge import Judge, sound
from quantize.listen.quality import Quality, compare_sounds, summarize
from quantize.qdq import quantize_dynamically
from quantize.sound.choose_blocklist import convolutions, excluded_convolutions, float_channels
from quantize.sound.vocoder_plan import VocoderPlan, apply, make_plan

BUILD = Path("build/kokoro")
SENTENCES = 6
FLOOR = STANDARDS[8].floor

pytestmark = [
    pytest.mark.real_weights,
    pytest.mark.skipif(
        read_report(BUILD / "quantize" / "nnapi") is None, reason=f"no Kokoro-82M in {BUILD}; see the top of this file"
    ),
]


@dataclass(frozen=True)
class Real:
    """Kokoro-82M's vocoder, its ranges, its list, and what our INT8 files make of held-out sentences."""

    model: onnx.ModelProto
    seen: dict[str, store.Channels]
    nodes: tuple[str, ...]
    floats: dict[str, tuple[int, ...]]
    judge: Judge
    sounds: list[NDArray[np.float32]]
    scores: list[Quality]

    def plan(self, nodes: tuple[str, ...]) -> VocoderPlan:
        return make_plan(self.model, self.seen, nodes, 8, floats=self.floats)

    def heard(self, graph: onnx.ModelProto) -> list[Quality]:
        return self.judge.score_graph(graph)


@pytest.fixture(scope="module")
def real() -> Real:
    import json

    source, made, bucket = BUILD / "export_onnx", BUILD / "quantize" / "nnapi", sentence_bucket(BUCKETS)
    model = load(source / f"vocoder_{bucket.name}.onnx")
    blocklist = json.loads((made / "blocklist.json").read_text(encoding="utf-8"))
    out = excluded_convolutions(blocklist)
    judge = Judge(source, bucket, read_samples(BUILD / "calibrate", "held_out", SENTENCES))
    files = {stage: made / f"{stage}_{bucket.name}.onnx" for stage in HALVES}
    chain = Chain(source, bucket, files)
    sounds = [sound(chain, sample) for sample in judge.samples]
    return Real(
        model,
        store.read_statistics(BUILD / "calibrate")["vocoder"],
        tuple(name for name in convolutions(model) if name not in out),
        float_channels(blocklist),
        judge,
        sounds,
        [compare_sounds(sample.reference, made) for sample, made in zip(judge.samples, sounds, strict=True)],
    )


def test_ours_passes(real: Real) -> None:
    assert check_sound("ours", real.scores, FLOOR).sentences == len(real.scores) > 0


@pytest.mark.parametrize(
    ("defect", "gate"),
    [
        (lambda x: x * 1.5, "loudness"),
        (lambda x: np.clip(x, -0.1 * np.abs(x).max(), 0.1 * np.abs(x).max()), "loudness|PESQ"),
        (lambda x: x + np.random.default_rng(0).standard_normal(len(x)).astype(np.float32) * 0.01 * x.std(), "silence"),
        (lambda x: np.roll(x, 240), "silence|PESQ|log-mel"),
        (lambda x: x * 0, "PESQ|loudness"),
    ],
    ids=["loud", "clipped", "static", "late", "silent"],
)
def test_one_broken_sentence_among_good_ones(
    real: Real, defect: Callable[[NDArray[np.float32]], NDArray[np.float32]], gate: str
) -> None:
    broken = compare_sounds(real.judge.samples[0].reference, defect(real.sounds[0]).astype(np.float32))
    good = (real.scores * 2)[1:]
    with pytest.raises(ParityError, match=gate):
        check_sound("planted", [broken, *good], FLOOR)


def refused_by_listeners(scores: list[Quality]) -> None:
    """The gate raises, and what is heard would be reason enough, whichever gate comes first."""
    with pytest.raises(ParityError):
        check_sound("planted", scores, FLOOR)
    assert [expected for expected, _ in FLOOR.missed(summarize(scores)) if "PESQ" in expected]


def test_one_bad_voice_among_good_ones(real: Real) -> None:
    """Its sentences through the usual dynamic INT8, all others through ours."""
    voice = real.judge.samples[0].utterance.voice
    bad = [sample for sample in real.judge.samples if sample.utterance.voice == voice]
    dynamic = replace(real.judge, samples=bad).score_graph(quantize_dynamically(real.model))
    good = [s for s, sample in zip(real.scores, real.judge.samples, strict=True) if sample.utterance.voice != voice]
    refused_by_listeners([*dynamic, *good])


def test_conv_post_in_8_bits(real: Real) -> None:
    graph = apply(real.plan((*real.nodes, "/conv_post/Conv")), real.model)
    refused_by_listeners(real.heard(graph))


def test_no_equalization_and_plain_ranges(real: Real) -> None:
    plain = make_plan(real.model, real.seen, real.nodes, 8, "min-max", rescale=False)
    refused_by_listeners(real.heard(apply(plain, real.model)))


def test_a_clipped_channel(real: Real) -> None:
    """The values between the generator's stages, cut to a sixteenth of their range."""
    plan = real.plan(real.nodes)
    conv = "/resblocks.1/convs2.2/Conv"
    value = next(node.output[0] for node in real.model.graph.node if node.name == conv)
    wide = plan.qdq.ranges[value]
    ranges = {**plan.qdq.ranges, value: Range(wide.low / 16, wide.high / 16)}
    clipped = replace(plan, qdq=replace(plan.qdq, ranges=ranges))
    refused_by_listeners(real.heard(apply(clipped, real.model)))
