"""What the runner takes and refuses on a device, and a device that takes nothing."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from android_test.coverage.htp.htp_host import CompileJob as Compile
from android_test.coverage.htp.htp_host import compile_for
from android_test.device.adb import Phone
from android_test.device.deploy import deploy
from android_test.device.device_facts import HOME, read_device_facts
from android_test.device.device_run import RunJob, run_on_device
from android_test.device.device_session import RECORD, libraries, session_of
from android_test.device.linux_runner import qnn_libraries
from android_test.device.verify_device import VerifyPlan, verify
from selector.package.manifest import BucketContract, PortContract, ProviderOptions, StageContract
from selector.package.opened import Package
from selector.package.providers import NPU
from selector.package.receipt_schema import Assigned, ListedDevice
from tests.android_test.conftest import FAST, scripted
from tests.android_test.linux_device import SERIAL, LinuxDevice

LYING = """
extern "C" void* OrtSessionOptionsAppendExecutionProvider_Nnapi(void*, unsigned) { return nullptr; }
"""


@pytest.mark.parametrize("strict", [True, False], ids=["fallback disabled", "fallback allowed"])
def test_a_provider_that_takes_nothing_is_not_verified(
    device: LinuxDevice, plan: VerifyPlan, packages: Path, tmp_path: Path, strict: bool
) -> None:
    """An NNAPI that says yes and does nothing: the CPU runs the stage, right and in time, and it must not count."""
    (tmp_path / "lying.cpp").write_text(LYING)
    build = ["c++", "-shared", "-fPIC", str(tmp_path / "lying.cpp"), "-o", str(plan.runner / "lying.so")]
    subprocess.run(build, check=True)
    relaxed = "" if strict else "grep -v disable_cpu_ep_fallback job.txt > relaxed.txt; mv relaxed.txt job.txt;"
    plan = scripted(plan, f"{relaxed} LD_PRELOAD=./lying.so real $1")
    npu = Package.open(packages / "kokoro-npu-fake-0.1.0-nnapi")
    plan = dataclasses.replace(plan, buckets=("5s",), stages=("decoder",), package=npu)
    plan = dataclasses.replace(plan, settings=dataclasses.replace(FAST, runs=5))
    stage = verify(Phone.find(SERIAL), plan).stages[0]
    assert stage.evidence.provider == "nnapi"
    if stage.evidence.outcome == "finished":
        assert stage.verdict == "not verified"
        assert not stage.conditions["whole"]
        assert not stage.conditions["hardware"]
        assert stage.conditions["strict"] is strict
        assert stage.conditions["agrees"]
    else:
        assert strict
        assert (stage.verdict, stage.evidence.outcome) == ("failed", "refused")


def toy(folder: Path) -> tuple[StageContract, BucketContract]:
    """One convolution with its weights outside, as packages have them."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 8, 1, 64)) for name in "xy")
    weight = numpy_helper.from_array(np.random.default_rng(0).standard_normal((8, 8, 1, 1), np.float32), "w")
    nodes = [helper.make_node("Conv", ["x", "w"], ["a"]), helper.make_node("Mul", ["a", "a"], ["y"])]
    graph = helper.make_graph(nodes, "g", [x], [y], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "models").mkdir()
    outside: dict[str, Any] = {"all_tensors_to_one_file": True, "location": "weights.bin", "size_threshold": 0}
    onnx.save(model, folder / "models" / "toy.onnx", save_as_external_data=True, **outside)
    ports = {n: PortContract(name=n, dtype="float32", shape=[1, 8, 1, "t"], meaning=n) for n in "xy"}
    stage = StageContract(name="toy", runs_on="npu", inputs=[ports["x"]], outputs=[ports["y"]])
    models = {"toy": "models/toy.onnx"}
    bucket = BucketContract(name="1s", seconds=1.0, tokens=8, frames=8, sizes={"t": 64}, models=models)
    return stage, bucket


@pytest.mark.skipif(not qnn_libraries(), reason="onnxruntime-qnn is not installed")
def test_qnn_compiles_and_runs_on_the_device_s_simulation(device: LinuxDevice, runner: Path, tmp_path: Path) -> None:
    """Plugin, compiler, simulation and the assignment's record, all through adb; equal to Python's answer."""
    stage, bucket = toy(tmp_path)
    feed = np.random.default_rng(1).standard_normal((1, 8, 1, 64), np.float32)
    feed.tofile(tmp_path / "x.bin")
    phone, parts = Phone.find(SERIAL), libraries(runner)
    files = parts | {f"models/{n}": tmp_path / "models" / n for n in ("toy.onnx", "weights.bin")}
    deploy(phone, files | {"x.bin": tmp_path / "x.bin"}, HOME)
    options = ProviderOptions(**dataclasses.asdict(NPU["qnn"]))
    session = session_of(options, frozenset(parts), HOME, read_device_facts(phone).machine)
    job = RunJob(stage, bucket, session, {"x": "x.bin"}, {"y": "out/y.bin"}, "models/weights.bin", 0, 2)
    done = run_on_device(phone, job, HOME, 60)
    assert done.outcome == "finished", done
    phone.pull(f"{HOME}/out/y.bin", tmp_path / "y.bin")
    here, outputs = compile_for(tmp_path / "models" / "toy.onnx", Compile(), {"x": feed})
    assert here.covered, here
    np.testing.assert_array_equal(np.fromfile(tmp_path / "y.bin", np.float32).reshape(1, 8, 1, 64), outputs["y"])
    assert done.result is not None
    ours = Assigned(provider="QNNExecutionProvider", subgraphs=here.subgraphs, nodes=here.nodes_on_npu)
    assert done.result.assignment == [ours]
    assert done.result.hardware == [ListedDevice(name="Qualcomm", type="CPU")]
    on_cpu = dataclasses.replace(session, provider="cpu", options={}, session=RECORD, plugin="")
    beside = run_on_device(phone, dataclasses.replace(job, session=on_cpu), HOME, 60)
    assert beside.result is not None
    assert beside.result.assignment == [Assigned(provider="CPUExecutionProvider", subgraphs=2, nodes=2)]


def test_what_the_runner_refuses(device: LinuxDevice, runner: Path, plan: VerifyPlan, tmp_path: Path) -> None:
    """Every refusal is a result with a reason, never a death."""
    stage, bucket = toy(tmp_path)
    phone, parts = Phone.find(SERIAL), libraries(plan.runner)
    (tmp_path / "x.bin").write_bytes(bytes(100))
    files = parts | {f"models/{n}": tmp_path / "models" / n for n in ("toy.onnx", "weights.bin")}
    deploy(phone, files | {"x.bin": tmp_path / "x.bin"}, HOME)
    session = session_of(ProviderOptions(**dataclasses.asdict(NPU["cpu"])), frozenset(parts), HOME, "x86_64")
    job = RunJob(stage, bucket, session, {"x": "x.bin"}, {"y": "out/y.bin"}, "models/weights.bin", 0, 1)

    def reason(change: Callable[[RunJob], RunJob]) -> str:
        done = run_on_device(phone, change(job), HOME, 60)
        assert done.outcome == "refused", done
        return done.reason

    def with_session(**change: Any) -> Callable[[RunJob], RunJob]:
        return lambda j: dataclasses.replace(j, session=dataclasses.replace(j.session, **change))

    assert "100 bytes instead of 2048" in reason(lambda j: j)
    assert "nothing.bin: No such file" in reason(lambda j: dataclasses.replace(j, inputs={"x": "nothing.bin"}))
    assert "built without NNAPI" in reason(with_session(provider="nnapi"))
    assert "unknown provider warp" in reason(with_session(provider="warp"))
    assert "optimization is" in reason(with_session(optimization="some"))
    assert "cannot be read" in phone.shell(f"cd {HOME} && LD_LIBRARY_PATH=. ./runner nothing.txt").stdout
    assert "unknown key" in phone.shell(f"cd {HOME}; echo what > j; LD_LIBRARY_PATH=. ./runner j").stdout
