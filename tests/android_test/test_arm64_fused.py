"""Fused models on emulated ARM64 processors, with each path that the library has there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import get_args

import pytest

from android_test.arm64.arm64_report import show_arm64
from android_test.arm64.arm64_tools import Arm64Machine
from android_test.arm64.emulate import emulate_packages
from android_test.device.ops_builds import CROSS
from export_onnx.errors import DeviceError
from quantize.ops.build_library import OPS_LIBRARY, ops_library
from quantize.ops.platforms import LINUX_ARM64
from selector.choose import measured_texts
from selector.package.arm64_schema import Processor
from selector.package.make_packages import make_packages
from selector.package.opened import Package
from tests.android_test.test_arm64 import machine
from tests.selector.fused_fakes import add_fused
from tests.selector.selector_fakes import make_build

__all__ = ["machine"]  # a fixture

PROCESSORS: tuple[Processor, ...] = get_args(Processor)


@pytest.fixture(scope="session")
def arm_ops(ops_headers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of fused operators for ARM64 Linux."""
    try:
        return ops_library(ops_headers, tmp_path_factory.mktemp("arm_ops"), CROSS)
    except DeviceError as error:
        pytest.skip(f"no library for ARM64 can be built here: {error}")


def packaged(work: Path, ops: Path, arm_ops: Path, by: float) -> Package:
    """A package whose fused decoder adds `by` times its output to it."""
    build = make_build(work / "build")
    add_fused(build, ops, by=by)
    (build / "ops" / LINUX_ARM64).mkdir()
    shutil.copy(arm_ops, build / "ops" / LINUX_ARM64 / OPS_LIBRARY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measured_texts, "RUNS", 0)
        make_packages(build, work / "dist", ["cpu"], "0.1.0", "python -m selector package")
    return Package.open(work / "dist" / "kokoro-npu-fake-0.1.0-cpu")


def test_fused_models_agree_on_every_processor_and_path(
    machine: Arm64Machine, ops: Path, arm_ops: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = packaged(tmp_path, ops, arm_ops, by=2.0**-20)
    report = emulate_packages([package], machine, PROCESSORS, tmp_path / "work")
    assert report.misses() == []
    (decoder,) = report.fused["cpu"]
    assert decoder.file == "decoder_any_fused.onnx"
    assert [(run.processor, run.path) for run in decoder.runs] == [
        *((processor, "") for processor in PROCESSORS),
        (PROCESSORS[-1], "plain"),
    ]
    assert all(100 < run.decibels["features"] < 140 for run in decoder.runs), "it was the fused model that ran"
    capsys.readouterr()  # what packaging said of fused operators
    show_arm64(report)
    assert "fused" in capsys.readouterr().out


def test_a_fused_model_of_another_sound_and_a_library_that_does_not_load_are_misses(
    machine: Arm64Machine, ops: Path, arm_ops: Path, tmp_path: Path
) -> None:
    package = packaged(tmp_path, ops, arm_ops, by=0.25)
    misses = emulate_packages([package], machine, ("max",), tmp_path / "work").misses()
    assert len(misses) == 2
    assert misses[0].startswith("cpu fused: decoder on max: features at 12")
    assert misses[1].startswith("cpu fused: decoder on max, path plain: features at 12")
    shutil.copy(ops, package.folder / "lib" / LINUX_ARM64 / OPS_LIBRARY)  # of this computer
    misses = emulate_packages([package], machine, ("max",), tmp_path / "work").misses()
    assert len(misses) == 2
    assert all("libkokoro_npu_ops.so" in miss for miss in misses)
