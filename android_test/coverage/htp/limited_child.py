"""Runs a module in a process of its own with a time and a memory limit; how it ends is a verdict."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from selector.package.verdict_schema import CompileOutcome

GIB: Final = 1024**3


@dataclass(frozen=True)
class CompileLimits:
    """What one compilation may cost before it is ended."""

    seconds: float = 900
    bytes: int = 18 * GIB


@dataclass(frozen=True)
class Ended:
    """How a child process ended: at a limit or by a signal (`outcome`), or by itself (None).

    `said` is the end of its log.
    """

    outcome: CompileOutcome | None
    seconds: float
    cpu_seconds: float
    peak: int
    said: str

    def reason(self, outcome: CompileOutcome) -> str:
        """The outcome in words, with its cost."""
        return f"{outcome} after {self.seconds:.0f} s and {self.peak / GIB:.1f} GiB: {self.said}"


def run_child(module: str, request: Path, limits: CompileLimits, tick: Callable[[], None] = lambda: None) -> Ended:
    """Run `python -m module request` under limits.

    Args:
        tick: called ten times per second while the process runs.
    """
    log = request.with_suffix(".log")
    started = time.monotonic()
    with log.open("wb") as sink:
        command = [sys.executable, "-m", module, str(request)]
        child = subprocess.Popen(command, stdout=sink, stderr=sink, cwd=Path(__file__).parents[3])
        try:
            outcome, cpu, peak = _watch(child.pid, limits, started, tick)
        except BaseException:  # Ctrl-C above all: nobody would wait for the compiler any more
            child.kill()
            child.wait()
            raise
    child.returncode = 0  # already waited for, with its resource usage
    return Ended(outcome, time.monotonic() - started, cpu, peak, _last_lines(log))


def _watch(
    pid: int, limits: CompileLimits, started: float, tick: Callable[[], None]
) -> tuple[CompileOutcome | None, float, int]:
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
        tick()
        time.sleep(0.1)


def _memory(pid: int, what: str) -> int:
    """Bytes of a running process: `VmRSS` resident now, `VmHWM` at most; 0 between its end and our wait."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:")), 0)


def _last_lines(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if "[W:" not in line and line.strip()]
    return " | ".join(lines[-4:])[-800:]
