"""Files: contracts, promises of the passes, determinism, shared weights, the command."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from export_onnx import provenance
from export_onnx.__main__ import write_checkpoint_data
from export_onnx.buckets import BUCKETS, Bucket, sentence_bucket
from export_onnx.contracts import STAGES, Port, Stage, sizes, stage
from export_onnx.errors import ContractError
from export_onnx.geometry import TIME_MULTIPLE
from export_onnx.graph import shared_weights as storage
from export_onnx.graph.export import export_stage
from export_onnx.graph.shared_weights import ModelFolder, load
from export_onnx.graph.simplify import NPU_OPS, OPSET, PASSES, check_graph, own_constants, trim_inputs
from tests.conftest import Small, export_all

ROOT = Path(__file__).parent.parent.parent


def test_buckets_grow_and_hold_3_5_10_15_seconds() -> None:
    promised = {("3s", 120, 72), ("5s", 200, 128), ("10s", 400, 256), ("15s", 600, 384)}
    assert promised <= {(b.name, b.frames, b.tokens) for b in BUCKETS}
    assert all(b.frames % TIME_MULTIPLE == b.tokens % TIME_MULTIPLE == 0 for b in BUCKETS)
    for shorter, longer in pairwise(BUCKETS):
        assert shorter.frames < longer.frames
        assert shorter.tokens < longer.tokens


def test_plans_are_made_where_ordinary_sentences_fit() -> None:
    three, five, ten = Bucket(3, 72), Bucket(5, 128), Bucket(10, 256)
    assert [sentence_bucket(some) for some in ([three, five, ten], [five, ten], [ten])] == [five, five, ten]
    assert sentence_bucket([three]) == three  # the longest, where none holds them
    assert sentence_bucket([Bucket(1, 16), three]) == three


def test_stages_meet_by_name() -> None:
    known = {"ids", "token_mask", "n_tokens", "prosody_style", "timbre_style", "speed", "noise"}
    shapes: dict[str, Port] = {}
    for each in STAGES:
        assert {p.name for p in each.inputs} <= known, f"{each.name} reads what nobody has made"
        for port in (*each.inputs, *each.outputs):
            assert shapes.setdefault(port.name, port) == port
        known |= {p.name for p in each.outputs}
    with pytest.raises(ContractError, match=r"bert \| duration"):
        stage("encoder")


@pytest.mark.parametrize("name", [s.name for s in STAGES])
def test_files_keep_the_contract(small: Small, name: str) -> None:
    model = load(small.folder / f"{name}_{small.bucket.name}.onnx")
    check_graph(model, stage(name), sizes(small.weights.config, small.bucket), name)
    assert model.opset_import[0].version == OPSET
    ops = {node.op_type for node in model.graph.node}
    assert stage(name).runs_on == "cpu" or ops <= NPU_OPS
    assert not {"Shape", "Constant", "Identity", "If", "Loop"} & ops
    assert len({node.name for node in model.graph.node}) == len(model.graph.node)
    text = model.SerializeToString()
    assert b"/home/" not in text
    assert str(ROOT).encode() not in text


def test_no_elementwise_constant_is_shared(small: Small) -> None:
    model = load(small.folder / f"vocoder_{small.bucket.name}.onnx")
    before = len(model.graph.initializer)
    own_constants(model)
    assert len(model.graph.initializer) == before
    constants = {t.name for t in model.graph.initializer}
    readers = [n for n in model.graph.node if n.op_type == "Mul" and n.input[1] in constants]
    readers[0].input[1] = readers[1].input[1]
    own_constants(model)
    assert len(model.graph.initializer) > before, "a shared one gets a copy"


def toy(op: str = "Sin", length: int = 8, dims: tuple[int | str, ...] = (1, 1, 1, 8)) -> onnx.ModelProto:
    weight = onnx.numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "w")
    nodes = [helper.make_node(op, ["x"], ["h"], "first"), helper.make_node("Conv", ["h", "w"], ["y"], "second")]
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, dims)],
        [weight],
        value_info=[helper.make_tensor_value_info("h", TensorProto.FLOAT, dims)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 8
    return model


def toy_stage(length: int | str) -> Stage:
    shape = (1, 1, 1, length)
    return Stage("toy", "npu", (Port("x", shape, ""),), (Port("y", shape, ""),))


def test_no_node_ends_in_an_empty_input(small: Small) -> None:
    """NNAPI takes the empty name behind the pads of `source` for a value that is no constant."""
    pads = 0
    for one in STAGES:
        for node in load(small.folder / f"{one.name}_{small.bucket.name}.onnx").graph.node:
            assert not node.input or node.input[-1], node.name
            pads += node.op_type == "Pad"
    assert pads > 0
    planted = onnx.ModelProto()
    planted.graph.node.append(onnx.helper.make_node("Pad", ["x", "pads", ""], ["y"]))
    trim_inputs(planted)
    assert list(planted.graph.node[0].input) == ["x", "pads"]


def test_promises_are_checked() -> None:
    check_graph(toy(), toy_stage(8), {}, "toy")
    with pytest.raises(ContractError, match=r"first.*both NPU providers.*got Erf"):
        check_graph(toy("Erf"), toy_stage(8), {}, "toy")
    with pytest.raises(ContractError, match=r"second.*multiple of 8, got 9"):
        check_graph(toy(dims=(1, 1, 1, 9)), toy_stage(9), {}, "toy")
    with pytest.raises(ContractError, match="ports"):
        check_graph(toy(), toy_stage(16), {}, "toy")
    without = toy()
    del without.graph.value_info[:]
    with pytest.raises(ContractError, match=r"first.*no value_info"):
        check_graph(without, toy_stage(8), {}, "toy")
    with pytest.raises(ContractError, match="ports"):
        check_graph(toy(dims=(1, 1, 1, "n")), toy_stage(8), {}, "toy")
    assert [p.__name__ for p in PASSES][-1] == "infer_shapes"


def test_two_exports_are_identical(small: Small, tmp_path: Path) -> None:
    export_all(small.weights, tmp_path, small.bucket)
    write_checkpoint_data(small.weights, tmp_path)
    names = sorted(p.relative_to(small.folder) for p in small.folder.rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    for name in names:
        assert (tmp_path / name).read_bytes() == (small.folder / name).read_bytes(), name


def test_buckets_share_their_weights(small: Small, tmp_path: Path) -> None:
    export_all(small.weights, tmp_path, small.bucket, Bucket(3, 64))
    alone = (small.folder / storage.WEIGHTS_FILE).stat().st_size
    both = (tmp_path / storage.WEIGHTS_FILE).stat().st_size
    assert both < 1.1 * alone


def test_storage_refuses_what_it_cannot_read(small: Small, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"nothing\.onnx.*an ONNX model"):
        load(tmp_path / "nothing.onnx")
    (tmp_path / "cut.onnx").write_bytes((small.folder / f"tail_{small.bucket.name}.onnx").read_bytes()[:500])
    with pytest.raises(ContractError, match=r"cut\.onnx"):
        load(tmp_path / "cut.onnx")
    model = onnx.load(small.folder / f"bert_{small.bucket.name}.onnx", load_external_data=False)
    with ModelFolder(tmp_path / "out") as folder, pytest.raises(ContractError, match="data in memory"):
        folder.save(model, "bert")


def test_storage_moves_typed_data_out(tmp_path: Path) -> None:
    """A quantizer writes float_data; left beside the external data, no reader takes the file."""
    typed = helper.make_tensor("w", TensorProto.FLOAT, [512, 1, 1, 1], np.arange(512, dtype=np.float32))
    assert len(typed.float_data) == 512
    model = toy()
    model.graph.initializer[0].CopyFrom(typed)
    with ModelFolder(tmp_path) as folder:
        path = folder.save(model, "typed")
    assert onnx.numpy_helper.to_array(load(path).graph.initializer[0]).flatten().tolist() == list(range(512))


def test_reports_say_when_a_step_must_run_again(tmp_path: Path) -> None:
    wanted = provenance.signature(a=1)
    assert not provenance.is_up_to_date(tmp_path, wanted)
    provenance.start(tmp_path)
    (tmp_path / "model").write_text("x")
    provenance.Report(tmp_path, wanted).write({"fact": 1})
    assert provenance.is_up_to_date(tmp_path, wanted)
    assert not provenance.is_up_to_date(tmp_path, provenance.signature(a=2))
    (tmp_path / "model").write_text("y")
    assert not provenance.is_up_to_date(tmp_path, wanted), "a changed file must be seen"
    provenance.start(tmp_path)
    assert provenance.read_report(tmp_path) is None


def test_crops_export_for_simulation(small: Small) -> None:
    crop = Bucket(0.4, 16)
    model = export_stage("vocoder", small.weights.model, small.weights.config, crop)
    assert model.graph.input[0].type.tensor_type.shape.dim[2].dim_value == 16


def test_the_command_refuses_without_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "export_onnx", "--weights", "nonsense", "--build", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("WeightsError: WEIGHTS=nonsense: expected auto, demo")
    assert "Traceback" not in done.stderr


def test_the_command_exports_and_then_does_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "export_onnx", "--weights", "random-small", "--buckets", "5"]
    command += ["--build", str(tmp_path)]
    first = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    report = json.loads((tmp_path / "export_onnx" / "report.json").read_text())
    assert set(report["parity_db"]) == {"5s", "any"}
    assert first.stdout.splitlines()[0] == first.stdout.splitlines()[-1] == "weights: random-small (random, seed 0)"
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "up to date" in again.stdout
