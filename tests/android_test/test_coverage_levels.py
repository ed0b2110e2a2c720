"""The coverage command: what it finds, what it refuses to believe, and how it exits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from android_test.__main__ import main
from android_test.coverage.coverage_levels import CoverageSettings, Result, Variant, check, find_variants
from android_test.coverage.coverage_report import COLUMNS, complaints, rows
from android_test.coverage.htp.htp_host import Compilation, unavailable
from android_test.coverage.htp.simulate import Agreement
from android_test.coverage.rule_verdict import Verdict
from export_onnx.buckets import BUCKETS, Bucket
from export_onnx.contracts import STAGES
from export_onnx.errors import ContractError, CoverageError
from export_onnx.graph.multiply_adds import multiply_adds
from selector.package.coverage_schema import LEVELS, CoverageReport, CoveredVariant
from tests.selector.coverage_fakes import fake_verdicts

F = np.float32
FIVE = Bucket(5, 128)
SOUND = (1, 4, 1, 64)


def graph(body: str, constants: dict | None = None, opset: int = 17, infer: bool = True) -> onnx.ModelProto:
    """x -> y, with names and shapes."""
    domains = f'["" : {opset}, "com.microsoft" : 1]'
    parsed = onnx.parser.parse_model(f"<ir_version: 8, opset_import: {domains}> g () => () {{ {body} }}")
    parsed.graph.input.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, SOUND))
    parsed.graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, SOUND))
    for name, array in (constants or {}).items():
        parsed.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    for index, node in enumerate(parsed.graph.node):
        node.name = f"{node.op_type}_{index}"
    return onnx.shape_inference.infer_shapes(parsed, strict_mode=True, data_prop=True) if infer else parsed


CONV = {"w": np.full((4, 4, 1, 3), 0.1, F)}
SOUND_GRAPH = "c = Conv<kernel_shape=[1,3], pads=[0,1,0,1]>(x, w) \n s = Sin(c) \n q = Mul(s, s) \n y = Add(c, q)"
QDQ = {
    "s": F(0.05),
    "z": np.uint8(128),
    "w": np.ones((4, 4, 1, 3), np.int8),
    "ws": np.full(4, 0.01, F),
    "wz": np.zeros(4, np.int8),
    "b": np.ones(4, np.int32),
    "bs": np.full(4, 0.0005, F),
    "bz": np.zeros(4, np.int32),
}


def unit(bias: str = "bd = DequantizeLinear<axis=0>(b, bs, bz)", **changed: object) -> onnx.ModelProto:
    body = f"""xq = QuantizeLinear(x, s, z)
        xd = DequantizeLinear(xq, s, z)
        wd = DequantizeLinear<axis=0>(w, ws, wz)
        {bias}
        c = Conv<kernel_shape=[1,3], pads=[0,1,0,1]>(xd, wd, bd)
        q = QuantizeLinear(c, s, z)
        y = DequantizeLinear(q, s, z)"""
    constants = QDQ | changed
    return graph(body, {name: array for name, array in constants.items() if name in body})


def open_ended() -> onnx.ModelProto:
    model = graph(SOUND_GRAPH, CONV)
    for info in (*model.graph.input, *model.graph.value_info, *model.graph.output):
        info.type.tensor_type.shape.dim[3].ClearField("dim_value")
    return model


def silent() -> onnx.ModelProto:
    model = graph(SOUND_GRAPH, CONV)
    del model.graph.value_info[:]
    return model


MASK = (np.arange(64) < 40).astype(F).reshape(1, 1, 1, 64)
MASKED = """c = Conv<kernel_shape=[1,3], pads=[0,1,0,1]>(x, f)
    s = Sin(c) \n p = Mul(s, s) \n g = Add(c, p) \n h = Mul(g, mask)
    xq = QuantizeLinear(h, s1, z) \n xd = DequantizeLinear(xq, s1, z)
    wd = DequantizeLinear<axis=0>(w, ws, wz)
    k = Conv<kernel_shape=[1,3], pads=[0,1,0,1]>(xd, wd)
    q = QuantizeLinear(k, s1, z) \n y = DequantizeLinear(q, s1, z)"""
SOFTMAX = """xq = QuantizeLinear(x, s, z) \n xd = DequantizeLinear(xq, s, z) \n o = Softmax(xd)
    q = QuantizeLinear(o, so, zo) \n y = DequantizeLinear(q, so, zo)"""

# name: (target, planted graph, words that the report must hold)
PLANTED = {
    "a 1-D convolution": (
        "nnapi",
        graph(
            "r = Reshape(x, a) \n c = Conv<kernel_shape=[3], pads=[1,1]>(r, w) \n y = Reshape(c, b)",
            {"w": np.ones((4, 4, 3), F), "a": np.array([1, 4, 64]), "b": np.array(SOUND)},
        ),
        "rank 4 (2-D convolution)",
    ),
    "an int8 activation": ("nnapi", unit(z=np.int8(0)), "uint8 activations"),
    "an int8 activation for Qualcomm": ("qnn", unit(z=np.int8(0)), "uint8 or uint16 activations"),
    "a float bias": ("nnapi", unit("bd = Identity(fb)", fb=np.ones(4, F)), "outside a unit"),
    "a float bias for Qualcomm": ("qnn", unit("bd = Identity(fb)", fb=np.ones(4, F)), "a whole unit"),
    "a Softmax at 1/255": (
        "nnapi",
        graph(SOFTMAX, {"s": F(0.05), "z": np.uint8(128), "so": F(1 / 255), "zo": np.uint8(0)}),
        "scale 1/256",
    ),
    "a Pow in Snake": (
        "qnn",
        graph(SOUND_GRAPH.replace("Mul(s, s)", "Pow(s, two)"), CONV | {"two": F(2)}),
        "no Pow",
    ),
    "a mask after Snake": (
        "qnn",
        graph(MASKED, {k: QDQ[k] for k in ("z", "w", "ws", "wz")} | {"s1": F(0.05), "mask": MASK, "f": CONV["w"]}),
        "no mask between Snake and a quantized convolution",
    ),
    "a Where": (
        "nnapi",
        graph("y = Where(m, x, zero)", {"m": MASK.astype(bool), "zero": F(0)}),
        "an operator the provider knows",
    ),
    "a dynamic dimension": ("nnapi", open_ended(), "fixed dimensions"),
    "a dynamic dimension for Qualcomm": ("qnn", open_ended(), "fixed dimensions"),
    "a node without value_info": ("nnapi", silent(), "no value_info"),
    "a node without value_info for Qualcomm": ("qnn", silent(), "no value_info"),
    "a node that only the CPU takes": (
        "qnn",
        graph("h = Sqrt(x) \n y = com.microsoft.Gelu(h)", infer=False),
        "an operator the provider knows",
    ),
}


def legal_chain(folder: Path) -> Path:
    """`nnapi`, `qnn` and `floats`, each with the chain's stages at 5 s, all legal."""
    for name in ("nnapi", "qnn", "floats"):
        (folder / name).mkdir()
        for stage in STAGES:
            onnx.save(graph(SOUND_GRAPH, CONV), folder / name / f"{stage.name}_5s.onnx")
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    return legal_chain(tmp_path)


def run(folders: Path, *targets: str, extra: tuple[str, ...] = ()) -> tuple[int, dict]:
    where = ["--float", str(folders / "floats"), "--build", str(folders)]
    status = main(["coverage", *(str(folders / t) for t in targets), *where, "--buckets", "5", *extra])
    return status, json.loads((folders / "android_test" / "coverage" / "report.json").read_text())


FURTHER = {key: fake_verdicts(LEVELS)[key] for key in ("compiled", "simulated")}


def test_a_legal_chain_passes(folders: Path) -> None:
    status, report = run(folders, "nnapi", "qnn")
    assert status == 0
    assert report["passed"]
    assert [one["proven"] for one in report["variants"]] == [["rules"]] * 4
    # Two of eight equal stages: `bert` runs on the CPU.
    assert report["share_of_multiply_adds_on_npu"]["nnapi"]["5s"] == pytest.approx(2 / 8, abs=1e-4)
    shares = {row[COLUMNS.index("share")] for row in rows(CoverageReport.model_validate_json(json.dumps(report)))}
    assert shares == {"25.0 %"}, "of the whole chain, as the report says"


def test_what_is_proven_is_not_proven_again_and_not_lost(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, report = run(folders, "qnn")
    file = folders / "android_test" / "coverage" / "report.json"
    higher = {**report, "required": "simulated"}
    higher["variants"] = [one | {"proven": list(LEVELS)} | FURTHER for one in report["variants"]]
    file.write_text(json.dumps(higher))
    with monkeypatch.context() as patch:
        patch.setattr("android_test.__main__.check", lambda *given: pytest.fail("proven before"))
        assert run(folders, "qnn") == (0, higher), "a higher level stays"
    file.write_text(json.dumps(report | {"of another release": 1}))
    assert run(folders, "qnn") == (0, report), "what breaks the schema is made again"
    for changed in (folders / "qnn" / "generator_5s.onnx", folders / "floats" / "tail_5s.onnx"):
        model = onnx.load(changed)
        model.graph.name = "another"
        onnx.save(model, changed)
        before, (status, report) = report["signature"], run(folders, "qnn")
        assert (status, report["signature"] != before) == (0, True)
    onnx.save(PLANTED["a Pow in Snake"][1], folders / "qnn" / "generator_5s.onnx")
    assert run(folders, "qnn")[0] == run(folders, "qnn")[0] == 1, "what is not covered is looked at again"


@pytest.mark.parametrize("name", PLANTED)
def test_planted_defects_are_caught(folders: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    target, planted, words = PLANTED[name]
    onnx.save(planted, folders / target / "generator_5s.onnx")
    status, report = run(folders, target)
    assert status == 1
    assert not report["passed"]
    generator = next(one for one in report["variants"] if one["stage"] == "generator")
    assert generator["proven"] == []
    assert words in " ".join(complaints(CoveredVariant.model_validate_json(json.dumps(generator))))
    assert "NOT covered" in capsys.readouterr().out


def test_every_wanted_file_must_be_there(folders: Path) -> None:
    with pytest.raises(CoverageError, match=r"bert_5s\.onnx, decoder_5s\.onnx, generator_5s\.onnx, got none of them"):
        find_variants(folders / "nowhere", [FIVE])
    assert [one.stage for one in find_variants(folders / "qnn", [FIVE])] == ["decoder", "generator"]
    (folders / "qnn" / "decoder_5s.onnx").unlink()
    with pytest.raises(CoverageError, match=r"qnn: expected decoder_5s\.onnx, got no such file.*--stages"):
        find_variants(folders / "qnn", [FIVE])
    assert [one.stage for one in find_variants(folders / "qnn", [FIVE], ["generator"])] == ["generator"]
    with pytest.raises(CoverageError, match=r"decoder_10s\.onnx, generator_10s\.onnx, got none of them"):
        find_variants(folders / "nnapi", BUCKETS[1:3])


def test_a_level_needs_those_below_it() -> None:
    variant = Variant("qnn", "generator", FIVE, Path("generator_5s.onnx"))
    whole, broken = Verdict(3, (3,), ()), Verdict(3, (1, 2), ())
    good = Compilation("m", "SM8550", "compiled", nodes=3, nodes_on_npu=3, subgraphs=1)
    cut = Compilation("m", "SM8650", "compiled", nodes=3, nodes_on_npu=3, subgraphs=2)
    skipped = Compilation("m", "SM8550", "skipped", "not installed")
    agrees, differs = Agreement(good, {"y": 50.0}, 40.0), Agreement(good, {"y": 20.0}, 40.0)
    empty = Agreement(good, {}, 40.0)

    def proven(rules: Verdict, *compiled: Compilation, run: Agreement | None = None) -> tuple[str, ...]:
        return Result(variant, 1, rules, (), compiled, run).proven

    assert proven(whole, good, run=agrees) == ("rules", "compiled", "simulated")
    assert proven(whole, good, run=differs) == ("rules", "compiled")
    assert proven(whole, good, run=empty) == ("rules", "compiled")
    assert proven(whole, good, cut, run=agrees) == ("rules",)
    assert proven(whole, skipped, run=agrees) == ("rules",)
    assert proven(whole, run=agrees) == ("rules",)
    assert proven(broken, good, run=agrees) == ()


def test_multiply_adds() -> None:
    def count(body: str, **constants: np.ndarray) -> int:
        return sum(multiply_adds(graph(body, constants, infer=True)).values())

    assert count(SOUND_GRAPH, **CONV) == 4 * 64 * 4 * 3
    assert count("y = MatMul(x, w)", w=np.ones((64, 64), F)) == 4 * 64 * 64
    assert count("y = Sqrt(x)") == 0


def test_work_without_a_shape_is_not_counted_as_nothing() -> None:
    with pytest.raises(ContractError, match="a fixed shape"):
        multiply_adds(silent())


@pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "-")
def test_compiled_is_proven_by_the_compiler(folders: Path) -> None:
    settings = CoverageSettings("compiled", folders / "floats", (FIVE,), ("SM8550", "SM8650"))
    result = check(find_variants(folders / "qnn", [FIVE])[-1], settings)
    assert result.proven == ("rules", "compiled")
    assert [one.soc for one in result.compiled] == ["SM8550", "SM8650"]
    assert all(one.peak > 0 and one.seconds > 0 for one in result.compiled)


@pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "-")
@pytest.mark.parametrize("together", [False, True])
def test_context_binaries_on_request(folders: Path, together: bool) -> None:
    socs = ("SM8550", "SM8650")
    where = folders / "contexts"
    settings = CoverageSettings(
        "compiled", folders / "floats", (FIVE,), socs=socs, contexts=where, one_context=together
    )
    result = check(find_variants(folders / "qnn", [FIVE])[-1], settings)
    written = {one.soc: one.context for one in result.compiled if one.context}
    assert set(written) == ({"SM8550+SM8650"} if together else set(socs))
    names = ["generator_5s"] if together else [f"generator_5s_{soc}" for soc in socs]
    assert all(any((where / "qnn").glob(f"{name}*.bin")) for name in names)
    assert result.proven == ("rules", "compiled")


def test_a_stage_that_runs_on_the_cpu_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(CoverageError, match=r"a stage that qnn runs on the NPU, got bert, which its recipe has"):
        find_variants(tmp_path / "qnn", BUCKETS[:1], ["bert"])
