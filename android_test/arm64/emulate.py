"""Runs a package's CPU stages on emulated ARM64 processors, and compares them with this computer's run.

Each stage gets this computer's golden inputs, so that a difference is the stage's own. Only correctness is looked at:
an emulator's times say nothing about a phone's, and none is kept.
"""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from android_test.arm64.arm64_tools import SYSROOT, Arm64Machine
from android_test.device.device_run import DeviceRun, RunJob, answered, ended
from android_test.device.device_session import provider_of, session_of
from android_test.device.goldens import DTYPES, Goldens, compare_goldens, make_goldens
from export_onnx import console
from export_onnx.graph.shared_weights import WEIGHTS_FILE
from export_onnx.provenance import sha256
from export_onnx.run.padding import Tensors
from quantize.ops.build_library import PATH_CHOICE
from quantize.ops.platforms import LINUX_ARM64
from selector.package.arm64_schema import Arm64Report, EmulatedRun, EmulatedStage, Processor
from selector.package.manifest import BucketContract, StageContract
from selector.package.opened import Package
from selector.package.receipts import models_digest

PLAIN_PATH: Final = "plain"  # of the library of fused operators: what the others must compute
LIMIT: Final = 1200.0  # seconds for one stage: the full-size generator takes two minutes on an idle machine


def emulate_packages(
    packages: Sequence[Package], machine: Arm64Machine, processors: Sequence[Processor], work: Path
) -> Arm64Report:
    """Every CPU stage of the packages at their smallest bucket, on each processor; fused models, too.

    Where a package has a library of fused operators for ARM64 Linux, its fused models run on each processor with the
    path that it chooses there, and with the plain path on the last one.

    Args:
        work: goldens are kept here, the runs' files are written here.
    """
    todo = [(package, stage, False) for package in packages for stage in package.manifest.stages if _on_cpu(stage)]
    todo += [(package, stage, True) for package, stage, _ in todo if _fused_here(package, stage)]
    found: dict[bool, dict[str, list[EmulatedStage]]] = {False: {}, True: {}}
    versions: set[str] = set()
    with console.progress("arm64", len(todo) * len(processors)) as advance:
        for package, stage, fused in todo:
            manifest, bucket = package.manifest, _smallest(package)
            goldens = make_goldens(package, bucket, work / "goldens" / models_digest(manifest)[:16])
            model = package.folder / _model(package, stage, fused)
            runs = []
            ways = [(processor, "") for processor in processors]
            for processor, path in [*ways, (processors[-1], PLAIN_PATH)] if fused else ways:
                if not path:
                    advance(f"{manifest.target} {stage.name}{' fused' if fused else ''} on {processor}")
                run, one = emulated_stage(package, stage, goldens, machine, processor, work, fused, path)
                versions |= {run.result.onnxruntime} if run.result else set()
                runs.append(one)
            found[fused].setdefault(manifest.target, []).append(
                EmulatedStage(
                    stage=stage.name,
                    bucket=bucket.name,
                    file=model.name,
                    sha256=sha256(model),
                    weights=sha256(model.with_name(WEIGHTS_FILE)),
                    floor=manifest.golden.floors[stage.name],
                    outputs=tuple(port.name for port in stage.outputs),
                    runs=tuple(runs),
                )
            )
    said = ", ".join(sorted(versions)) or "unknown"
    stages = {kind: {name: tuple(each) for name, each in found[kind].items()} for kind in found}
    facts = {"qemu": machine.version, "onnxruntime": said, "targets": stages[False], "fused": stages[True]}
    return Arm64Report.model_validate(facts)


def _on_cpu(stage: StageContract) -> bool:
    return stage.runs_on == "cpu"


def _smallest(package: Package) -> BucketContract:
    return min(package.manifest.buckets, key=lambda one: one.frames)


def _fused_here(package: Package, stage: StageContract) -> bool:
    fused = package.manifest.fused
    return fused is not None and LINUX_ARM64 in fused.libraries and stage.name in fused.models[_smallest(package).name]


def _model(package: Package, stage: StageContract, fused: bool) -> str:
    """The path in the package of the stage's model at the smallest bucket."""
    bucket, section = _smallest(package), package.manifest.fused
    return section.models[bucket.name][stage.name] if fused and section else bucket.models[stage.name]


def emulated_stage(
    package: Package,
    stage: StageContract,
    goldens: Goldens,
    machine: Arm64Machine,
    processor: Processor,
    work: Path,
    fused: bool = False,
    path: str = "",
) -> tuple[DeviceRun, EmulatedRun]:
    """One stage on one processor.

    Args:
        fused: whether to run its fused model.
        path: of the library of fused operators; empty: the library's own choice.
    """
    model = _model(package, stage, fused)
    bucket = goldens.bucket.model_copy(update={"models": {**goldens.bucket.models, stage.name: model}})
    session = session_of(provider_of(package.manifest, stage), frozenset(), str(machine.folder), "aarch64")
    if fused and package.manifest.fused:
        library = package.folder / package.manifest.fused.libraries[LINUX_ARM64]
        session = replace(session, operators=str(library.resolve()))
    inputs = {port.name: str(goldens.file(port.name).resolve()) for port in stage.inputs}
    outputs = {port.name: str((work / "out" / f"{port.name}.bin").resolve()) for port in stage.outputs}
    weights = str(Path(bucket.models[stage.name]).with_name(WEIGHTS_FILE))
    job = RunJob(stage, bucket, session, inputs, outputs, weights, warmup=0, runs=1)
    run = run_emulated(machine, processor, job, package.folder, work, path)
    decibels: dict[str, float] = {}
    if run.outcome == "finished":
        got, wrong = read_outputs(run)
        run = replace(run, outcome="garbage", reason=wrong) if wrong else run
        decibels = {} if wrong else compare_goldens(stage, goldens.tensors, got)
    one = EmulatedRun(processor=processor, path=path, outcome=run.outcome, reason=run.reason, decibels=decibels)
    return run, one


def run_emulated(
    machine: Arm64Machine, processor: str, job: RunJob, folder: Path, work: Path, path: str = ""
) -> DeviceRun:
    """The runner in the emulator, with the package's folder as its own; never raises for what it does."""
    (work / "out").mkdir(parents=True, exist_ok=True)
    for name in job.outputs.values():
        Path(name).unlink(missing_ok=True)
    written, log = (work / "job.txt").resolve(), (work / "log.txt").resolve()
    log.unlink(missing_ok=True)
    written.write_text(job.text(str(log)), encoding="utf-8")
    forced = ["-E", f"{PATH_CHOICE}={path}"] if path else []
    emulator = [str(machine.qemu), "-cpu", processor, "-L", str(SYSROOT)]
    command = [
        *emulator,
        "-E",
        f"LD_LIBRARY_PATH={machine.folder}",
        *forced,
        str(machine.folder / "runner"),
        str(written),
    ]
    started = time.monotonic()
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return DeviceRun("timeout", f"ended after {LIMIT:.0f} s", seconds=LIMIT)
    said, errors = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
    kept = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    # A process that died of a signal has the negative of its number here, and 128 more than it in a shell.
    status = done.returncode if done.returncode >= 0 else 128 - done.returncode
    return answered(job, ended(status, said, errors, kept[-4000:], time.monotonic() - started, LIMIT))


def read_outputs(run: DeviceRun) -> tuple[Tensors, str]:
    """What the runner wrote, and what is wrong where it is not what its answer says."""
    tensors: Tensors = {}
    for output in run.result.outputs if run.result else []:
        file = Path(output.file)
        numbers = np.fromfile(file, DTYPES[output.dtype]) if file.is_file() else np.empty(0, DTYPES[output.dtype])
        if numbers.size != math.prod(output.shape):
            return {}, f"{output.name} has {numbers.size} numbers, of shape {output.shape}"
        tensors[output.name] = numbers.reshape(output.shape)
    return tensors, ""
