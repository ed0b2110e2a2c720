"""What half precision loses on HTP: epsilons become zero, squares become infinite; each rule from both sides."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from android_test.coverage.coverage_levels import CoverageSettings, Variant, check
from android_test.coverage.coverage_report import inputs_of
from android_test.coverage.graph_view import GraphView
from android_test.coverage.htp.half_precision import LARGEST_ROOT, UNCHECKED, extreme_of, read_extremes
from android_test.coverage.htp.htp_host import unavailable
from android_test.coverage.htp.htp_rules import check_qnn
from android_test.coverage.htp.simulate import simulate
from android_test.coverage.rule_verdict import Verdict
from export_onnx.buckets import Bucket
from export_onnx.contracts import VOCODER
from export_onnx.errors import CoverageError
from export_onnx.graph.shared_weights import load
from quantize.text.half_norms import fit_norms_to_half, layer_norms
from tests.conftest import Small

F = np.float32
C, LENGTH = 4, 64
NORM = """m = ReduceMean<axes=[3], keepdims=1>(v)
    d = Sub(v, m)
    dm = Mul(d, frame_mask)
    q = Mul(dm, dm)
    variance = ReduceMean<axes=[3], keepdims=1>(q)
    e = Add(variance, epsilon)
    root = Sqrt(e)
    y = Div(dm, root)"""
EPSILON = np.full((1, C, 1, 1), 1e-5, F)


def graph(body: str, **constants: object) -> onnx.ModelProto:
    """x [1, C, 1, LENGTH] and frame_mask [1, 1, 1, LENGTH] -> y, with names and shapes."""
    parsed = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> g () => () {{ {body} }}')
    for name, channels in (("x", C), ("frame_mask", 1)):
        parsed.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, channels, 1, LENGTH)))
    parsed.graph.output.append(onnx.ValueInfoProto(name="y"))
    given = {"epsilon": EPSILON, **constants}
    parsed.graph.initializer.extend(numpy_helper.from_array(np.asarray(a), name) for name, a in given.items())
    for index, node in enumerate(parsed.graph.node):
        node.name = f"{node.op_type}_{index}"
    return onnx.shape_inference.infer_shapes(parsed, strict_mode=True, data_prop=True)


def norm(**constants: object) -> onnx.ModelProto:
    return graph(f"v = Identity(x) \n {NORM}", **constants)


def one_refusal(verdict: Verdict) -> str:
    (refusal,) = verdict.refusals
    return str(refusal)


@pytest.mark.parametrize("epsilon", [1e-12, 2e-8])
def test_an_epsilon_that_half_precision_cannot_hold_is_refused(epsilon: float) -> None:
    assert check_qnn(GraphView.of(norm()), {}).covered
    assert check_qnn(GraphView.of(norm(epsilon=F(6e-8))), {}).covered
    assert check_qnn(GraphView.of(norm(epsilon=F(0))), {}).covered, "a zero is not lost"
    one_channel = EPSILON.copy()
    one_channel[0, 2] = epsilon
    for planted in (F(epsilon), one_channel):
        said = one_refusal(check_qnn(GraphView.of(norm(epsilon=planted)), {}))
        assert f"(Add): an epsilon of at least 6.0e-08, got {epsilon:.1e} [inferred]" in said
    elsewhere = graph("y = Add(x, epsilon)", epsilon=F(epsilon))
    assert check_qnn(GraphView.of(elsewhere), {}).covered, "a small shift is no epsilon"


def test_a_square_beyond_half_precision_is_refused() -> None:
    view = GraphView.of(norm())
    mask = {"frame_mask": 1.0}
    assert F(LARGEST_ROOT * 0.999).astype(np.float16) ** 2 < np.inf
    assert check_qnn(view, {**mask, "v": 255.9}).covered
    said = one_refusal(check_qnn(view, {**mask, "v": 256.0}))
    assert "Mul_4 (Mul): squares of at most 255.9, got dm up to 256.0 [inferred]" in said
    assert check_qnn(view, {**mask, "v": 256.0, "dm": 10.0}).covered, "what calibration saw of the factor itself counts"
    plain = GraphView.of(graph("y = Mul(x, x)"))
    assert not check_qnn(plain, {"x": 634.0}).covered
    other = GraphView.of(graph("s = Sin(x) \n y = Mul(x, s)"))
    assert check_qnn(other, {"x": 634.0}).covered, "no square"


def test_without_extremes_the_report_says_that_squares_were_not_checked() -> None:
    assert check_qnn(GraphView.of(norm())).conditions == (UNCHECKED,)
    assert check_qnn(GraphView.of(norm()), {}).conditions == ()
    assert check_qnn(GraphView.of(graph("y = Add(x, x)"))).conditions == ()


QDQ = "xq = QuantizeLinear(x, s, z) \n v = DequantizeLinear(xq, s, z)"


def test_how_large_a_value_is_is_followed_to_what_is_known() -> None:
    zero = np.uint16(20_000)
    body = f"{QDQ} \n {NORM}"
    view = GraphView.of(graph(body, s=F(0.01), z=zero))
    assert extreme_of(view, "v", {}) == pytest.approx(0.01 * (65_535 - 20_000))
    assert extreme_of(view, "dm", {"frame_mask": 1.0}) == pytest.approx(455.35)
    assert extreme_of(view, "dm", {}) is None, "of the mask nothing is known"
    assert "dm up to 455.3" in one_refusal(check_qnn(view, {"frame_mask": 1.0}))
    body = "a = Concat<axis=1>(x, frame_mask) \n s = Sin(x) \n t = Add(x, x) \n u = Sub(x, s) \n y = Identity(a)"
    view = GraphView.of(graph(body))
    known = {"x": 3.0, "frame_mask": 1.0}
    found = {name: extreme_of(view, name, known) for name in ("a", "s", "t", "u", "epsilon")}
    assert found == {"a": 3.0, "s": 1.0, "t": None, "u": None, "epsilon": pytest.approx(1e-5)}
    folded = graph("s = Reciprocal(x) \n y = Identity(s)")
    folded.graph.node[0].output[0] = folded.graph.node[1].input[0] = "s.folded"
    assert extreme_of(GraphView.of(folded), "y", {"s": 7.0}) == 7.0, "by the name before time was folded"


def write_ranges(folder: Path, ranges: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "ranges.json").write_text(json.dumps(ranges))
    return folder


def test_extremes_are_calibrations_and_after_equalization_the_targets(tmp_path: Path) -> None:
    quantized = tmp_path / "qnn"
    assert read_extremes(tmp_path / "calibrate", quantized) is None
    calibrated = write_ranges(tmp_path / "calibrate", {VOCODER.name: {"v": {"raw": [-634, 2]}, "w": {"raw": [0, 3]}}})
    masks = {"frame_mask": 1.0, "token_mask": 1.0}
    assert read_extremes(calibrated, quantized) == {"v": 634.0, "w": 3.0, **masks}
    write_ranges(quantized, {"v": {"after": [-0.5, 0.25]}})
    assert read_extremes(calibrated, quantized) == {"v": 0.5, "w": 3.0, **masks}
    write_ranges(quantized, {"v": {"before": [-1, 1]}})
    with pytest.raises(CoverageError, match=r"\[low, high\] of each value, got KeyError: 'after'"):
        read_extremes(calibrated, quantized)
    (quantized / "ranges.json").write_text("{")
    with pytest.raises(CoverageError, match="ranges as JSON"):
        read_extremes(calibrated, quantized)


def test_the_check_of_a_build_uses_them(tmp_path: Path) -> None:
    folder = tmp_path / "qnn"
    folder.mkdir()
    variant = Variant("qnn", "generator", Bucket(5, 128), folder / "generator_5s.onnx")
    onnx.save(norm(), variant.path)
    blind = check(variant, CoverageSettings())
    assert (blind.rules.covered, blind.rules.conditions) == (True, (UNCHECKED,))
    calm = write_ranges(tmp_path / "calm", {VOCODER.name: {"v": {"raw": [-2, 2]}}})
    loud = write_ranges(tmp_path / "loud", {VOCODER.name: {"v": {"raw": [-634, 2]}}})
    seen = {where: CoverageSettings(floats=tmp_path, calibrated=where) for where in (calm, loud)}
    assert check(variant, seen[calm]).rules == Verdict(len(norm().graph.node), (len(norm().graph.node),), ())
    assert "rules" not in check(variant, seen[loud]).proven
    assert inputs_of([variant], seen[calm]) != inputs_of([variant], seen[loud]), "other ranges, another report"


def test_bert_is_taken_with_norms_for_half_precision_only(small: Small) -> None:
    bert = load(small.folder / f"bert_{small.bucket.name}.onnx")
    loud = {norm.value: 289.0 for norm in layer_norms(bert)}
    refused = check_qnn(GraphView.of(bert), loud)
    rules = {(refusal.op, refusal.rule.partition(" of ")[0]) for refusal in refused.refusals}
    assert rules == {("Add", "an epsilon"), ("Mul", "squares")}
    assert check_qnn(GraphView.of(fit_norms_to_half(bert, loud)), loud).covered
    unscaled = fit_norms_to_half(bert, dict.fromkeys(loud, 64.1))  # a factor of 1: the epsilon fits, the squares do not
    assert {refusal.op for refusal in check_qnn(GraphView.of(unscaled), loud).refusals} == {"Mul"}


@pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "-")
def test_bert_runs_in_half_precision_on_the_simulation(small: Small) -> None:
    bert = load(small.folder / f"bert_{small.bucket.name}.onnx")
    halved = fit_norms_to_half(bert, {norm.value: 4.0 for norm in layer_norms(bert)})
    tokens = small.bucket.tokens
    feed = {"ids": np.arange(tokens, dtype=np.int32)[None] % 40, "token_mask": np.ones((1, tokens), F)}
    agreement = simulate(halved, feed)
    assert agreement.agrees, agreement
    assert agreement.floor == 40.0
    same = {node.name for node in bert.graph.node} & {node.name for node in halved.graph.node}
    assert agreement.compilation.nodes_on_npu >= len(same), "every node of bert is on the NPU"
