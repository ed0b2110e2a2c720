"""Norms for half precision: the same function, numbers that fit, durations that stay; each with a defect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from calibrate import store
from calibrate.__main__ import collect
from calibrate.corpus import Split, Utterance
from export_onnx.errors import ContractError
from export_onnx.graph.shared_weights import load
from export_onnx.proof.decibels import snr
from export_onnx.run.sessions import cpu_session, run_session
from quantize.text.half_norms import (
    EPSILON,
    EPSILON_NAME,
    PRICE_DB,
    ROOT,
    fit_norms_to_half,
    layer_norms,
    norm_extremes,
    norm_scale,
)
from quantize.text.text_quality import TextReader, make_text_reader
from tests.conftest import Small

SAID = [Utterance(text, "random_a", 1.0, i) for i, text in enumerate(("The cat sat.", "Is it red?", "Go on now."))]


@pytest.fixture(scope="module")
def reader(small: Small) -> TextReader:
    return make_text_reader(small.folder, small.bucket, SAID)


@pytest.fixture(scope="module")
def bert(small: Small) -> onnx.ModelProto:
    return load(small.folder / f"bert_{small.bucket.name}.onnx")


@pytest.fixture(scope="module")
def extremes(small: Small, bert: onnx.ModelProto, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    folder = tmp_path_factory.mktemp("seen")
    collected, used, _ = collect(small.folder, small.bucket, Split("test", tuple(SAID), (), ()), ("bert",))
    store.write_statistics(folder, collected, used, "mse")
    seen = store.read_statistics(folder)["bert"]
    return norm_extremes(bert, {name: float(channels.peak().max()) for name, channels in seen.items()})


def price(reader: TextReader, before: onnx.ModelProto, after: onnx.ModelProto) -> float:
    sessions = [cpu_session(model) for model in (before, after)]
    runs = [[run_session(session, values)["d_en"] for session in sessions] for values in reader.spoken]
    return min(snr(expected, got) for expected, got in runs)


def test_every_norm_is_another_form_of_the_same_function(
    reader: TextReader, bert: onnx.ModelProto, extremes: dict[str, float]
) -> None:
    halved = fit_norms_to_half(bert, extremes)
    onnx.checker.check_model(halved)
    norms = layer_norms(bert)
    assert len(norms) == len(layer_norms(halved)) + len(norms) == 1 + 2 * 3, "a scaled norm is not scaled again"
    assert len(halved.graph.node) == len(bert.graph.node) + len(norms)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in halved.graph.initializer}
    added = [node.input[1] for node in halved.graph.node if node.op_type == "Add" and node.input[1] == EPSILON_NAME]
    assert len(added) == len(norms)
    assert np.float16(constants[EPSILON_NAME]) == EPSILON
    assert price(reader, bert, halved) >= PRICE_DB
    assert reader.compare({"bert": halved}, "prosody").durations.changed == 0


def test_an_epsilon_that_matters_costs_more_than_the_price(
    reader: TextReader, bert: onnx.ModelProto, extremes: dict[str, float]
) -> None:
    """Scaled down a thousandfold, 2^-14 is no longer small beside the variance."""
    assert (
        price(reader, bert, fit_norms_to_half(bert, {name: 1000 * largest for name, largest in extremes.items()})) < 40
    )


@pytest.mark.parametrize("largest", [1e-3, 0.9, 63.97, 63.99, 289.0, 1e5])
def test_the_scaled_value_fits_and_no_larger_scale_would(largest: float) -> None:
    scale = norm_scale(largest)
    assert np.log2(scale) == round(np.log2(scale))
    assert 2 * largest * scale <= ROOT < 4 * largest * scale
    assert np.isfinite(np.square(np.float16(2 * largest * scale)))


def test_the_largest_value_of_a_norm_comes_from_calibration(bert: onnx.ModelProto, extremes: dict[str, float]) -> None:
    assert set(extremes) == {norm.value for norm in layer_norms(bert)}
    assert all(largest > 0 for largest in extremes.values())
    with pytest.raises(ContractError, match=r"a value that calibration saw, or a table, got /albert/\w+/attention"):
        norm_extremes(bert, {})


def test_a_graph_with_another_square_root_is_refused(bert: onnx.ModelProto, extremes: dict[str, float]) -> None:
    other = onnx.ModelProto()
    other.CopyFrom(bert)
    pow_ = next(node for node in other.graph.node if node.op_type == "Mul" and len(set(node.input)) == 1)
    pow_.input[1] = bert.graph.output[0].name
    with pytest.raises(ContractError, match="7 norms, got 6 norms and 7 Sqrt"):
        fit_norms_to_half(other, extremes)
    with pytest.raises(ContractError, match="an extreme above zero of each norm"):
        fit_norms_to_half(bert, dict.fromkeys(extremes, 0.0))


def test_what_the_file_holds_is_read_again(bert: onnx.ModelProto, extremes: dict[str, float], tmp_path: Path) -> None:
    onnx.save(fit_norms_to_half(bert, extremes), tmp_path / "bert.onnx")
    twice = [fit_norms_to_half(bert, extremes).SerializeToString(deterministic=True) for _ in range(2)]
    assert twice[0] == twice[1] == onnx.load(tmp_path / "bert.onnx").SerializeToString(deterministic=True)
