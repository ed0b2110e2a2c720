"""One run of the runner on the device, and how it ended. Whatever happens is a result: nothing here raises for it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from android_test.device.adb import QUICK, DeviceLostError, Phone
from android_test.device.device_log import condensed
from android_test.device.device_session import Session
from android_test.device.goldens import shape_of
from android_test.device.runner_result import RunnerResult, read_result
from selector.package.manifest import BucketContract, StageContract
from selector.package.receipt_schema import RunOutcome

KILLED: Final = (137, 124)  # 128 + SIGKILL; what some `timeout` programs say instead
SIGNALS: Final = {132: "SIGILL", 134: "SIGABRT", 135: "SIGBUS", 136: "SIGFPE", 137: "SIGKILL", 139: "SIGSEGV"}
LOG_MARK: Final = "LOG-OF-THE-RUNTIME"
LOG_LINES: Final = 20_000  # of the runtime's log that are fetched
# Where a phone's DSP looks for the skel library: semicolons, ours first.
ADSP_FOLDERS: Final = ("/vendor/lib/rfsa/adsp", "/vendor/dsp/cdsp", "/vendor/dsp", "/dsp")


@dataclass(frozen=True)
class DeviceRun:
    """What one run left: the evidence that verdicts are made from."""

    outcome: RunOutcome
    reason: str = ""
    status: int = 0  # the process's exit status
    phase: str = ""  # how far it came
    seconds: float = 0.0
    result: RunnerResult | None = None  # what the runner answered; None where it died before
    log: str = ""  # the runtime's, condensed
    printed: str = ""  # its standard output's last lines, where there was no result

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return values | {"result": self.result.model_dump(mode="json") if self.result else None}


@dataclass(frozen=True)
class RunJob:
    """One stage with one session. `inputs` and `outputs` name files below the folder on the device.

    Attributes:
        weights: the file of the model's tensors; empty for a context, whose binary the model itself names.
        loads: how often the session is made; the last one is run.
    """

    stage: StageContract
    bucket: BucketContract
    session: Session
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    weights: str
    warmup: int = 2
    runs: int = 20
    loads: int = 1

    def text(self, log: str) -> str:
        """As runner/job.hpp reads it."""
        lines = [
            ("model", self.bucket.models[self.stage.name]),
            *([("weights", self.weights)] if self.weights else []),
            ("provider", self.session.provider),
            ("optimization", self.session.optimization),
            *([("plugin", self.session.plugin)] if self.session.plugin else []),
            *([("operators", self.session.operators)] if self.session.operators else []),
            ("log", log),
            ("loads", str(self.loads)),
            ("warmup", str(self.warmup)),
            ("runs", str(self.runs)),
            *(("session", *pair) for pair in sorted(self.session.session.items())),
            *(("option", *pair) for pair in sorted(self.session.options.items())),
        ]
        for port in self.stage.inputs:
            shape = ",".join(map(str, shape_of(port, self.bucket)))
            lines.append(("input", port.name, port.dtype, shape, self.inputs[port.name]))
        lines += [("output", port.name, self.outputs[port.name]) for port in self.stage.outputs]
        return "".join("\t".join(line) + "\n" for line in lines)


def run_on_device(phone: Phone, job: RunJob, folder: str, limit: float) -> DeviceRun:
    """Runs `job` in a process of its own that the device ends after `limit` seconds.

    The command writes the job file itself, so that a run needs no push.
    """
    started = time.monotonic()
    text = shlex.quote(job.text("log.txt"))
    written = shlex.join(job.outputs.values())
    parents = shlex.join(sorted({name.rpartition("/")[0] or "." for name in job.outputs.values()}))
    adsp = ";".join((folder, *ADSP_FOLDERS))
    command = (
        f"cd {folder} && mkdir -p {parents} && rm -f log.txt {written} && printf %s {text} > job.txt && "
        f"LD_LIBRARY_PATH={folder} ADSP_LIBRARY_PATH='{adsp}' timeout -s KILL {limit:.0f} ./runner job.txt; "
        f"status=$?; echo; echo {LOG_MARK}; tail -n {LOG_LINES} log.txt 2>/dev/null; exit $status"
    )
    try:
        done = phone.shell(command, limit + QUICK)
    except DeviceLostError as error:
        return DeviceRun("lost", str(error), seconds=round(time.monotonic() - started, 2))
    printed, _, whole = done.stdout.rpartition(f"\n{LOG_MARK}\n")
    log = condensed(whole)
    seconds = time.monotonic() - started
    return answered(job, ended(done.status, printed or done.stdout, done.stderr, log, seconds, limit))


def ended(status: int, stdout: str, stderr: str, log: str, seconds: float, limit: float) -> DeviceRun:
    """How a run ended, from what it left."""
    lines = stdout.splitlines()
    phase = next((line[6:].strip() for line in reversed(lines) if line.startswith("PHASE ")), "")
    printed = "\n".join([*lines[-8:], *stderr.splitlines()[-8:]])[-2000:]
    seconds = round(seconds, 2)
    if status in KILLED and seconds >= limit:
        reason = f"ended after {limit:.0f} s in phase {phase or 'none'}"
        return DeviceRun("timeout", reason, status, phase, seconds, None, log, printed)
    if status > 128:
        name = SIGNALS.get(status, f"signal {status - 128}")
        return DeviceRun("crashed", f"{name} in phase {phase or 'none'}", status, phase, seconds, None, log, printed)
    result, wrong = read_result(lines)
    if result is None:
        full = "o space left" in printed
        outcome: RunOutcome = "disk full" if full else "garbage" if status == 0 else "crashed"
        reason = "no room on the device" if full else f"exit status {status} {wrong}: {printed[-160:]!r}"
        return DeviceRun(outcome, reason, status, phase, seconds, None, log, printed)
    reason = result.reason
    if result.outcome == "finished":
        return DeviceRun("finished", "", status, phase, seconds, result, log)
    outcome = "disk full" if "o space left" in reason else "refused"
    if said := [line[2:] for line in log.splitlines() if line[:2] in ("3 ", "4 ") and line[2:] != reason]:
        reason += f" The log's first error: {said[0]}"
    return DeviceRun(outcome, reason, status, result.phase, seconds, result, log, printed)


def answered(job: RunJob, done: DeviceRun) -> DeviceRun:
    """`done`, or garbage where the runner says that it did something else than `job` asked for."""
    if done.outcome != "finished" or done.result is None:
        return done
    asked = (job.session.provider, job.runs, job.loads > 1, dict(job.outputs))
    said = (
        done.result.provider,
        len(done.result.runs_ms),
        done.result.second_load_ms is not None,
        {output.name: output.file for output in done.result.outputs},
    )
    if said == asked:
        return done
    return replace(done, outcome="garbage", reason=f"the runner was asked for {asked} and says {said}", result=None)
