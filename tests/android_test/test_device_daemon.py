"""A package on a device, over the real adb and the real adbd; every fault of a device ends in a recorded verdict."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import soundfile
from onnx import TensorProto, helper, numpy_helper

from android_test.coverage.htp.htp_host import CompileJob as Compile
from android_test.coverage.htp.htp_host import compile_for
from android_test.device import adb
from android_test.device.adb import Phone
from android_test.device.deploy import deploy, hashes
from android_test.device.device_facts import HOME, read_device_facts
from android_test.device.device_run import RunJob, run_on_device
from android_test.device.device_session import RECORD, libraries, session_of
from android_test.device.linux_runner import build_runner, qnn_libraries
from android_test.device.probe import RunSettings
from android_test.device.verify_device import VerifyPlan, verify
from export_onnx.contracts import BUCKETS, NPU_STAGES
from export_onnx.errors import DeviceError
from selector.package import make_packages
from selector.package.device_verdict import why_never
from selector.package.manifest import BucketContract, PortContract, ProviderOptions, StageContract
from selector.package.opened import Package
from selector.package.providers import NPU
from selector.package.receipt_schema import Assigned, ListedDevice, Receipt
from selector.package.receipts import PackagedTarget, misses, read_receipts
from tests.android_test import linux_device
from tests.android_test.linux_device import SERIAL, WORK, LinuxDevice
from tests.selector.coverage_fakes import fake_coverage
from tests.selector.selector_fakes import make_build

pytestmark = pytest.mark.skipif(bool(linux_device.unavailable()), reason=linux_device.unavailable() or "-")
FAST = RunSettings(warmup=0, runs=2, limit=60)


@pytest.fixture(scope="session")
def runner() -> Path:
    """The runner for Linux, made once; the device's Debian is made beside it."""
    reasons: list[str] = []
    tree = threading.Thread(target=lambda: reasons.append(linux_device.make_tree(WORK / "linux_device")))
    tree.start()
    try:
        made = build_runner(WORK / "runner")
    except DeviceError as error:
        pytest.skip(f"the runner cannot be made here: {error}")
    finally:
        tree.join()
    if reasons[0]:
        pytest.skip(reasons[0])
    return made


@pytest.fixture
def device(runner: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LinuxDevice]:
    with linux_device.linux_device(tmp_path / "adb") as made:
        monkeypatch.setenv("ADB", str(made.adb))
        yield made


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("packages")
    build = make_build(work / "build", ("cpu", "nnapi"))
    fake_coverage(build, {name: {bucket.name: ["rules"] for bucket in BUCKETS} for name in NPU_STAGES})
    make_packages.make_packages(build, work / "dist", ["cpu", "nnapi"], "0.1.0", "python -m selector package")
    return work / "dist"


@pytest.fixture
def plan(packages: Path, runner: Path, tmp_path: Path) -> VerifyPlan:
    """The CPU package; a runner folder without QNN, that a test may change."""
    folder = tmp_path / "runner"
    folder.mkdir()
    for name in ("runner", "libonnxruntime.so.1"):
        os.link(runner / name, folder / name)
    return VerifyPlan(Package.open(packages / "kokoro-npu-fake-0.1.0-cpu"), folder, tmp_path / "verify", FAST)


def scripted(plan: VerifyPlan, script: str) -> VerifyPlan:
    """`plan` with a runner that is a script; `./real.so` behind the loader is the real one. Two probes only."""
    real, fake = plan.runner / "real.so", plan.runner / "runner"
    os.link(fake, real)
    fake.unlink()
    fake.write_text(f'#!/bin/sh\nreal() {{ /lib64/ld-linux-x86-64.so.2 ./real.so "$@"; }}\n{script}\n')
    return dataclasses.replace(plan, stages=("bert", "tail"), buckets=("5s",))


def outcomes(receipt: Receipt) -> list[str]:
    return [one.evidence.outcome for one in receipt.stages]


def only_receipt(plan: VerifyPlan) -> Receipt:
    """As it lies on disk."""
    return read_receipts(list(plan.work.glob("devices/*/receipt.json")))[0]


def test_every_stage_and_bucket_gets_a_receipt_and_a_second_run_resumes(device: LinuxDevice, plan: VerifyPlan) -> None:
    receipt = verify(Phone.find(SERIAL), plan)
    manifest = plan.package.manifest
    assert len(receipt.stages) == len(manifest.stages) * len(manifest.buckets)
    assert {one.verdict for one in receipt.stages} == {"not an NPU"}
    seen = [one.evidence for one in receipt.stages]
    assert all(len(one.runs_ms) == 2 and min(one.decibels.values()) > 40 for one in seen)
    assert misses(receipt, PackagedTarget.of(manifest)) == []
    assert receipt == only_receipt(plan)
    assert "no Android" in why_never(receipt.device)
    place = next(plan.work.glob("devices/*"))
    assert "Not an NPU" in (place / "receipt.html").read_text(encoding="utf-8")
    assert receipt.chain is not None
    assert receipt.chain.decibels["waveform"] > 40
    assert receipt.chain.decibels["frames_per_token"] == receipt.chain.decibels["n_frames"] == 200
    assert receipt.chain.real_time_factor
    samples, rate = soundfile.read(place / receipt.chain.wav)
    assert rate == 24_000
    assert np.abs(samples).max() > 0.01
    before = {file: file.stat().st_mtime_ns for file in place.glob("probe_*.json")}
    phone = Phone.find(SERIAL)
    assert deploy(phone, libraries(plan.runner), HOME) == []
    again = verify(phone, plan)
    assert {file: file.stat().st_mtime_ns for file in place.glob("probe_*.json")} == before
    assert again.stages == receipt.stages


@pytest.mark.parametrize(
    ("script", "outcome", "said"),
    [
        ("echo PHASE load; kill -ABRT $$", "crashed", "SIGABRT in phase load"),
        ("echo PHASE run; kill -SEGV $$", "crashed", "SIGSEGV in phase run"),
        ("echo PHASE load; sleep 60", "timeout", "ended after 4 s in phase load"),
        ("head -c 300 /dev/urandom; echo", "garbage", "without a result"),
        ('echo \'RESULT {"outcome": "finished"\'', "garbage", "a result that breaks its schema"),
        ("exit 3", "crashed", "exit status 3"),
        ("dd if=/dev/zero of=fill bs=1M 2>/dev/null; real $1; rm -f fill", "disk full", "No space left on device"),
    ],
    ids=["aborts", "segfault", "hangs", "garbage", "half a result", "exits", "fills the disk"],
)
def test_a_runner_that_fails_is_a_verdict_and_the_next_probe_goes_on(
    device: LinuxDevice, plan: VerifyPlan, script: str, outcome: str, said: str
) -> None:
    plan = scripted(plan, f"if grep -q bert job.txt; then {script}; else real $1; fi")
    if outcome == "timeout":
        plan = dataclasses.replace(plan, settings=dataclasses.replace(FAST, limit=4))
    receipt = verify(Phone.find(SERIAL), plan)
    assert outcomes(receipt) == [outcome, "finished"]
    assert [one.verdict for one in receipt.stages] == ["failed", "not an NPU"]
    assert said in receipt.stages[0].reasons[0]
    assert receipt == only_receipt(plan)


@pytest.mark.parametrize("name", ["frames_per_token", "n_frames", "waveform"])
def test_a_chain_that_comes_out_wrong_makes_the_receipt_not_hold(
    device: LinuxDevice, plan: VerifyPlan, name: str
) -> None:
    """Every stage alone is right; in the chain the stage's file is emptied of everything but zeros."""
    file = f"chain/{name}.bin"
    spoil = f"if grep -q '^output.*{file}' job.txt; then head -c $(wc -c < {file}) /dev/zero > z; mv z {file}; fi"
    whole = dataclasses.replace(scripted(plan, f"real $1; status=$?; {spoil}; exit $status"), stages=())
    receipt = verify(Phone.find(SERIAL), whole)
    assert {one.verdict for one in receipt.stages} == {"not an NPU"}
    missed = [line for line in misses(receipt, PackagedTarget.of(plan.package.manifest)) if "left out" not in line]
    assert missed[0].startswith(f"the whole chain: {name} ")
    assert missed[0] in receipt.not_proven


def test_a_cable_pulled_in_mid_run_is_recorded_and_the_second_run_resumes(
    device: LinuxDevice, plan: VerifyPlan
) -> None:
    plan = scripted(plan, "if grep -q bert job.txt && test ! -e waited; then touch waited; sleep 15; fi; real $1")

    def accident() -> None:
        until = time.monotonic() + 20
        while "waited" not in device.shell(f"ls {HOME}") and time.monotonic() < until:
            time.sleep(0.1)
        device.pull_cable()
        time.sleep(1)
        device.plug()

    hand = threading.Thread(target=accident)
    hand.start()
    receipt = verify(Phone.find(SERIAL), plan)
    hand.join()
    assert outcomes(receipt) == ["lost", "finished"]
    assert receipt.stages[0].verdict == "failed"
    tail = next(plan.work.glob("devices/*/probe_tail_5s.json"))
    kept = tail.stat().st_mtime_ns
    assert outcomes(verify(Phone.find(SERIAL), plan)) == ["finished", "finished"]
    assert tail.stat().st_mtime_ns == kept


def test_a_device_that_stays_away_still_leaves_a_receipt(
    device: LinuxDevice, plan: VerifyPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("android_test.device.verify_device.COMES_BACK", 0.5)
    plan = scripted(plan, "touch waited; sleep 15")

    def accident() -> None:
        until = time.monotonic() + 20
        while "waited" not in device.shell(f"ls {HOME}") and time.monotonic() < until:
            time.sleep(0.1)
        device.pull_cable()

    hand = threading.Thread(target=accident)
    hand.start()
    receipt = verify(Phone.find(SERIAL), plan)
    hand.join()
    assert outcomes(receipt) == ["lost", "lost"]
    assert receipt == only_receipt(plan)


def test_no_room_is_said_before_anything_is_pushed(runner: Path, plan: VerifyPlan, tmp_path: Path, monkeypatch) -> None:
    with linux_device.linux_device(tmp_path / "small", room=24 << 20) as device:
        monkeypatch.setenv("ADB", str(device.adb))
        receipt = verify(Phone.find(SERIAL), plan)
        assert set(outcomes(receipt)) == {"not run"}
        assert "MB free" in receipt.stages[0].reasons[0]
        assert "Free some space" in receipt.stages[0].reasons[0]
        assert receipt == only_receipt(plan)


def test_two_devices_are_a_question_and_one_that_is_gone_is_offline(device: LinuxDevice) -> None:
    subprocess.run([device.adb, "connect", "localhost:5555"], capture_output=True, check=True)
    with pytest.raises(DeviceError, match=r"expected one device, got .*5555.*5555.*--serial"):
        Phone.find()
    assert Phone.find(SERIAL).is_there()
    with pytest.raises(DeviceError, match="device R58, got"):
        Phone.find("R58")
    device.pull_cable()
    until = time.monotonic() + 10
    while Phone(str(device.adb), SERIAL).is_there() and time.monotonic() < until:
        time.sleep(0.1)  # until adb has noticed
    with pytest.raises(DeviceError, match=r"offline|expected device"):
        Phone.find(SERIAL)


def corrupting(device: LinuxDevice, folder: Path, times: int) -> Path:
    """An adb whose first pushes of the runner arrive with one more byte."""
    count, wrapper = folder / "count", folder / "corrupting_adb"
    wrapper.write_text(
        f'#!/bin/sh\n{device.adb} "$@" || exit $?\n'
        f'case "$*" in *push*runner) echo >> {count}; '
        f"if [ $(wc -l < {count}) -le {times} ]; then "
        f"{device.adb} -s {SERIAL} shell 'echo >> {HOME}/runner'; fi;; esac\n"
    )
    wrapper.chmod(0o755)
    return wrapper


def test_a_corrupted_push_is_seen_on_the_device(device: LinuxDevice, plan: VerifyPlan, tmp_path: Path) -> None:
    once = Phone(str(corrupting(device, tmp_path, 1)), SERIAL)
    assert "runner" in deploy(once, libraries(plan.runner), HOME)
    assert hashes(once, HOME)["runner"] == adb_sha(plan.runner / "runner")
    device.shell(f"rm -r {HOME}")
    (tmp_path / "count").unlink()
    always = Phone(str(corrupting(device, tmp_path, 99)), SERIAL)
    receipt = verify(always, dataclasses.replace(plan, stages=("bert",), buckets=("5s",)))
    assert outcomes(receipt) == ["not run"]
    assert "sha256" in receipt.stages[0].reasons[0]


def adb_sha(file: Path) -> str:
    return subprocess.run(["sha256sum", file], capture_output=True, text=True, check=True).stdout.split()[0]


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
    plan = dataclasses.replace(
        plan, stages=("decoder",), package=Package.open(packages / "kokoro-npu-fake-0.1.0-nnapi")
    )
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


def test_the_command_s_exit_status_tells(device: LinuxDevice, plan: VerifyPlan, packages: Path, monkeypatch) -> None:
    from android_test.__main__ import main

    arguments = ["verify", "--dist", str(packages), "--serial", SERIAL, "--runner", str(plan.runner), "--runs", "1"]
    arguments += ["--build", str(plan.work), "--target"]
    assert main([*arguments, "cpu"]) == 0
    restricted = ["--buckets", "5s", "--stages", "decoder"]
    assert main([*arguments, "cpu", *restricted]) == 1  # what was left out is not proven
    assert main([*arguments, "nnapi", *restricted]) == 1
    folder = plan.work / "android_test" / "verify" / "devices"
    stored = json.loads(next(folder.glob("nnapi-*/receipt.json")).read_text(encoding="utf-8"))
    assert "built without NNAPI" in stored["stages"][0]["reasons"][0]


def test_adb_that_never_answers_is_a_lost_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = tmp_path / "adb"
    silent.write_text("#!/bin/sh\nexec sleep 30\n")
    silent.chmod(0o755)
    monkeypatch.setattr(adb, "QUICK", 0.3)
    with pytest.raises(adb.DeviceLostError, match="no answer"):
        Phone(str(silent), "R58").shell("true", 0.3)
    assert not Phone(str(silent), "R58").wait(0.1)
    assert shutil.which(str(silent))
