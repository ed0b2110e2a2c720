"""Sessions: settings reach ONNX Runtime, a file that is no model and tensors that do not fit are clear errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from export_onnx.errors import ContractError
from export_onnx.graph.open_values import with_outputs
from export_onnx.run import sessions
from export_onnx.run.sessions import SessionSettings, cpu_session, run_session


def model() -> onnx.ModelProto:
    """`y = -(-x) + x`, with the two negations for an optimizer to find; `b` is declared as float32 of two."""
    nodes = [
        helper.make_node("Neg", ["x"], ["a"]),
        helper.make_node("Neg", ["a"], ["b"]),
        helper.make_node("Identity", ["b"], ["c"]),
        helper.make_node("Add", ["c", "x"], ["y"]),
    ]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "y", "b")]
    graph = helper.make_graph(nodes, "twice", ports[:1], ports[1:2], value_info=ports[2:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


X = np.array([1.0, 2.0], np.float32)


def test_a_file_and_a_model_in_memory_give_the_same(tmp_path: Path) -> None:
    onnx.save(model(), tmp_path / "model.onnx")
    for source in (model(), tmp_path / "model.onnx"):
        results = run_session(cpu_session(source), {"x": X, "passed over": X})
        assert list(results) == ["y"]
        np.testing.assert_array_equal(results["y"], 2 * X)


def test_settings_reach_the_runtime() -> None:
    session = cpu_session(model(), SessionSettings(3, "none", False, {"session.force_spinning_stop": "1"}))
    options = session.get_session_options()
    assert options.intra_op_num_threads == 3
    assert options.graph_optimization_level == sessions.LEVELS["none"]
    assert not options.enable_cpu_mem_arena
    assert options.get_session_config_entry("session.force_spinning_stop") == "1"
    assert session.get_providers() == ["CPUExecutionProvider"]


@pytest.mark.parametrize(("level", "kept"), [("none", True), ("basic", False), ("all", False)])
def test_the_optimized_graph_is_written_where_it_is_asked_for(tmp_path: Path, level, kept: bool) -> None:
    cpu_session(model(), SessionSettings(optimizations=level, optimized=tmp_path / "out.onnx"))
    kinds = [node.op_type for node in onnx.load(tmp_path / "out.onnx").graph.node]
    assert ("Identity" in kinds) is kept


def test_a_missing_file_and_a_broken_one_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    for name in ("missing.onnx", "broken.onnx"):
        with pytest.raises(ContractError, match=f"{name}: expected a model that ONNX Runtime loads"):
            cpu_session(tmp_path / name)
    unknown = model()
    unknown.graph.node[0].op_type = "Unknown"
    with pytest.raises(ContractError, match="model twice in memory"):
        cpu_session(unknown)


@pytest.mark.parametrize("values", [{}, {"x": np.zeros(3, np.float32)}, {"x": np.zeros(2)}])
def test_tensors_that_do_not_fit_are_refused(values: dict[str, np.ndarray]) -> None:
    with pytest.raises(ContractError, match="here: expected the inputs x in the model's types"):
        run_session(cpu_session(model()), values, where="here")


def test_running_stages_needs_no_torch() -> None:
    """A package speaks where only ONNX Runtime and numpy are installed."""
    code = "import sys, export_onnx.run.chain, selector.package.opened; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0


def test_inner_values_become_outputs_of_a_copy() -> None:
    whole = model()
    opened = with_outputs(whole, ["b", "a", "y", "x", "a"])
    assert [value.name for value in opened.graph.output] == ["y", "b", "a"]
    declared, unknown = opened.graph.output[1:]
    assert declared == whole.graph.value_info[0]
    assert unknown.type.tensor_type.elem_type == TensorProto.FLOAT
    assert not unknown.type.tensor_type.HasField("shape")
    assert whole == model(), "the model itself stays"
    results = run_session(cpu_session(opened), {"x": X}, ["a", "b"])
    assert list(results) == ["a", "b"]
    np.testing.assert_array_equal(results["a"], -X)
