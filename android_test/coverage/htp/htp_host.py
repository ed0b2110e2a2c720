"""Qualcomm's HTP compiler and its simulation here: does it take the whole graph, and at what cost?

Each compilation is a process of its own, with a time and a memory limit: the compiler may crash, hang or need
more memory than there is, and each of these is a verdict. The versions are those of the wheel
`onnxruntime-qnn` (Linux x86-64 only); without it every verdict says that it was skipped, and nothing counts
as proven.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from android_test.coverage.graph_view import Array
from android_test.coverage.htp.context_record import record_file, write_record, wrong_context
from export_onnx.errors import CoverageError
from selector.package.providers import NO_HALF_PRECISION, NPU
from selector.package.verdict_schema import CompileOutcome

GIB: Final = 1024**3


@dataclass(frozen=True)
class Chip:
    """A Snapdragon: `model` and `arch` are Qualcomm's numbers for the chip and its HTP."""

    name: str
    model: int
    arch: int

    @property
    def has_half_precision(self) -> bool:
        """Whether its HTP computes float nodes; each chip of an architecture answers for itself."""
        return self.name not in NO_HALF_PRECISION


# Source: Qualcomm's QNN documentation. The compiler's default chip has no float: always give numbers.
SOCS: Final = {
    soc.name: soc
    for soc in (
        Chip("SM7675", 70, 73),  # Snapdragon 7+ Gen 3
        Chip("SM8350", 30, 68),  # 888
        Chip("SM8450", 36, 69),  # 8 Gen 1
        Chip("SM8550", 43, 73),  # 8 Gen 2
        Chip("SM8635", 68, 73),  # 8s Gen 3
        Chip("SM8650", 57, 75),  # 8 Gen 3
        Chip("SM8735", 85, 79),  # 8s Gen 4
        Chip("SM8750", 69, 79),  # 8 Elite
        Chip("SM8850", 87, 81),  # 8 Elite Gen 5
    )
}
DEFAULT_SOCS: Final = ("SM8550", "SM8650", "SM8750")


@dataclass(frozen=True)
class CompileLimits:
    """What one compilation may cost before it is ended."""

    seconds: float = 900
    bytes: int = 18 * GIB


@dataclass(frozen=True)
class Compilation:
    """The verdict on one file and one chip. Sizes in bytes; `peak` is the process's resident maximum."""

    model: str
    soc: str
    outcome: CompileOutcome
    reason: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0  # of the whole process; tells more than `seconds` where other work runs beside
    peak: int = 0
    nodes: int = 0
    nodes_on_npu: int = 0
    subgraphs: int = 0
    context: int = 0  # size of the context binary, 0 where none was asked for
    run_seconds: float = 0.0

    @property
    def covered(self) -> bool:
        """Compiled, with every node on the NPU in one subgraph."""
        return self.outcome == "compiled" and 0 < self.nodes == self.nodes_on_npu and self.subgraphs == 1


@dataclass(frozen=True)
class CompileRequest:
    """What `htp_child.py` reads. `session` and `optimization` are those of packages, as the provider's options are."""

    model: str
    provider_options: Mapping[str, str]
    session: Mapping[str, str]
    optimization: str
    context: str = ""
    inputs: str = ""


@dataclass(frozen=True)
class CompileJob:
    """For which chips, and at what cost. Several give one context file for all, which cannot run here.

    `context` is written with a record of its chips beside it, see `context_record`.
    """

    socs: tuple[str, ...] = ("SM8550",)
    context: Path | None = None
    limits: CompileLimits = field(default_factory=CompileLimits)


def unavailable() -> str:
    """Why nothing can be compiled here; empty where it can."""
    if importlib.util.find_spec("onnxruntime_qnn") is None:
        return "onnxruntime-qnn is not installed (Linux x86-64: pip install 'kokoro-npu[qnn]')"
    return ""


def compile_for(
    path: Path, job: CompileJob, feed: Mapping[str, Array] | None = None
) -> tuple[Compilation, dict[str, Array]]:
    """Compile one file, and run it on the simulation where `feed` is given.

    Returns:
        The verdict, and the outputs by name (empty without `feed`, and where it failed).

    Raises:
        CoverageError: a chip that is not in `SOCS`, or a file that does not exist.
    """
    names = "+".join(job.socs)
    if reason := unavailable():
        return Compilation(path.name, names, "skipped", reason), {}
    request = compile_request(path, job)
    if reason := wrong_context(path, job.socs):
        return Compilation(path.name, names, "refused", reason), {}
    with tempfile.TemporaryDirectory(prefix="qnn_host_") as folder:
        place = Path(folder) / "request.json"
        if feed is not None:
            arrays: dict[str, Any] = dict(feed)
            np.savez(place.with_suffix(".inputs.npz"), allow_pickle=False, **arrays)
            request = CompileRequest(**{**asdict(request), "inputs": str(place.with_suffix(".inputs.npz"))})
        place.write_text(json.dumps(asdict(request)))
        verdict = _run(path.name, names, place, job)
        if job.context and verdict.context:
            write_record(job.context, job.socs)
        stored = place.with_suffix(".outputs.npz")
        if not stored.exists():
            return verdict, {}
        with np.load(stored) as outputs:
            return verdict, {name: outputs[name] for name in outputs.files}


def compile_request(path: Path, job: CompileJob) -> CompileRequest:
    """What the child is told of one file: the very options, session entries and optimization of a package's manifest.

    Raises:
        CoverageError: a chip that is not in `SOCS`, or a file that does not exist.
    """
    ours = NPU["qnn"]
    options, context = provider_options(job), str(job.context or "")
    return CompileRequest(str(_existing(path)), options, ours.session, ours.optimization, context)


def provider_options(job: CompileJob) -> dict[str, str]:
    """What the provider is told: chip numbers, and the options that packages are run with.

    Raises:
        CoverageError: a chip that is not in `SOCS`.
    """
    if unknown := [name for name in job.socs if name not in SOCS]:
        raise CoverageError("chip", expected=" | ".join(SOCS), got=", ".join(unknown), todo="Check the spelling.")
    socs = [SOCS[name] for name in job.socs]
    options = {"soc_model": ",".join(str(soc.model) for soc in socs), **NPU["qnn"].options}
    options |= {"is_multi_soc_ep_context": "1"} if len(socs) > 1 else {"htp_arch": str(socs[0].arch)}
    return options


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise CoverageError(str(path), expected="an ONNX file", got="nothing", todo="Make it first.")
    return path.resolve()


def _run(model: str, soc: str, request: Path, job: CompileJob) -> Compilation:
    """Start the child, watch its limits, and turn how it ended into a verdict."""
    if job.context:
        job.context.parent.mkdir(parents=True, exist_ok=True)
        job.context.unlink(missing_ok=True)  # the provider refuses to write over one
        record_file(job.context).unlink(missing_ok=True)
    log = request.with_suffix(".log")
    started = time.monotonic()
    with log.open("wb") as sink:
        command = [sys.executable, "-m", "android_test.coverage.htp.htp_child", str(request)]
        child = subprocess.Popen(command, stdout=sink, stderr=sink, cwd=Path(__file__).parents[3])
        try:
            outcome, cpu, peak = _watch(child.pid, job.limits, started)
        except BaseException:  # Ctrl-C above all: nobody would wait for the compiler any more
            child.kill()
            child.wait()
            raise
    child.returncode = 0  # already waited for, with its resource usage
    seconds = time.monotonic() - started
    answer = request.with_suffix(".answer.json")
    if outcome is None and not answer.exists():
        outcome = "crashed"
    if outcome:
        reason = f"{outcome} after {seconds:.0f} s and {peak / GIB:.1f} GiB: {_last_lines(log)}"
        return Compilation(model, soc, outcome, reason, seconds, cpu, peak)
    said = json.loads(answer.read_text())
    if "error" in said:
        return Compilation(model, soc, "refused", f"{said['error']} {_last_lines(log)}"[:2000], seconds, cpu, peak)
    parts = said["assignment"]
    ours = [part["nodes"] for part in parts if part["provider"] == "QNNExecutionProvider"]
    return Compilation(
        model,
        soc,
        "compiled",
        seconds=said["seconds"],
        cpu_seconds=cpu,
        peak=peak,
        nodes=sum(part["nodes"] for part in parts),
        nodes_on_npu=sum(ours),
        subgraphs=len(ours),
        context=_context_bytes(job.context),
        run_seconds=said.get("run_seconds", 0.0),
    )


def _watch(pid: int, limits: CompileLimits, started: float) -> tuple[CompileOutcome | None, float, int]:
    """Wait for the process; end it at a limit. Gives how it ended (None: well), CPU seconds, peak bytes."""
    outcome: CompileOutcome | None = None
    peak = 0
    while True:
        # Not the usage's maximum: that is inherited from the parent, which holds the exported models.
        peak = max(peak, _memory(pid, "VmHWM"))
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            if outcome is None and (os.WIFSIGNALED(status) or os.WEXITSTATUS(status)):
                outcome = "crashed"
            return outcome, usage.ru_utime + usage.ru_stime, peak
        if outcome is None and time.monotonic() - started > limits.seconds:
            outcome = "timeout"
            os.kill(pid, signal.SIGKILL)
        elif outcome is None and _memory(pid, "VmRSS") > limits.bytes:
            outcome = "memory"
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def _memory(pid: int, what: str) -> int:
    """Bytes of a running process: `VmRSS` resident now, `VmHWM` at most; 0 between its end and our wait."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:")), 0)


def _context_bytes(context: Path | None) -> int:
    if context is None:
        return 0
    return sum(path.stat().st_size for path in context.parent.glob(f"{context.stem}*.bin"))


def _last_lines(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if "[W:" not in line and line.strip()]
    return " | ".join(lines[-4:])[-800:]
