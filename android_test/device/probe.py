"""One stage at one bucket on the device: the package's provider and the CPU provider beside it, compared and judged.

What was found lies as JSON in a folder of its own; a second run of `verify` reads what is conclusive from there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from android_test.device.adb import DeviceLostError, Phone
from android_test.device.device_facts import temperature
from android_test.device.device_run import DeviceRun, RunJob, run_on_device
from android_test.device.device_session import Session
from android_test.device.device_verdict import Evidence, Judgement, judge
from android_test.device.goldens import DTYPES, Goldens, compare_goldens
from export_onnx.errors import DeviceError
from export_onnx.run.padding import Tensors
from selector.package.manifest import StageContract
from selector.package.receipts import StageRun

TRY_AGAIN: Final = ("lost", "not run", "disk full")  # says nothing about the stage


@dataclass(frozen=True)
class RunSettings:
    """How long and how often. `limit` in seconds, of one process on the device."""

    warmup: int = 2
    runs: int = 20
    limit: float = 300.0


@dataclass(frozen=True)
class StageProbe:
    """What is to be run."""

    stage: StageContract
    goldens: Goldens
    session: Session
    cpu: Session | None  # beside an NPU's; None where `session` is the CPU's
    floor: float
    weights: str

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

    def job(session: Session) -> RunJob:
        bucket, weights = probe.goldens.bucket, probe.weights
        return RunJob(probe.stage, bucket, session, inputs, outputs, weights, settings.warmup, settings.runs)

    cpu = run_on_device(phone, job(probe.cpu), folder, settings.limit) if probe.cpu else None
    ours = run_on_device(phone, job(probe.session), folder, settings.limit)
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


def golden_name(goldens: Goldens, tensor: str) -> str:
    """Where a golden tensor lies on the device."""
    return f"golden/{goldens.bucket.name}/{tensor}.bin"


def fetch(phone: Phone, done: DeviceRun, folder: str, work: Path) -> Tensors:
    """The outputs that a run says it wrote.

    Raises:
        DeviceLostError: the line broke.
        DeviceError: a file is missing, or is not what the runner says.
    """
    tensors: Tensors = {}
    for output in done.result.get("outputs", []):
        local = work / "pulled.bin"
        phone.pull(f"{folder}/{output['file']}", local)
        dtype, shape = DTYPES[output["dtype"]], tuple(output["shape"])
        numbers = np.fromfile(local, dtype)
        local.unlink()
        if numbers.size != int(np.prod(shape)):
            got = f"{numbers.size} numbers"
            raise DeviceError(output["file"], expected=f"shape {list(shape)}", got=got, todo="Run it again.")
        tensors[output["name"]] = numbers.reshape(shape)
    return tensors


def judged(probe: StageProbe, found: StageResult, never: str) -> tuple[Judgement, StageRun]:
    """The verdict, and the receipt's row."""
    evidence = Evidence(probe.session.provider, never, found.run, found.cpu, found.decibels, probe.floor)
    verdict = judge(evidence)
    result = found.run.result
    times = result.get("runs_ms", []) if found.run.outcome == "finished" else []
    p50, p95 = (float(np.percentile(times, q)) for q in (50, 95)) if times else (None, None)
    beside = found.cpu.result.get("runs_ms", []) if found.cpu else []
    bucket = probe.goldens.bucket
    return verdict, StageRun(
        stage=probe.stage.name,
        bucket=bucket.name,
        provider=probe.session.provider,
        verdict=verdict.verdict,
        conditions=verdict.conditions,
        reasons=verdict.reasons,
        outcome=found.run.outcome,
        decibels=found.decibels,
        floor=probe.floor,
        load_ms=_rounded(result.get("load_ms") if times else None),
        first_run_ms=_rounded(result.get("first_run_ms") if times else None),
        p50_ms=_rounded(p50),
        p95_ms=_rounded(p95),
        runs=len(times),
        cpu_p50_ms=_rounded(float(np.median(beside)) if beside else None),
        real_time_factor=_rounded(p50 / 1000 / bucket.seconds if p50 is not None else None, 5),
        peak_mb=_rounded(result["peak_kb"] / 1024 if times else None, 1),
        temperature=found.temperature,
    )


def _rounded(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(float(value), digits)


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
    """A recorded run."""
    return DeviceRun(**{field.name: values[field.name] for field in fields(DeviceRun)})
