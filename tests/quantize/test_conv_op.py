"""The fused operators Conv and FloatConv against stock operators, by path, shape and threads; and planted defects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export_onnx.errors import ContractError
from export_onnx.proof.decibels import snr
from export_onnx.run.sessions import SessionSettings, cpu_session, run_session
from quantize.ops.fused_ops import CONV, CONV_INPUTS, FLOAT_CONV, FLOAT_CONV_INPUTS, OPS_DOMAIN, OPS_VERSION
from tests.quantize.test_adain_op import X86_PATHS, supported

FLOOR = 130  # measured: 141 and more; floats in another order
FLOAT_FLOOR = 51  # measured: 61 and more; inputs and weights have about 12 bits
ZERO = 131


@dataclass(frozen=True)
class ConvCase:
    """A convolution of `columns` columns: the output has as many."""

    inputs: int
    outputs: int
    taps: int
    dilation: int
    columns: int
    has_factor: bool = True
    has_added: bool = True
    floats: bool = False

    @property
    def pad(self) -> int:
        return (self.taps - 1) * self.dilation // 2

    def feed(self) -> dict[str, NDArray[Any]]:
        draw = np.random.default_rng(self.columns)
        values: dict[str, NDArray[Any]] = {}
        if self.floats:
            values["floats"] = draw.normal(size=(1, 1, self.columns, self.inputs)).astype(np.float32)
        else:
            values["bytes"] = draw.integers(0, 256, (1, 1, self.columns, self.inputs)).astype(np.uint8)
        if self.has_added:
            values["added"] = draw.normal(size=(1, 1, self.columns, self.outputs)).astype(np.float32)
        return values

    def stored(self) -> dict[str, NDArray[Any]]:
        draw = np.random.default_rng(self.inputs)
        most, kind = (32767, np.int16) if self.floats else (127, np.int8)
        weight = np.clip(draw.normal(0, most / 4, (self.outputs, self.inputs, 1, self.taps)), -most, most).astype(kind)
        bias = draw.normal(0, 300, self.outputs)
        floats = {
            "byte_step": np.array(0.02),
            "weight_step": draw.uniform(1, 2, self.outputs) / most,
            "factor": draw.uniform(0.5, 2, (1, self.outputs, 1, 1)),
            "one": np.array(1.0),
            "many": np.ones(self.outputs + 1),
        }
        stored = {name: array.astype(np.float32) for name, array in floats.items()}
        return stored | {
            "byte_zero": np.array(ZERO, np.uint8),
            "other_zero": np.array(ZERO + 1, np.uint8),
            "weight": weight.reshape(self.outputs, -1) if self.floats else weight,
            "bias": (bias / 300).astype(np.float32) if self.floats else bias.astype(np.int32),
        }

    def wanted(self, integers: bool = False) -> NDArray[np.float64]:
        """The convolution in float64; `integers` gives the sums alone."""
        feed, stored = self.feed(), self.stored()
        if self.floats:
            rows = feed["floats"][0, 0].T.astype(np.float64)
        else:
            rows = feed["bytes"][0, 0].T.astype(np.float64) - ZERO
        padded = np.pad(rows, ((0, 0), (self.pad, self.pad)))
        weight = stored["weight"].reshape(self.outputs, self.inputs, self.taps).astype(np.float64)
        starts = [tap * self.dilation for tap in range(self.taps)]
        sums = sum(weight[:, :, tap] @ padded[:, at : at + self.columns] for tap, at in enumerate(starts))
        whole = np.asarray(sums, np.float64)
        if integers:
            return whole
        bias = stored["bias"].astype(np.float64)[:, None]
        step = stored["weight_step"].astype(np.float64)[:, None]
        if self.floats:
            value = whole * step + bias
        else:
            value = (whole + bias) * step * float(stored["byte_step"])
            value = value * stored["factor"][0, :, 0].astype(np.float64) if self.has_factor else value
        return value + feed["added"][0, 0].T if self.has_added else value

    def model(
        self, *, constant: bool = True, attributes: dict[str, int] | None = None, **changed: str
    ) -> onnx.ModelProto:
        names = {name: name for name in (FLOAT_CONV_INPUTS if self.floats else CONV_INPUTS)}
        names |= {} if self.has_added else {"added": ""}
        names |= {} if self.has_factor or self.floats else {"factor": ""}
        numbers = {"dilation": self.dilation, "left": self.pad, "right": self.pad}
        numbers |= {"taps": self.taps} if self.floats else {}
        kind = FLOAT_CONV if self.floats else CONV
        inputs = list((names | changed).values())
        node = helper.make_node(kind, inputs, ["out"], name="conv", domain=OPS_DOMAIN)
        for name, number in (numbers | (attributes or {})).items():
            node.attribute.append(helper.make_attribute(name, number))
        kinds = {"bytes": TensorProto.UINT8, "floats": TensorProto.FLOAT, "added": TensorProto.FLOAT}
        ports = [helper.make_tensor_value_info(name, kinds[name], array.shape) for name, array in self.feed().items()]
        stored = self.stored()
        if not constant:
            ports.append(helper.make_tensor_value_info("weight", TensorProto.INT8, stored.pop("weight").shape))
        constants = [numpy_helper.from_array(array, name) for name, array in stored.items()]
        out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
        graph = helper.make_graph([node], "conv", ports, [out], constants)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(OPS_DOMAIN, OPS_VERSION)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def convolved(library: Path, case: ConvCase, threads: int = 1, **changed: Any) -> NDArray[Any]:
    session = cpu_session(case.model(**changed), SessionSettings(threads=threads, libraries=(library,)))
    out = run_session(session, case.feed())["out"]
    assert out.shape == (1, 1, case.columns, case.outputs)
    return np.asarray(out[0, 0].T)


# Every kernel and dilation of the generator, the decoder's, and odd numbers of channels and columns.
SHAPES = [(taps, dilation) for taps in (3, 7, 11) for dilation in (1, 3, 5)]
CASES = [ConvCase(128, 128, taps, dilation, columns) for taps, dilation in SHAPES for columns in (1, 130)]
CASES += [ConvCase(1090, 70, 3, 1, 33), ConvCase(66, 130, 1, 1, 49), ConvCase(5, 3, 7, 3, 17)]
CASES += [ConvCase(7, 65, 3, 5, 1601), ConvCase(64, 64, 3, 1, 769, has_factor=False, has_added=False)]
FLOAT_CASES = [replace(case, floats=True) for case in CASES]


@pytest.mark.parametrize("path", X86_PATHS)
def test_every_path_convolves_exactly(ops: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    supported(ops, path, monkeypatch)
    for case in CASES:
        bare = replace(case, has_factor=False, has_added=False)
        sums = convolved(ops, bare, byte_step="one", weight_step="one", bias="")
        assert np.array_equal(sums, case.wanted(integers=True).astype(np.float32)), case
        for threads in (1, 3):
            assert snr(case.wanted(), convolved(ops, case, threads)) >= FLOOR, case


@pytest.mark.parametrize("path", X86_PATHS)
def test_every_path_convolves_floats(ops: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    supported(ops, path, monkeypatch)
    for case in FLOAT_CASES:
        wanted = case.wanted()
        one, many = (convolved(ops, case, threads) for threads in (1, 3))
        assert snr(wanted, one) >= FLOAT_FLOOR, case
        assert np.array_equal(one, many), case


@pytest.mark.parametrize("path", X86_PATHS)
@pytest.mark.parametrize("floats", [False, True])
def test_moments_of_the_output(ops: Path, path: str, floats: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    supported(ops, path, monkeypatch)
    for case in (ConvCase(5, 3, 7, 3, 17, floats=floats), ConvCase(16, 70, 3, 1, 1601, floats=floats)):
        model = case.model()
        model.graph.node[0].output.append("moments")
        model.graph.output.append(helper.make_tensor_value_info("moments", TensorProto.FLOAT, None))
        found = run_session(cpu_session(model, SessionSettings(threads=3, libraries=(ops,))), case.feed())
        columns = found["out"][0, 0].astype(np.float64)
        means, squares, counts = found["moments"][0].transpose(1, 0, 2).astype(np.float64)
        assert counts.sum(axis=0).tolist() == [case.columns] * case.outputs
        ends = np.cumsum(counts[:, 0]).astype(int)
        for part, mean, around in zip(np.split(columns, ends[:-1]), means, squares, strict=True):
            assert np.allclose(mean, part.mean(axis=0), atol=1e-4 * columns.std())
            assert np.allclose(around, ((part - part.mean(axis=0)) ** 2).sum(axis=0), rtol=1e-4)


def test_stock_operators_agree(ops: Path) -> None:
    """That the float64 convolution above is ONNX's own."""
    case = ConvCase(22, 70, 7, 3, 100, has_factor=False, has_added=False)
    nodes = [
        helper.make_node("Transpose", ["bytes"], ["first"], perm=[0, 3, 1, 2]),
        helper.make_node("ConvInteger", ["first", "weight", "byte_zero"], ["out"], pads=[0, 9, 0, 9], dilations=[1, 3]),
    ]
    model = case.model()
    model.graph.node.pop()
    model.graph.node.extend(nodes)
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("out", TensorProto.INT32, None))
    sums = run_session(cpu_session(model), case.feed())["out"]
    assert np.array_equal(sums[0, :, 0], case.wanted(integers=True))


@pytest.mark.parametrize(
    "changed",
    [
        {"byte_zero": "other_zero"},
        {"factor": ""},
        {"bias": ""},
        {"attributes": {"left": 4, "right": 2}},
        {"attributes": {"dilation": 1, "left": 1, "right": 1}},
    ],
    ids=str,
)
def test_a_defect_falls_below_the_floor(ops: Path, changed: dict[str, Any]) -> None:
    case = ConvCase(22, 70, 3, 3, 100)
    assert snr(case.wanted(), convolved(ops, case, **changed)) < FLOOR - 80


@pytest.mark.parametrize(
    "changed", [{"bias": ""}, {"weight_step": "one"}, {"attributes": {"left": 4, "right": 2}}], ids=str
)
def test_a_defect_of_floats_falls_below_the_floor(ops: Path, changed: dict[str, Any]) -> None:
    case = ConvCase(22, 70, 3, 3, 100, floats=True)
    assert snr(case.wanted(), convolved(ops, case, **changed)) < FLOAT_FLOOR - 25


def test_silence_is_the_bias(ops: Path) -> None:
    case = ConvCase(22, 70, 3, 3, 100, has_added=False, floats=True)
    session = cpu_session(case.model(), SessionSettings(libraries=(ops,)))
    out = run_session(session, {"floats": np.zeros((1, 1, 100, 22), np.float32)})["out"]
    assert np.array_equal(out[0, 0], np.repeat(case.stored()["bias"][None], 100, axis=0))


@pytest.mark.parametrize(
    ("case", "changed", "message"),
    [
        (ConvCase(5, 9, 3, 1, 20), {"byte_step": "weight_step"}, "bytes need one step"),
        (ConvCase(5, 9, 3, 1, 20), {"weight_step": "many"}, "a scale has neither one number nor one per channel"),
        (ConvCase(5, 9, 3, 1, 20), {"attributes": {"left": 0}}, "what is added has another shape"),
        (ConvCase(5, 9, 3, 1, 20), {"attributes": {"dilation": 0}}, "no dilation, or negative padding"),
        (ConvCase(5, 9, 3, 5, 4, has_added=False), {"attributes": {"left": 0, "right": 0}}, "longer than its padded"),
        (ConvCase(5, 9, 3, 1, 20), {"constant": False}, "weight is not constant"),
        (ConvCase(5, 9, 3, 1, 20, floats=True), {"weight_step": "many"}, "a step or the bias has not one number"),
        (ConvCase(5, 9, 3, 1, 20, floats=True), {"attributes": {"taps": 4}}, r"the weight is not \[C, C \* taps\]"),
        (ConvCase(5, 9, 3, 1, 20, floats=True), {"attributes": {"left": 0}}, "what is added has another shape"),
        (ConvCase(6, 9, 3, 1, 20, floats=True), {"attributes": {"taps": 9}}, "floats are not"),
    ],
    ids=str,
)
def test_wrong_inputs_are_refused(ops: Path, case: ConvCase, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        convolved(ops, case, **changed)


def test_a_weight_of_minus_128_is_refused(ops: Path) -> None:
    """Its products do not fit into the sums of two that NEON adds in 16 bits."""
    model = ConvCase(5, 9, 3, 1, 20).model()
    (weight,) = [tensor for tensor in model.graph.initializer if tensor.name == "weight"]
    weight.CopyFrom(numpy_helper.from_array(np.full((9, 5, 1, 3), -128, np.int8), "weight"))
    with pytest.raises(ContractError, match="a weight is -128"):
        cpu_session(model, SessionSettings(libraries=(ops,)))
