"""The full-size vocoder: static rules at every bucket, Qualcomm's compiler for three chips.

What a compilation costs does not depend on the ranges, so any do here.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from android_test.coverage.graph_view import GraphView
from android_test.coverage.htp.htp_host import DEFAULT_SOCS, CompileJob, compile_for, unavailable
from android_test.coverage.htp.htp_rules import check_qnn
from android_test.coverage.htp.limited_child import GIB, CompileLimits
from android_test.coverage.nnapi.nnapi_rules import check_nnapi
from calibrate.ranges import Range
from export_onnx.buckets import BUCKETS
from export_onnx.checkpoint.weights import Weights, load_weights
from export_onnx.contracts import HALVES
from export_onnx.graph.cut import cut
from export_onnx.graph.export import export_stage
from quantize.qdq import QdqPlan, quantize_convolutions
from quantize.sound.fold_time import fold_time
from quantize.sound.vocoder_plan import quantized_values

pytestmark = pytest.mark.full_size

MOST_MEMORY = 8 * GIB
MOST_BYTES = 60_000_000  # of a context binary
LONGEST = BUCKETS[-1]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return load_weights("random", tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def quantized(weights: Weights) -> onnx.ModelProto:
    """The longest vocoder as u16/s8, before its time axes are folded."""
    model = export_stage("vocoder", weights.model, weights.config, LONGEST)
    nodes = tuple(n.name for n in model.graph.node if n.op_type == "Conv" and "conv_post" not in n.name)
    ranges = {value: Range(-8.0, 8.0) for value in quantized_values(model, nodes)}
    return quantize_convolutions(model, QdqPlan(nodes, ranges, 16, {}))


@pytest.mark.parametrize("bucket", BUCKETS, ids=lambda bucket: bucket.name)
@pytest.mark.parametrize("stage", ["bert", *HALVES])
def test_rules(weights: Weights, stage: str, bucket) -> None:
    view = GraphView.of(export_stage(stage, weights.model, weights.config, bucket))
    for verdict in (check_nnapi(view), check_qnn(view, {})):
        # ALBERT's norms add 1e-12, which half precision loses; every target has `bert` on the CPU.
        refusals = [r for r in verdict.refusals if stage != "bert" or not r.rule.startswith("an epsilon of at least")]
        assert not refusals, [str(refusal) for refusal in refusals[:5]]
        assert verdict.covered or stage == "bert"


@pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "-")
@pytest.mark.parametrize("soc", DEFAULT_SOCS)
@pytest.mark.parametrize("half", HALVES)
def test_the_longest_compiles(quantized: onnx.ModelProto, half: str, soc: str, tmp_path: Path, capsys) -> None:
    """Without rows and columns 5 s alone took 440 CPU seconds and 5.2 GB, as float16; in one piece 15 s has 72 MB."""
    path = tmp_path / f"{half}.onnx"
    onnx.save(cut(fold_time(quantized, LONGEST.frames))[half], path)
    context = tmp_path / "context" / f"{half}.onnx"
    verdict = compile_for(path, CompileJob((soc,), context, limits=CompileLimits(seconds=1800, bytes=MOST_MEMORY)))[0]
    assert verdict.covered, verdict.reason
    assert 0 < verdict.context <= MOST_BYTES
    with capsys.disabled():
        print(
            f"\n{half} {LONGEST.name} u16/s8, {soc}: {verdict.cpu_seconds:.0f} CPU s, {verdict.seconds:.0f} s, "
            f"{verdict.peak / GIB:.1f} GiB, context binary {verdict.context / 1e6:.0f} MB, {verdict.nodes} nodes"
        )
