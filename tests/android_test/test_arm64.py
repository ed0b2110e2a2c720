"""A package's CPU stages on emulated ARM64 processors: they agree, and each planted defect is a miss."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from android_test.arm64.arm64_report import show_arm64, write_arm64
from android_test.arm64.arm64_tools import Arm64Machine, build_arm64_machine, lacking_for_arm64
from android_test.arm64.emulate import emulate_packages
from export_onnx.contracts import STAGES
from export_onnx.errors import DeviceError, PackageError
from selector.package.arm64_schema import ARM64_FOLDER, Arm64Report, Processor, read_arm64
from selector.package.opened import Package
from tests.android_test.linux_device import MAKING, WORK
from tests.built_once import one_at_a_time

PROCESSORS: tuple[Processor, ...] = get_args(Processor)
CPU_PACKAGE = "kokoro-npu-fake-0.1.0-cpu"
NAMES = [stage.name for stage in STAGES]


@pytest.fixture(scope="session")
def machine() -> Arm64Machine:
    if missing := lacking_for_arm64():
        pytest.skip(f"no {', no '.join(missing)}")
    try:
        with one_at_a_time(MAKING):
            return build_arm64_machine(WORK / "runner")
    except DeviceError as error:
        pytest.skip(f"no ARM64 machine can be made here: {error}")


@pytest.fixture
def package(packages: Path) -> Package:
    return Package.open(packages / CPU_PACKAGE)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `report`: its goldens stay there."""
    return tmp_path_factory.mktemp("emulated")


@pytest.fixture(scope="module")
def report(machine: Arm64Machine, packages: Path, work: Path) -> Arm64Report:
    return emulate_packages([Package.open(packages / CPU_PACKAGE)], machine, ("cortex-a53",), work)


def test_every_cpu_stage_agrees_on_every_processor(
    machine: Arm64Machine, packages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the NPU's package, the stages that the package runs on the CPU alone."""
    both = [Package.open(packages / f"kokoro-npu-fake-0.1.0-{target}") for target in ("cpu", "nnapi")]
    report = emulate_packages(both, machine, PROCESSORS, tmp_path)
    assert report.misses() == []
    assert [one.stage for one in report.targets["cpu"]] == NAMES
    npu = [stage.name for stage in both[1].manifest.stages if stage.runs_on == "npu"]
    assert npu
    assert [one.stage for one in report.targets["nnapi"]] == [name for name in NAMES if name not in npu]
    seen = [run for each in report.targets.values() for one in each for run in one.runs]
    assert {run.processor for run in seen} == set(PROCESSORS)
    assert "10." in report.qemu
    assert report.onnxruntime.startswith("1.")
    show_arm64(report)
    assert "arm64 (emulated)" in capsys.readouterr().out


def test_another_number_is_a_miss(
    machine: Arm64Machine, report: Arm64Report, work: Path, package: Package, tmp_path: Path
) -> None:
    """This computer's run of `tail` is changed by two percent: 34 dB, where the floor is 40."""
    assert report.misses() == []
    shutil.copytree(work / "goldens", tmp_path / "goldens")
    golden = next((tmp_path / "goldens").rglob("waveform.bin"))
    (np.fromfile(golden, np.float32) * np.float32(1.02)).tofile(golden)
    misses = emulate_packages([package], machine, ("max",), tmp_path).misses()
    assert len(misses) == 1
    assert misses[0].startswith("cpu: tail on max: waveform at 34")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("kill -SEGV $$", "crashed: SIGSEGV"),
        ("exit 3", "crashed: exit status 3"),
        ("echo hello", "garbage: exit status 0 without a result"),
        ('echo \'RESULT {"outcome": "finished"}\'', "garbage: exit status 0 with a result that breaks its schema"),
    ],
)
def test_whatever_the_emulator_does_is_recorded(package: Package, tmp_path: Path, script: str, said: str) -> None:
    qemu = tmp_path / "qemu"
    qemu.write_text(f"#!/bin/sh\n{script}\n")
    qemu.chmod(0o755)
    report = emulate_packages([package], Arm64Machine(qemu, "a script", tmp_path), ("max",), tmp_path / "work")
    assert len(report.misses()) == len(NAMES)
    assert all(said in miss for miss in report.misses())


def test_a_run_that_wrote_nothing_is_garbage(machine: Arm64Machine, package: Package, tmp_path: Path) -> None:
    """The runner says that it finished; its files are gone."""
    qemu = tmp_path / "qemu"
    qemu.write_text(f'#!/bin/sh\n{machine.qemu} "$@"\nrm -f {tmp_path}/work/out/*\n')
    qemu.chmod(0o755)
    lying = dataclasses.replace(machine, qemu=qemu)
    misses = emulate_packages([package], lying, ("max",), tmp_path / "work").misses()
    assert "has 0 numbers" in misses[0]


def test_an_output_that_was_not_compared_is_a_miss(report: Arm64Report) -> None:
    first = report.targets["cpu"][0]
    run = first.runs[0]
    silent = first.model_copy(update={"runs": (run.model_copy(update={"decibels": {}}),)})
    assert silent.misses() == ["bert on cortex-a53: d_en at -200 dB, floor 40"]
    low = first.model_copy(update={"floor": 250.0})
    assert low.misses()
    assert not first.misses()


def test_a_report_counts_for_the_very_files_and_for_every_cpu_stage(
    report: Arm64Report, package: Package, tmp_path: Path
) -> None:
    models = package.folder / "models"
    write_arm64(report, tmp_path / ARM64_FOLDER)
    assert read_arm64(tmp_path, "cpu", models, NAMES) == report.targets["cpu"]
    assert read_arm64(tmp_path, "nnapi", models, NAMES) == ()
    assert read_arm64(tmp_path, "cpu", tmp_path, NAMES) == ()
    assert read_arm64(tmp_path, "cpu", models, [*NAMES, "another"]) == ()
    assert read_arm64(tmp_path / "elsewhere", "cpu", models, NAMES) == ()
    made: dict[str, Any] = report.model_dump(mode="json")
    made["targets"]["cpu"][0]["sha256"] = "0" * 64
    file = tmp_path / ARM64_FOLDER / "report.json"
    file.write_text(json.dumps(made), encoding="utf-8")
    assert read_arm64(tmp_path, "cpu", models, NAMES) == ()
    others: list[dict[str, Any]] = [{"targets": {"cpu": []}}, {"qemu": 1}, {"more": 1}]
    for wrong in others:
        file.write_text(json.dumps(report.model_dump(mode="json") | wrong), encoding="utf-8")
        with pytest.raises(PackageError, match="as this release writes it"):
            read_arm64(tmp_path, "cpu", models, NAMES)
