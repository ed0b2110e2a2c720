"""One stage at one bucket on the device: the package's provider and the CPU provider beside it, compared and judged.

What was found lies as JSON in a folder of its own; a second run of `verify` reads what is conclusive from there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from android_test.device.adb import DeviceLostError, Phone
from android_test.device.device_facts import temperature
from android_test.device.device_log import nnapi_devices
from android_test.device.device_run import DeviceRun, RunJob, run_on_device
from android_test.device.device_session import Session
from android_test.device.goldens import DTYPES, Goldens, compare_goldens
from android_test.device.runner_result import RunnerResult
from export_onnx.errors import DeviceError
from export_onnx.graph.shared_weights import WEIGHTS_FILE
from export_onnx.run.padding import Tensors
from selector.package.device_verdict import judge
from selector.package.manifest import StageContract
from selector.package.receipt_schema import ProviderName, RunBeside, StageEvidence, StageRun

CONTEXT_LOADS: Final = 2  # a context is loaded, closed and loaded again
TRY_AGAIN: Final = ("lost", "not run", "disk full")  # says nothing about the stage


@dataclass(frozen=True)
class RunSettings:
    """How long and how often. `limit` in seconds, of one process on the device."""

    warmup: int = 2
    runs: int = 20
    limit: float = 300.0


@dataclass(frozen=True)
class StageProbe:
    """What is to be run.

    Attributes:
        cpu: the session beside an NPU's; None where `session` is the CPU's.
        weights: on the device; empty for a context.
        plain: of a context the file that the CPU runs in its place, on the device; else empty.
        plain_file: the same file here.
    """

    stage: StageContract
    goldens: Goldens
    session: Session
    cpu: Session | None
    floor: float
    weights: str
    plain: str = ""
    plain_file: Path | None = None

    @property
    def plain_weights(self) -> str:
        """The weights of `plain`, on the device; empty where the model itself holds them all."""
        file = self.plain_file.with_name(WEIGHTS_FILE) if self.plain_file else None
        return weights_beside(self.plain) if file and file.is_file() and file.stat().st_size else ""

    @property
    def is_context(self) -> bool:
        """Whether the NPU's file is a context."""
        return self.plain_file is not None

    @property
    def name(self) -> str:
        """As in file names."""
        return f"{self.stage.name}_{self.goldens.bucket.name}"


@dataclass(frozen=True)
class StageResult:
    """What was found: the evidence, as it is kept."""

    run: DeviceRun
    cpu: DeviceRun | None
    decibels: dict[str, float]
    temperature: str = ""

    @property
    def conclusive(self) -> bool:
        """Whether a second run need not repeat it."""
        runs = [self.run, *([self.cpu] if self.cpu else [])]
        return not any(one.outcome in TRY_AGAIN for one in runs)


def probe_stage(phone: Phone, probe: StageProbe, folder: str, settings: RunSettings, work: Path) -> StageResult:
    """Runs the probe. Never raises for what the device does: that is what is measured."""
    inputs = {port.name: golden_name(probe.goldens, port.name) for port in probe.stage.inputs}
    outputs = {port.name: f"out/{port.name}.bin" for port in probe.stage.outputs}

    bucket, times = probe.goldens.bucket, (settings.warmup, settings.runs)
    loads = CONTEXT_LOADS if probe.is_context else 1
    ours_job = RunJob(probe.stage, bucket, probe.session, inputs, outputs, probe.weights, *times, loads)
    cpu = None
    if probe.cpu:
        models = bucket.models | ({probe.stage.name: probe.plain} if probe.is_context else {})
        weights = probe.plain_weights if probe.is_context else probe.weights
        at = bucket.model_copy(update={"models": models})
        job = RunJob(probe.stage, at, probe.cpu, inputs, outputs, weights, *times)
        cpu = run_on_device(phone, job, folder, settings.limit)
    ours = run_on_device(phone, ours_job, folder, settings.limit)
    if ours.outcome != "finished":
        return StageResult(ours, cpu, {})
    try:
        got = fetch(phone, ours, folder, work)
        warm = temperature(phone)
    except DeviceLostError as error:
        return StageResult(DeviceRun("lost", str(error)), cpu, {})
    except DeviceError as error:
        return StageResult(DeviceRun("garbage", str(error), phase="fetch"), cpu, {})
    return StageResult(ours, cpu, compare_goldens(probe.stage, probe.goldens.tensors, got), warm)


def weights_beside(model: str) -> str:
    """Where the weights of a plain model lie."""
    return f"{model.rpartition('/')[0]}/{WEIGHTS_FILE}"


def golden_name(goldens: Goldens, tensor: str) -> str:
    """Where a golden tensor lies on the device."""
    return f"golden/{goldens.bucket.name}/{tensor}.bin"


def fetch(phone: Phone, done: DeviceRun, folder: str, work: Path, names: Sequence[str] = ()) -> Tensors:
    """The outputs that a run says it wrote; only those in `names` where there are any.

    Raises:
        DeviceLostError: the line broke.
        DeviceError: a file is missing, or is not what the runner says.
    """
    tensors: Tensors = {}
    written = done.result.outputs if done.result else []
    for output in (one for one in written if not names or one.name in names):
        local = work / "pulled.bin"
        phone.pull(f"{folder}/{output.file}", local)
        numbers = np.fromfile(local, DTYPES[output.dtype])
        local.unlink()
        if numbers.size != math.prod(output.shape):
            got = f"{numbers.size} numbers"
            raise DeviceError(output.file, expected=f"shape {output.shape}", got=got, todo="Run it again.")
        tensors[output.name] = numbers.reshape(output.shape)
    return tensors


def evidence_of(provider: ProviderName, found: StageResult) -> StageEvidence:
    """What the receipt carries of a probe, and what the verdict is made from.

    Args:
        provider: that the probe asked for.
    """
    run, result = found.run, found.run.result
    listed = nnapi_devices(run.log) if provider == "nnapi" else result.hardware if result else ()
    beside = found.cpu.result if found.cpu else None
    return StageEvidence(
        outcome=run.outcome,
        reason=run.reason,
        provider=provider,
        optimization=result.optimization if result else "",
        session=result.session if result else {},
        options=result.options if result else {},
        flags=result.flags if result else 0,
        assignment_recorded=result.assignment_known if result else False,
        assignment=result.assignment if result else [],
        devices=list(listed),
        decibels=found.decibels,
        runs_ms=result.runs_ms if result and run.outcome == "finished" else [],
        cpu=RunBeside(outcome=found.cpu.outcome, runs_ms=beside.runs_ms if beside else []) if found.cpu else None,
    )


def judged(probe: StageProbe, found: StageResult, never: str) -> StageRun:
    """The receipt's row, with its verdict."""
    evidence = evidence_of(probe.session.provider, found)
    outputs = [port.name for port in probe.stage.outputs]
    verdict = judge(evidence, outputs, probe.floor, never)
    result = found.run.result if found.run.outcome == "finished" else None
    bucket = probe.goldens.bucket
    return StageRun(
        stage=probe.stage.name,
        bucket=bucket.name,
        seconds=bucket.seconds,
        floor=probe.floor,
        verdict=verdict.verdict,
        conditions=verdict.conditions,
        reasons=verdict.reasons,
        evidence=evidence,
        load_ms=result.load_ms if result else None,
        second_load_ms=result.second_load_ms if result else None,
        first_run_ms=result.first_run_ms if result else None,
        peak_mb=round(result.peak_kb / 1024, 1) if result else None,
        temperature=found.temperature,
    )


def keep_result(found: StageResult, file: Path) -> None:
    """The evidence as JSON: whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_suffix(".part")
    values = {
        "run": found.run.as_dict(),
        "cpu": found.cpu.as_dict() if found.cpu else None,
        "decibels": found.decibels,
        "temperature": found.temperature,
    }
    half.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    half.replace(file)


def kept(file: Path) -> StageResult | None:
    """Evidence of an earlier run; None where there is none that can be read."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        cpu = run_of(values["cpu"]) if values["cpu"] else None
        return StageResult(run_of(values["run"]), cpu, dict(values["decibels"]), str(values["temperature"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def run_of(values: dict[str, Any]) -> DeviceRun:
    """A recorded run.

    Raises:
        KeyError, TypeError, ValueError: something else was recorded.
    """
    result = RunnerResult.model_validate(values["result"]) if values["result"] else None
    return DeviceRun(**{field.name: values[field.name] for field in fields(DeviceRun)} | {"result": result})
