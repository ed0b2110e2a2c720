"""Published ONNX exports, made here from small weights in every form that is published, and read back."""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from kokoro.custom_stft import CustomSTFT
from kokoro.model import KModel, KModelForONNX
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from android_test.bench.original import export_original
from export_onnx import geometry
from export_onnx.checkpoint.architecture import build
from export_onnx.checkpoint.onnx_checkpoint import KNOWN, RECOGNIZED, read_export
from export_onnx.checkpoint.onnx_constants import Constants
from export_onnx.checkpoint.onnx_modules import UNUSED, find_nodes
from export_onnx.checkpoint.tensor_files import load_state
from export_onnx.checkpoint.weights import DEMO, Weights, load_weights
from export_onnx.errors import WeightsError
from export_onnx.surgery.weight_norm import folded_weight

ZERO_FILTERS = (0, 3)  # of one convolution, planted
ZEROED = "predictor.F0.2.conv1"


@pytest.fixture(scope="module")
def original(weights_cache: Path) -> Weights:
    """The small random checkpoint with two filters of zeros; a copy of its own, as exporting changes the STFT."""
    weights = load_weights("random-small", weights_cache)
    weights.model.get_submodule(ZEROED).weight_g.data[list(ZERO_FILTERS)] = 0
    return weights


@pytest.fixture(scope="module")
def exported(original: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As torch's exporter writes it: weight norm folded, equal tensors once."""
    file = tmp_path_factory.mktemp("exported") / "kokoro.onnx"
    export_original(original.model, original.voices["random_a"][37:38], file)
    return file


@pytest.fixture(scope="module")
def again(exported: Path) -> KModel:
    """The same, read back."""
    return read_back(exported)


def read_back(file: Path) -> KModel:
    """Through the loader's strict path."""
    export = read_export(file)
    model = build(export.config)
    load_state(model, export.state, file)
    return model


def weights_of(model: KModel) -> dict[str, torch.Tensor]:
    """Every parameter by name; of a convolution with weight norm the weight that it computes with."""
    state = {k: v.detach() for k, v in model.named_parameters() if k not in UNUSED and not k.endswith(("_g", "_v"))}
    convolutions = {k: m for k, m in model.named_modules() if hasattr(m, "weight_g")}
    return state | {f"{k}.weight": folded_weight(m) for k, m in convolutions.items()}


def test_a_float_file_gives_the_weights_back_to_the_bit(original: Weights, exported: Path, again: KModel) -> None:
    ours, theirs = weights_of(again), weights_of(original.model)
    graph = Constants(onnx.load(exported))
    nodes = find_nodes(graph, dict(again.named_modules()))
    folded = {f"{k}.weight" for k, m in again.named_modules() if hasattr(m, "weight_g")}
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        if key in folded:
            in_file = graph.weight(nodes[key.removesuffix(".weight")])
            assert in_file is not None
            assert torch.equal(value, in_file), key  # the exporter's own folding rounds at the last bit
            assert torch.allclose(value, theirs[key], rtol=1e-6, atol=0), key
        else:
            assert torch.equal(value, theirs[key]), key


def test_filters_of_zeros_stay_zeros(again: KModel) -> None:
    """v / ||v|| is 0 / 0 for them."""
    convolution = again.get_submodule(ZEROED)
    assert not folded_weight(convolution)[list(ZERO_FILTERS)].any()
    assert torch.isfinite(convolution.weight_v).all()


def test_it_takes_the_same_time_to_speak(original: Weights, again: KModel) -> None:
    ids, style = torch.tensor([[0, *range(20, 60), 0]]), original.voices["random_a"][39:40]
    with torch.no_grad():
        frames = [m.forward_with_tokens(ids, style)[1] for m in (again, original.model)]
    assert torch.equal(*frames)


def test_weight_norm_that_is_not_folded(weights_cache: Path, tmp_path: Path) -> None:
    """As an exporter without constant folding leaves it: every tensor of the checkpoint, to the bit."""
    weights = load_weights("random-small", weights_cache)
    weights.model.decoder.generator.stft = CustomSTFT(geometry.N_FFT, geometry.HOP, geometry.N_FFT)
    example = (torch.arange(20, 60)[None], weights.voices["random_a"][37:38], torch.ones(1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            KModelForONNX(weights.model).eval(),
            example,
            str(tmp_path / "plain.onnx"),
            dynamo=False,
            opset_version=17,
            do_constant_folding=False,
            input_names=["input_ids", "style", "speed"],
            dynamic_axes={"input_ids": {1: "tokens"}},
        )
    again, state = read_back(tmp_path / "plain.onnx").state_dict(), weights.model.state_dict()
    assert len(again.keys() - set(UNUSED)) > 100
    for key, value in again.items():
        assert key in UNUSED or torch.equal(value, state[key]), key


def without_identity(model: onnx.ModelProto) -> None:
    """As optimizers leave a file: whoever took a copy takes the tensor itself."""
    same = {n.output[0]: n.input[0] for n in model.graph.node if n.op_type == "Identity"}
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            while name in same:
                name = same[name]
            node.input[i] = name


def with_other_prefixes(model: onnx.ModelProto) -> None:
    """As kokoro-onnx's file has them: the model under another name, and a module before each node."""
    names = {t.name: t.name.replace("kmodel.", "encoder.model.") for t in model.graph.initializer}
    for tensor in model.graph.initializer:
        tensor.name = names[tensor.name]
    for node in model.graph.node:
        node.name = f"/encoder{node.name}" if node.name.startswith("/") else node.name
        for names_of in (node.input, node.output):
            for i, name in enumerate(names_of):
                names_of[i] = names.get(name, name.replace("kmodel.", "encoder.model."))


def in_half_precision(model: onnx.ModelProto) -> None:
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name)
            tensor.CopyFrom(half)


@pytest.mark.parametrize("change", [without_identity, with_other_prefixes])
def test_what_optimizers_and_other_exporters_change(
    exported: Path, again: KModel, tmp_path: Path, change: Callable[[onnx.ModelProto], None]
) -> None:
    model = onnx.load(exported)
    change(model)
    onnx.save(model, tmp_path / "changed.onnx")
    ours, theirs = weights_of(read_back(tmp_path / "changed.onnx")), weights_of(again)
    assert ours.keys() == theirs.keys()
    assert ours
    for key, value in ours.items():
        assert torch.equal(value, theirs[key]), key


def test_weights_in_a_file_beside_are_read(exported: Path, again: KModel, tmp_path: Path) -> None:
    """As onnx-community's `model.onnx_data`."""
    onnx.save(onnx.load(exported), tmp_path / "m.onnx", save_as_external_data=True, location="model.onnx_data")
    ours, theirs = read_back(tmp_path / "m.onnx").state_dict(), again.state_dict()
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        assert torch.equal(value, theirs[key]), key


@pytest.mark.parametrize("content", ["{broken", "[1]", "version https://git-lfs.github.com/spec/v1"])
def test_a_broken_config_beside_is_refused(exported: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(WeightsError, match=r"config\.json: expected a JSON object"):
        read_export(Path(shutil.copy(exported, tmp_path)))


def test_half_precision_is_read(exported: Path, again: KModel, tmp_path: Path) -> None:
    model = onnx.load(exported)
    in_half_precision(model)
    onnx.save(model, tmp_path / "half.onnx")
    bias = read_back(tmp_path / "half.onnx").decoder.generator.conv_post.bias
    assert torch.equal(bias, again.decoder.generator.conv_post.bias.half().float())


@pytest.mark.parametrize(
    ("kind", "per_channel"), [(QuantType.QUInt8, False), (QuantType.QInt8, True)], ids=["tensor", "channel"]
)
def test_dynamic_int8_is_read_within_half_a_step(
    original: Weights, exported: Path, tmp_path: Path, kind: QuantType, per_channel: bool
) -> None:
    """As published files were made; LSTM and embedding tables in 8 bits as well."""
    logging.getLogger().setLevel(logging.ERROR)
    file = tmp_path / "int8.onnx"
    quantize_dynamic(
        exported,
        file,
        weight_type=kind,
        per_channel=per_channel,
        op_types_to_quantize=["MatMul", "Gather", "LSTM", "EmbedLayerNormalization", "Conv"],
    )
    assert read_export(file).rounded
    ours, theirs = weights_of(read_back(file)), weights_of(original.model)
    for key, value in theirs.items():
        step = 2 * float(value.abs().max()) / 254  # no coarser: one scale for the tensor, or one for each channel
        assert float((ours[key] - value).abs().max()) <= 0.51 * step, key
    assert not ours[f"{ZEROED}.weight"][list(ZERO_FILTERS)].any()


def test_the_demo_voice_comes_with_its_config(tmp_path: Path) -> None:
    """Its widths are no known architecture's: config.json beside the file says them."""
    demo = load_weights("demo")
    export_original(demo.model, demo.voices["df_ada"][37:38], tmp_path / "demo.onnx")
    with pytest.raises(WeightsError, match=r"demo\.onnx: expected an export of Kokoro.*config\.json beside"):
        read_export(tmp_path / "demo.onnx")
    shutil.copy(DEMO / "config.json", tmp_path)
    shutil.copytree(DEMO / "voices", tmp_path / "voices")
    again = load_weights(str(tmp_path / "demo.onnx"))
    assert (again.identity.source, again.identity.name) == ("onnx", "demo")
    assert again.config == demo.config
    assert "rounded" not in again.identity.revision
    assert {"demo.onnx", "config.json", "voices/df_ada.pt"} <= set(again.identity.sha256)
    assert all(torch.equal(again.voices[name], voice) for name, voice in demo.voices.items())
    for key, value in weights_of(again.model).items():
        assert torch.allclose(value, weights_of(demo.model)[key], rtol=1e-6, atol=0), key


def spoiled(exported: Path, tmp_path: Path, change: Callable[[onnx.GraphProto], None]) -> Path:
    model = onnx.load(exported)
    change(model.graph)
    onnx.save(model, tmp_path / "spoiled.onnx")
    return tmp_path / "spoiled.onnx"


def rename(graph: onnx.GraphProto) -> None:
    (tensor,) = [t for t in graph.initializer if t.name.endswith("generator.resblocks.0.alpha1.0")]
    for node in graph.node:
        node.input[:] = ["anonymous" if name == tensor.name else name for name in node.input]
    tensor.name = "anonymous"


def add(graph: onnx.GraphProto) -> None:
    graph.initializer.append(numpy_helper.from_array(np.random.default_rng(0).normal(size=(8, 9)), "extra.weight"))


def compute(graph: onnx.GraphProto) -> None:
    """A weight that the graph computes: one that nobody stored."""
    node = next(n for n in graph.node if n.name.endswith("conv_post/Conv"))
    weight = node.input[1]
    node.input[1] = "computed"
    graph.node.append(helper.make_node("Relu", [weight], ["computed"], name="/odd/Relu"))


def reshape(graph: onnx.GraphProto) -> None:
    node = next(n for n in graph.node if n.name.endswith("conv_post/Conv"))
    tensor = next(t for t in graph.initializer if t.name == node.input[1])
    tensor.dims[:] = [tensor.dims[1], tensor.dims[0], tensor.dims[2]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rename, r"tensor decoder\.generator\.resblocks\.0\.alpha1\.0: expected \[1, 16, 1\], got nothing"),
        (add, r"tensor extra\.weight: expected only tensors of Kokoro's modules, got float64 \[8, 9\]"),
        (compute, r"tensor decoder\.generator\.conv_post\.weight_g: expected \[22, 1, 1\], got nothing"),
        (reshape, r"tensor decoder\.generator\.conv_post\.weight_g: expected \[22, 1, 1\], got \[8, 1, 1\]"),
    ],
)
def test_another_graph_is_refused_by_the_tensor(
    exported: Path, tmp_path: Path, change: Callable[[onnx.GraphProto], None], message: str
) -> None:
    with pytest.raises(WeightsError, match=message):
        read_export(spoiled(exported, tmp_path, change))


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    port = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "other", [port], [port])
    onnx.save(helper.make_model(graph), tmp_path / "other.onnx")
    with pytest.raises(WeightsError, match=r"an export of Kokoro.*0 of \d+ names"):
        read_export(tmp_path / "other.onnx")
    (tmp_path / "other.onnx").write_bytes(b"nothing of ONNX")
    with pytest.raises(WeightsError, match=r"other\.onnx: expected an ONNX file"):
        read_export(tmp_path / "other.onnx")
    (tmp_path / "other.onnx").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(WeightsError, match="Git LFS pointer"):
        read_export(tmp_path / "other.onnx")


def test_every_recognized_kind_says_why() -> None:
    assert len({kind.why for kind in RECOGNIZED}) == len(RECOGNIZED)
    assert KNOWN[0] == "kokoro-82m"
