"""A device without a phone, packages for it, and the runner, made once."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from android_test.device.linux_runner import build_runner
from android_test.device.probe import RunSettings
from android_test.device.verify_device import VerifyPlan
from export_onnx.buckets import BUCKETS
from export_onnx.contracts import NPU_STAGES
from export_onnx.errors import DeviceError
from selector.package import make_packages
from selector.package.opened import Package
from tests.android_test import linux_device
from tests.android_test.linux_device import MAKING, WORK, LinuxDevice
from tests.built_once import one_at_a_time
from tests.selector.coverage_fakes import fake_coverage
from tests.selector.selector_fakes import make_build

FAST = RunSettings(warmup=0, runs=2, limit=60)


@pytest.fixture(scope="session")
def runner() -> Path:
    """The runner for Linux, made once; the device's Debian is made beside it."""
    reasons: list[str] = []
    with one_at_a_time(MAKING):
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


@pytest.fixture(scope="session")
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
    return dataclasses.replace(plan, stages=("bert", "tail"), buckets=("any",))
