"""The graph as a session with basic optimizations would leave it, and what NNAPI would say of that one.

Optimizers run before providers are asked, and turn a legal graph into an illegal one (fused norms, moved Q and DQ).
The package runs with optimizations off; this shows what is lost where somebody turns them on.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
import onnxruntime

from android_test.coverage.graph_view import GraphView, with_unique_dq
from android_test.coverage.nnapi.nnapi_rules import NnapiOptions, check_nnapi
from android_test.coverage.verdict import Refusal, Verdict
from export_onnx.errors import CoverageError
from export_onnx.graph.shared_weights import cpu_session


def basic_optimized(path: Path, folder: Path) -> GraphView:
    """The graph behind ORT_ENABLE_BASIC, with the CPU provider as the only one.

    Args:
        folder: must outlive the view, which reads its weights from there.

    Raises:
        CoverageError: no session takes the file.
    """
    kept = folder / "optimized.onnx"
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(kept)
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "optimized.bin")
    options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")
    try:
        cpu_session(path, options)
    except Exception as error:  # ONNX Runtime raises its own kinds, none of them exported
        raise CoverageError(
            str(path), expected="a file that a session takes", got=str(error)[:300], todo="Check the file."
        ) from error
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
