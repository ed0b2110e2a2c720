"""A package of contexts on a device: loaded twice, compared with the graphs behind it, refused where it is of others.

The device simulates the chip, and `unshared_contexts.py` makes contexts that load there.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from android_test.__main__ import main
from android_test.contexts.context_graphs import graph_file
from android_test.coverage.htp.context_record import record_file
from android_test.coverage.htp.htp_host import CompileJob, compile_and_run
from android_test.device.adb import Phone
from android_test.device.context_models import (
    context_binaries,
    plain_graphs,
    refuse_other_chip,
    refuse_other_sdk,
)
from android_test.device.deploy import deploy
from android_test.device.device_facts import HOME, DeviceFacts
from android_test.device.device_run import DeviceRun, RunJob, run_on_device
from android_test.device.device_session import QNN_BACKEND, libraries, session_of
from android_test.device.linux_runner import qnn_libraries
from export_onnx.buckets import BUCKETS
from export_onnx.errors import CoverageError, DeviceError
from selector.package.manifest import BucketContract, PortContract, ProviderOptions, StageContract
from selector.package.opened import Package
from selector.package.providers import NPU
from selector.package.receipts import PackagedTarget, read_receipts
from tests.android_test import linux_device
from tests.android_test.linux_device import SERIAL, LinuxDevice
from tests.android_test.unshared_contexts import CHIP, PLAIN, Made, make_packages_of_contexts
from tests.selector.context_fakes import STAGES

needs_device = pytest.mark.skipif(bool(linux_device.unavailable()), reason=linux_device.unavailable() or "-")
pytestmark = pytest.mark.skipif(not qnn_libraries(), reason="onnxruntime-qnn is not installed")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_packages_of_contexts(tmp_path_factory.mktemp("device_contexts"))


@pytest.fixture
def made(whole: Made, tmp_path: Path) -> Made:
    """A copy that a test may change."""
    for name in ("build", "dist"):
        shutil.copytree(getattr(whole, name), tmp_path / name)
    return Made(tmp_path / "build", tmp_path / "dist")


@needs_device
def test_contexts_are_pushed_loaded_twice_and_compared(
    device: LinuxDevice, made: Made, runner: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands of the guide, in the smallest bucket: not verified, because the chip is simulated."""
    arguments = ["verify", "--target", "qnn-sm8550", "--dist", str(made.dist), "--build", str(made.build)]
    arguments += ["--serial", SERIAL, "--runner", str(runner), "--runs", "2", "--buckets", BUCKETS[0].name]
    assert main(arguments) == 1
    (file,) = (made.build / "android_test" / "verify" / "devices").glob("qnn-sm8550-*/receipt.json")
    (receipt,) = read_receipts([file])
    assert receipt.contexts_for == CHIP
    rows = {one.stage: one for one in receipt.stages}
    for stage in STAGES:
        seen = rows[stage].evidence
        assert (seen.outcome, seen.provider) == ("finished", "qnn"), seen.reason
        assert seen.options["soc_model"] == "43"
        assert rows[stage].load_ms
        assert rows[stage].second_load_ms
        assert min(seen.decibels.values()) > 40
        assert rows[stage].conditions["strict"]
        assert rows[stage].conditions["whole"]
        assert seen.cpu is not None
        assert seen.cpu.outcome == "finished", "the plain graph on the CPU"
        assert rows[stage].verdict == "not verified"
    assert rows["duration"].evidence.provider == "cpu"
    assert rows["duration"].second_load_ms is None
    assert receipt.chain is not None
    assert receipt.chain.decibels["waveform"] > 40
    assert "second load ms" in file.with_name("receipt.html").read_text()


def on_device(phone: Phone, folder: Path, files: list[str]) -> DeviceRun:
    """One context of `Sqrt(x) * x`, loaded twice on the device."""
    ports = {n: PortContract(name=n, dtype="float32", shape=[1, 8, 1, 64], meaning=n) for n in "xy"}
    stage = StageContract(name="tiny", runs_on="npu", inputs=[ports["x"]], outputs=[ports["y"]])
    models = {"tiny": "models/tiny.onnx"}
    bucket = BucketContract(name="1s", seconds=1.0, tokens=8, frames=8, sizes={"t": 64}, models=models)
    deploy(phone, {f"models/{name}": folder / name for name in files} | {"x.bin": folder / "x.bin"}, HOME)
    names = frozenset(phone.shell(f"ls {HOME}").stdout.split())
    session = session_of(ProviderOptions(**dataclasses.asdict(NPU["qnn"])), names, HOME, "x86_64", CHIP)
    return run_on_device(phone, RunJob(stage, bucket, session, {"x": "x.bin"}, {"y": "y.bin"}, "", 0, 2, 2), HOME, 60)


@needs_device
def test_a_binary_that_is_damaged_or_gone_is_a_verdict(device: LinuxDevice, runner: Path, tmp_path: Path) -> None:
    parsed = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[1, 8, 1, 64] x) => (float[1, 8, 1, 64] y) '
        "{ a = Sqrt(x) \n y = Mul(a, x) }"
    )
    onnx.save(parsed, tmp_path / "plain.onnx")
    np.full((1, 8, 1, 64), 4, np.float32).tofile(tmp_path / "x.bin")
    compile_and_run(tmp_path / "plain.onnx", CompileJob((CHIP,), tmp_path / "tiny.onnx"), ())
    (binary,) = tmp_path.glob("tiny*.bin")
    phone = Phone.find(SERIAL)
    deploy(phone, libraries(runner), HOME)
    phone.shell(f"chmod 755 {HOME}/runner")
    done = on_device(phone, tmp_path, ["tiny.onnx", binary.name])
    assert done.outcome == "finished", done
    assert done.result is not None
    assert done.result.load_ms > 0
    assert done.result.second_load_ms is not None
    phone.pull(f"{HOME}/y.bin", tmp_path / "y.bin")
    assert np.allclose(np.fromfile(tmp_path / "y.bin", np.float32), 8, rtol=1e-3)
    content = binary.read_bytes()
    for planted in (content[: len(content) // 2], bytes(np.random.default_rng(0).bytes(5000)), b""):
        binary.write_bytes(planted)
        failed = on_device(phone, tmp_path, ["tiny.onnx", binary.name])
        assert failed.outcome in ("refused", "crashed"), failed
        assert failed.phase == "load", failed
        assert failed.reason
    phone.shell(f"rm {HOME}/models/{binary.name}")
    missing = on_device(phone, tmp_path, ["tiny.onnx"])
    assert (missing.outcome, missing.phase) == ("refused", "load")


def phone_with(soc: str, machine: str = "aarch64") -> DeviceFacts:
    return DeviceFacts({"ro.soc.model": soc} if soc else {}, machine, "Linux 5", 1 << 30)


def test_contexts_load_on_their_own_chip_alone(whole: Made) -> None:
    manifest = whole.package.manifest
    for soc in ("SM8550", "SM8550-AC"):
        refuse_other_chip(manifest, phone_with(soc))
    refuse_other_chip(manifest, phone_with("", "x86_64"))
    with pytest.raises(DeviceError, match=r"the chip SM8550, got SM8650\. Use TARGET=qnn-sm8650.*SOCS=.SM8650"):
        refuse_other_chip(manifest, phone_with("SM8650"))
    with pytest.raises(DeviceError, match="got SM85501"):
        refuse_other_chip(manifest, phone_with("SM85501"))
    with pytest.raises(DeviceError, match="does not name its chip"):
        refuse_other_chip(manifest, phone_with(""))
    refuse_other_chip(Package.open(whole.dist / PLAIN).manifest, phone_with("SM8650"))


def test_the_libraries_are_of_the_sdk_that_made_the_contexts(whole: Made, tmp_path: Path) -> None:
    manifest = whole.package.manifest
    (library,) = [file for file in qnn_libraries() if file.name == QNN_BACKEND]
    refuse_other_sdk(manifest, {QNN_BACKEND: library})
    assert manifest.contexts is not None
    other = tmp_path / QNN_BACKEND
    split = manifest.contexts.sdk.encode()
    other.write_bytes(bytes((1 << 20) - 7) + split + bytes(9))
    refuse_other_sdk(manifest, {QNN_BACKEND: other})  # across the blocks that are read
    other.write_bytes(bytes(100) + split[:-1])
    with pytest.raises(DeviceError, match=r"expected Qualcomm's SDK v2.*, got another version"):
        refuse_other_sdk(manifest, {QNN_BACKEND: other})
    with pytest.raises(DeviceError, match="got no such library beside the runner"):
        refuse_other_sdk(manifest, {})
    refuse_other_sdk(Package.open(whole.dist / PLAIN).manifest, {})


def test_contexts_are_compared_with_the_very_graphs_behind_them(made: Made) -> None:
    found = plain_graphs(made.package, made.build)
    assert set(found) == {bucket.name for bucket in BUCKETS}
    assert all(set(stages) == set(STAGES) for stages in found.values())
    assert plain_graphs(Package.open(made.dist / PLAIN), made.build) == {}
    assert len(context_binaries(made.package.manifest)) == len(STAGES) * len(BUCKETS) + 1
    first = BUCKETS[0].name
    package, record = made.package, record_file(made.package.folder / "models" / f"decoder_{first}.onnx")
    said = json.loads(record.read_text())

    def refused(match: str, **changes: Any) -> None:
        record.write_text(json.dumps(said | changes))
        with pytest.raises(CoverageError, match=match):
            plain_graphs(package, made.build)
        record.write_text(json.dumps(said))

    refused("got a context for SM8650, not for SM8550", socs=["SM8650"])
    refused("recorded as of v1", sdk="v1")
    refused("got a context of another graph than", graph="0" * 64)
    refused("got a context of another weights than", weights="0" * 64)
    plain_graphs(package, made.build)
    graph_file(made.build, "bert", first).unlink()
    with pytest.raises(DeviceError, match=r"the graph that the context of bert .* BUILD="):
        plain_graphs(package, made.build)


def test_targets_are_named_with_their_chip(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["verify", "--target", "qnn-sm1"])
    assert "'qnn-sm1' is none of nnapi, qnn, cpu, qnn-sm7675" in " ".join(capsys.readouterr().err.split())


def test_a_package_of_contexts_is_held_against_its_chip(whole: Made) -> None:
    assert PackagedTarget.of(whole.package.manifest).contexts_for == CHIP
    assert PackagedTarget.of(Package.open(whole.dist / PLAIN).manifest).contexts_for == ""
