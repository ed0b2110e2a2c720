"""The vocoder's two halves are the vocoder, in float and in integers; what crosses elsewhere is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from calibrate.ranges import Range
from export_onnx import contracts
from export_onnx.contracts import HALVES, VOCODER
from export_onnx.errors import ContractError
from export_onnx.graph.cut import BLOCKS, cut, name_features
from export_onnx.graph.export import export_stage
from export_onnx.graph.shared_weights import load
from export_onnx.graph.simplify import check_graph
from export_onnx.run.sessions import cpu_session
from quantize.qdq import QdqPlan, quantize_convolutions
from quantize.sound.fold_time import fold_time
from quantize.sound.vocoder_plan import quantized_values
from tests.conftest import Small


@pytest.fixture(scope="module")
def vocoder(small: Small) -> onnx.ModelProto:
    return load(small.folder / f"vocoder_{small.bucket.name}.onnx")


def in_integers(model: onnx.ModelProto, bits: int) -> onnx.ModelProto:
    names = tuple(n.name for n in model.graph.node if n.op_type == "Conv" and "conv_post" not in n.name)
    ranges = dict.fromkeys(quantized_values(model, names), Range(-8.0, 8.0))
    return quantize_convolutions(model, QdqPlan(names, ranges, bits, {}))


def run(model: onnx.ModelProto, values: dict[str, np.ndarray], path: Path) -> dict[str, np.ndarray]:
    onnx.save(model, path)
    runner = cpu_session(path)
    names = [port.name for port in runner.get_outputs()]
    return dict(zip(names, runner.run(names, {p.name: values[p.name] for p in runner.get_inputs()}), strict=True))


@pytest.mark.parametrize("kind", ["float", "u8", "u16 folded"])
def test_the_halves_together_are_the_whole_to_the_bit(
    small: Small, vocoder: onnx.ModelProto, kind: str, tmp_path: Path
) -> None:
    model = vocoder if kind == "float" else in_integers(vocoder, 8 if kind == "u8" else 16)
    if kind == "u16 folded":
        model = fold_time(model, small.bucket.frames)
    sizes = contracts.sizes(small.weights.config, small.bucket)
    draws = np.random.default_rng(0)
    values = {p.name: draws.standard_normal(p.resolve(sizes), np.float32) for p in VOCODER.inputs}
    values["frame_mask"] = (np.arange(small.bucket.frames) < 57).astype(np.float32)[None]
    halves = cut(model)
    for name, half in halves.items():
        check_ports(half, name, sizes)
        values |= run(half, values, tmp_path / f"{name}.onnx")
    whole = run(model, values, tmp_path / "whole.onnx")["spectrum"]
    assert np.isfinite(whole).all()
    assert np.array_equal(values["spectrum"], whole)
    values["features"] = values["features"] * np.float32(1.5)
    spoiled = run(halves["generator"], values, tmp_path / "generator.onnx")["spectrum"]
    assert not np.array_equal(spoiled, whole)


def check_ports(half: onnx.ModelProto, name: str, sizes: dict[str, int]) -> None:
    stage = contracts.stage(name)
    for ports, found in ((stage.inputs, half.graph.input), (stage.outputs, half.graph.output)):
        got = [(value.name, tuple(d.dim_value for d in value.type.tensor_type.shape.dim)) for value in found]
        assert got == [(port.name, port.resolve(sizes)) for port in ports]


def test_each_convolution_is_in_one_half_and_both_keep_the_contract(small: Small, vocoder: onnx.ModelProto) -> None:
    def convs(model: onnx.ModelProto) -> list[str]:
        return [node.name for node in model.graph.node if node.op_type == "Conv"]

    halves = cut(vocoder)
    assert list(halves) == list(HALVES)
    assert sorted(convs(vocoder)) == sorted(convs(halves["decoder"]) + convs(halves["generator"]))
    for name, half in halves.items():
        sizes = contracts.sizes(small.weights.config, small.bucket)
        check_graph(half, contracts.stage(name), sizes, name)
        exported = export_stage(name, small.weights.model, small.weights.config, small.bucket)
        assert list(exported.graph.node) == list(half.graph.node)


def test_a_second_value_across_the_cut_is_refused(vocoder: onnx.ModelProto) -> None:
    crossing = onnx.ModelProto()
    crossing.CopyFrom(vocoder)
    inside = next(n for n in crossing.graph.node if n.name.startswith(BLOCKS) and n.op_type == "LeakyRelu")
    late = next(n for n in crossing.graph.node if n.name.startswith("/resblocks.0") and n.op_type == "Mul")
    crossing.graph.node.append(helper.make_node("Add", [late.output[0], inside.output[0]], ["x"], name="/planted"))
    with pytest.raises(ContractError, match="one value that leaves the decoder's blocks"):
        name_features(crossing)
    late.input[0] = inside.output[0]
    with pytest.raises(ContractError, match=r"only the ports of generator, got.*asr"):
        cut(crossing)


def test_a_graph_without_features_is_refused(vocoder: onnx.ModelProto) -> None:
    tail = onnx.ModelProto()
    tail.CopyFrom(vocoder)
    for node in tail.graph.node:
        node.output[:] = ["elsewhere" if name == "features" else name for name in node.output]
    with pytest.raises(ContractError, match="a value 'features'"):
        cut(tail)
