"""The full-size vocoder: static rules at every bucket, Qualcomm's compiler at 5 s."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from android_test.graph_view import GraphView
from android_test.nnapi_rules import check_nnapi
from android_test.qnn_host import GIB, Job, Limits, compile_for, unavailable
from android_test.qnn_rules import check_qnn
from export_onnx.contracts import BUCKETS
from export_onnx.export import export_stage
from export_onnx.weights import Weights, load_weights

pytestmark = pytest.mark.full_size


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return load_weights("random", tmp_path_factory.mktemp("weights"))


@pytest.mark.parametrize("bucket", BUCKETS, ids=lambda bucket: bucket.name)
@pytest.mark.parametrize("stage", ["bert", "vocoder"])
def test_rules(weights: Weights, stage: str, bucket) -> None:
    view = GraphView.of(export_stage(stage, weights.model, weights.config, bucket))
    for verdict in (check_nnapi(view), check_qnn(view)):
        assert verdict.covered, [str(refusal) for refusal in verdict.refusals[:5]]


@pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "-")
def test_compiles_at_5_s(weights: Weights, tmp_path: Path) -> None:
    """440 CPU seconds and 5.2 GB were measured: most of it for element-wise operators on one row of 24,008."""
    path = tmp_path / "vocoder_5s.onnx"
    onnx.save(export_stage("vocoder", weights.model, weights.config, BUCKETS[0]), path)
    verdict = compile_for(path, Job(limits=Limits(seconds=1800, bytes=8 * GIB)))[0]
    assert verdict.covered, verdict.reason
