"""A stage runs on the NPU only by proof: no bucket, a missing one or a lower level puts it on the CPU."""

from __future__ import annotations

import pytest

from export_onnx.contracts import stage
from selector.package.coverage_schema import Level, ProvenCoverage
from selector.package.placement import NOT_PROVEN, processor, reason_for_cpu

RULES: tuple[Level, ...] = ("rules",)
DECODER = stage("decoder")


def coverage(proven: dict[str, dict[str, tuple[Level, ...]]], shares: dict[str, float]) -> ProvenCoverage:
    return ProvenCoverage(
        proven=proven,
        share_of_multiply_adds_on_npu=shares,
        required="rules",
        feature_level=30,
        socs=(),
        conditions=(),
        versions={},
    )


def test_a_stage_that_is_proven_in_every_bucket_runs_on_the_npu() -> None:
    whole = coverage({"decoder": {"5s": RULES, "10s": RULES}}, {"5s": 0.9, "10s": 0.9})
    assert processor(DECODER, "nnapi", whole) == "npu"
    assert reason_for_cpu(stage("tail"), "nnapi", whole)
    assert processor(DECODER, "cpu", whole) == "cpu"


@pytest.mark.parametrize(
    ("proven", "shares"),
    [
        ({}, {}),
        ({"decoder": {}}, {}),
        ({"decoder": {"5s": RULES}}, {"5s": 0.9, "10s": 0.9}),
        ({"decoder": {"5s": RULES}, "generator": {"5s": RULES, "10s": RULES}}, {"5s": 0.9}),
        ({"decoder": {"5s": ()}}, {"5s": 0.9}),
        ({"generator": {"5s": RULES}}, {"5s": 0.9}),
    ],
    ids=["nothing", "no bucket", "a share without proof", "a bucket of another stage", "no level", "another stage"],
)
def test_what_is_not_proven_runs_on_the_cpu(
    proven: dict[str, dict[str, tuple[Level, ...]]], shares: dict[str, float]
) -> None:
    assert processor(DECODER, "nnapi", coverage(proven, shares)) == "cpu"
    assert reason_for_cpu(DECODER, "nnapi", coverage(proven, shares)).startswith(NOT_PROVEN)
    assert processor(DECODER, "nnapi", None) == "cpu"
