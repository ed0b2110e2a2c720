"""The graph as a session with basic optimizations would leave it, and what NNAPI would say of that one.

Optimizers run before providers are asked, and turn a legal graph into an illegal one (fused norms, moved Q and DQ).
The package runs with optimizations off; this shows what is lost where somebody turns them on.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import onnx

from android_test.coverage.graph_view import GraphView, with_unique_dq
from android_test.coverage.nnapi.nnapi_rules import NnapiOptions, check_nnapi
from android_test.coverage.rule_verdict import Refusal, Verdict
from export_onnx.errors import ContractError, CoverageError
from export_onnx.run.sessions import SessionSettings, cpu_session

WEIGHTS_OUTSIDE: Final = {
    "session.optimized_model_external_initializers_file_name": "optimized.bin",
    "session.optimized_model_external_initializers_min_size_in_bytes": "1024",
}


def basic_optimized(path: Path, folder: Path) -> GraphView:
    """The graph behind ORT_ENABLE_BASIC, with the CPU provider as the only one.

    Args:
        folder: must outlive the view, which reads its weights from there.

    Raises:
        CoverageError: no session takes the file.
    """
    kept = folder / "optimized.onnx"
    try:
        cpu_session(path, SessionSettings(optimizations="basic", entries=WEIGHTS_OUTSIDE, optimized=kept))
    except ContractError as error:
        raise CoverageError(error.where, expected=error.expected, got=error.got, todo="Check the file.") from error
    model = onnx.load(kept, load_external_data=False)
    # The session declares no type for the DequantizeLinear copies that it makes, one per reader.
    return GraphView(with_unique_dq(onnx.shape_inference.infer_shapes(model)), folder)


def newly_refused(path: Path, before: Verdict, options: NnapiOptions) -> tuple[Verdict, tuple[Refusal, ...]]:
    """The verdict behind basic optimizations, and the refusals that `before` did not hold."""
    relaxed = NnapiOptions(options.feature_level, weights_from_memory=True)  # the copy's weights lie outside
    with tempfile.TemporaryDirectory(prefix="optimized_") as folder:
        after = check_nnapi(basic_optimized(path, Path(folder)), relaxed)
    known = {(refusal.node, refusal.rule) for refusal in before.refusals}
    return after, tuple(one for one in after.refusals if (one.node, one.rule) not in known)
