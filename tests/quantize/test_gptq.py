"""Rounding whose errors cancel: by algebra, against what graphs compute, and nearest where nothing can cancel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from calibrate import store
from calibrate.__main__ import collect
from calibrate.capture import real_steps, speak_all
from calibrate.corpus import Split, Utterance
from calibrate.speech import Sample
from export_onnx.graph.open_values import with_outputs
from export_onnx.graph.shared_weights import load
from export_onnx.proof.decibels import snr
from export_onnx.run.sessions import cpu_session, run_session
from quantize.qdq import WEIGHT_LIMIT, quantize_convolutions
from quantize.sound.vocoder_plan import apply, make_plan
from quantize.text.choose_bert_parts import albert_parts, plan_bert
from quantize.weights import second_moments as moments
from quantize.weights.gptq import output_error, round_rows
from quantize.weights.packed_bits import STEPS, Rounder, store_compactly
from quantize.weights.second_moments import second_moments, uses
from tests.conftest import Small

TEXTS = ("The cat sat.", "Is it red?", "Go on now.")


def like_speech(channels: int, seed: int = 0) -> np.ndarray:
    """Second moments of values that move together: a random basis whose strengths fall."""
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.standard_normal((channels, channels)))
    return (basis * np.geomspace(1, 1e-4, channels)) @ basis.T


def test_errors_cancel_in_what_is_multiplied() -> None:
    rng = np.random.default_rng(0)
    rows, met = rng.standard_normal((16, 96)), like_speech(96)
    steps = np.abs(rows).max(1) / WEIGHT_LIMIT
    nearest, ours, wrong = (
        round_rows(rows, steps, WEIGHT_LIMIT, known) for known in (None, met, like_speech(96, seed=1))
    )
    errors = [output_error(q * steps[:, None] - rows, met) for q in (nearest, ours, wrong)]
    assert errors[1] < errors[0] / 4
    assert errors[2] > errors[0], "moments of other values must not help"
    for integers in (nearest, ours):
        assert np.abs(integers).max() <= WEIGHT_LIMIT
    assert np.abs(ours - rows / steps[:, None]).max() > 0.5, "some do not go to the nearest"


def test_without_correlation_each_goes_to_the_nearest() -> None:
    rows = np.random.default_rng(0).standard_normal((8, 70))
    steps = np.full(8, 0.05)
    met = np.diag(np.random.default_rng(1).uniform(0.1, 2, 70))
    np.testing.assert_array_equal(round_rows(rows, steps, 127, met), round_rows(rows, steps, 127))
    assert not round_rows(np.zeros((2, 3)), np.ones(2), 127, np.zeros((3, 3))).any()


@pytest.fixture(scope="module")
def samples(small: Small) -> list[Sample]:
    said = [Utterance(text, "random_a", 1.0, i) for i, text in enumerate(TEXTS)]
    return [one for one in speak_all(small.folder, small.bucket, said) if isinstance(one, Sample)]


def opened(small: Small, stage: str, values: list[str], sample: Sample) -> dict[str, np.ndarray]:
    model = with_outputs(load(small.folder / f"{stage}_{small.bucket.name}.onnx"), values)
    return run_session(cpu_session(model), sample.values, values)


@pytest.mark.parametrize("conv", ["/decode.0/conv1/Conv", "/resblocks.1/convs1.2/Conv", "/ups.0/conv/Conv"])
def test_moments_say_what_a_convolution_puts_out(
    small: Small, samples: list[Sample], conv: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """w M w' is the mean square of the output without its bias, over windows that lie in real steps."""
    monkeypatch.setattr(moments, "WINDOWS", 10**6)
    known = second_moments(small.folder, "vocoder", small.bucket, samples[:1])
    model = load(small.folder / f"vocoder_{small.bucket.name}.onnx")
    node = next(node for node in model.graph.node if node.name == conv)
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    rows = tensors[node.input[1]].reshape(len(tensors[node.input[1]]), -1).astype(np.float64)
    matrix = known[node.input[1]][0].astype(np.float64)
    expected = np.einsum("ri,ij,rj->r", rows, matrix, rows)
    use = next(use for use in uses(model) if use.weight == node.input[1])
    assert use.window is not None
    kernel, dilation, stride = use.window
    output = opened(small, "vocoder", [node.output[0]], samples[0])[node.output[0]][0, :, 0].astype(np.float64)
    if len(node.input) > 2:
        output = output - tensors[node.input[2]][:, None]
    pads = next(list(a.ints) for a in node.attribute if a.name == "pads")
    inputs = opened(small, "vocoder", [node.input[0]], samples[0])[node.input[0]]
    real = real_steps(inputs, "vocoder", small.bucket, samples[0]).shape[1]
    first = -(-pads[1] // stride)
    last = (real - (kernel - 1) * dilation - 1 + pads[1]) // stride
    np.testing.assert_allclose(expected, np.square(output[:, first : last + 1]).mean(1), rtol=2e-3)


def test_moments_of_an_lstm_are_of_real_steps(small: Small, samples: list[Sample]) -> None:
    known = second_moments(small.folder, "duration", small.bucket, samples[:1])
    model = load(small.folder / f"duration_{small.bucket.name}.onnx")
    lstm = next(node for node in model.graph.node if node.op_type == "LSTM" and node.input[1] == "lstm.w")
    values = opened(small, "duration", [lstm.input[0], lstm.output[0]], samples[0])
    steps = samples[0].tokens
    read, said = values[lstm.input[0]][:steps, 0], values[lstm.output[0]][:steps]
    np.testing.assert_allclose(known["lstm.w"][0], read.T @ read / steps, rtol=1e-4, atol=1e-6)
    for direction in (0, 1):
        own = said[:, direction, 0]
        np.testing.assert_allclose(known["lstm.r"][direction], own.T @ own / steps, rtol=1e-4, atol=1e-6)
    assert "symbols" not in known, "an embedding multiplies nothing"


def test_a_stored_lstm_is_closer_with_moments(small: Small, samples: list[Sample]) -> None:
    known = second_moments(small.folder, "duration", small.bucket, samples)
    model = load(small.folder / f"duration_{small.bucket.name}.onnx")
    rows = next(numpy_helper.to_array(t) for t in model.graph.initializer if t.name == "lstm.r").astype(np.float64)
    flat = rows.reshape(-1, rows.shape[2])
    steps = (np.abs(flat).max(1) / STEPS[8]).astype(np.float32)
    errors = []
    for rounder in (Rounder({}), Rounder(known)):
        error = rounder.round("lstm.r", flat, steps, 8) * steps[:, None] - flat
        parts = zip(np.split(error, 2), known["lstm.r"], strict=True)
        errors.append(sum(output_error(part, met.astype(np.float64)) for part, met in parts))
    assert errors[1] < errors[0] / 1.5
    once = Rounder(known)
    first, second = (store_compactly(model, {"lstm.r": 8}, once).SerializeToString() for _ in range(2))
    assert first == second
    assert list(once.done) == [("lstm.r", 8)]


def test_what_has_another_shape_in_each_bucket_is_not_kept(samples: list[Sample], small: Small) -> None:
    rounder = Rounder(second_moments(small.folder, "bert", small.bucket, samples))
    draw = np.random.default_rng(0)
    for columns in (48, 128, 48):
        rows = draw.standard_normal((1, columns))
        steps = (np.abs(rows).max(1) / STEPS[12]).astype(np.float32)
        assert (np.abs(rounder.round("albert.positions", rows, steps, 12) * steps - rows) <= 0.501 * steps).all()


def test_the_vocoder_gets_just_those_integers(small: Small, samples: list[Sample], tmp_path: Path) -> None:
    said = tuple(Utterance(text, "random_a", 1.0, i) for i, text in enumerate(TEXTS))
    collected, _, _ = collect(small.folder, small.bucket, Split("test", said, (), ()))
    store.write_statistics(tmp_path, collected, 3, "mse")
    seen = store.read_statistics(tmp_path)["vocoder"]
    model = load(small.folder / f"vocoder_{small.bucket.name}.onnx")
    nodes = tuple(node.name for node in model.graph.node if node.op_type == "Conv" and "resblocks.2" in node.name)
    known = second_moments(small.folder, "vocoder", small.bucket, samples)
    planned = make_plan(model, seen, nodes, 8, moments=known)
    plain = make_plan(model, seen, nodes, 8)
    assert planned.qdq.ranges == plain.qdq.ranges
    assert not plain.qdq.weights
    written = {t.name: numpy_helper.to_array(t) for t in apply(planned, model).graph.initializer}
    convs = {node.name: node for node in model.graph.node}
    for name in nodes:
        weight = convs[name].input[1]
        np.testing.assert_array_equal(written[f"{weight}_quantized"], planned.qdq.weights[weight].integers)
        np.testing.assert_allclose(written[f"{weight}_scale"], planned.qdq.weights[weight].steps, rtol=1e-6)
    changed = sum((written[f"{convs[n].input[1]}_quantized"] != q).any() for n, q in nearest(model, plain, nodes))
    assert changed > len(nodes) / 2, "errors that cancel are not the nearest integers"


def nearest(model: onnx.ModelProto, plain, nodes: tuple[str, ...]):
    convs = {node.name: node for node in model.graph.node}
    stored = {t.name: numpy_helper.to_array(t) for t in apply(plain, model).graph.initializer}
    return [(name, stored[f"{convs[name].input[1]}_quantized"]) for name in nodes]


def test_bert_is_rounded_by_what_its_weights_meet(small: Small, samples: list[Sample], tmp_path: Path) -> None:
    said = tuple(Utterance(text, "random_a", 1.0, i) for i, text in enumerate(TEXTS))
    collected, _, _ = collect(small.folder, small.bucket, Split("test", said, (), ()), ("bert",))
    store.write_statistics(tmp_path, collected, 3, "mse")
    seen = store.read_statistics(tmp_path)["bert"]
    bert = load(small.folder / f"bert_{small.bucket.name}.onnx")
    parts = albert_parts(bert)
    known = second_moments(small.folder, "bert", small.bucket, samples)
    plan = plan_bert(bert, parts, seen, 16, known)
    assert plan is not None
    assert plan.weights.keys() == {node.input[1] for node in bert.graph.node if node.op_type == "Conv"}
    exact, rounded = (
        run_session(cpu_session(model), samples[0].values)["d_en"]
        for model in (bert, quantize_convolutions(bert, plan))
    )
    assert 20 < snr(exact, rounded) < 90
    one = plan_bert(bert, parts[:1], seen, 16, known)
    assert one is not None
    assert one.nodes == parts[0].convs
    assert plan_bert(bert, (), seen, 16, known) is None
