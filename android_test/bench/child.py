"""A contender in a process of its own, so that its memory is its own and a crash is a row: both sides of the pipe.

One line of JSON answers each line `run`. What libraries print goes to stderr.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final

from android_test.bench.runners import BenchRequest, request_of, runner_class
from export_onnx.errors import PipelineError

STATUS: Final = Path("/proc/self/status")
COMMAND: Final = (sys.executable, "-W", "ignore", "-m", "android_test.bench.child")


class Died(Exception):  # noqa: N818  (what happened, for a row)
    """A contender that gave no answer; its text says why."""


def peak_memory_mb() -> float:
    """The most this process has held, MB. Not `ru_maxrss`, which inherits the parent's across fork and exec.

    Files that are mapped count as far as they were read.
    """
    found = re.search(r"^VmHWM:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE)
    return int(found.group(1)) * 1024 / 1e6 if found else 0.0


def serve(lines: IO[str], answers: IO[str]) -> None:
    """The child's side: the request, then a run a line."""

    def answer(**facts: Any) -> None:
        answers.write(json.dumps(facts) + "\n")
        answers.flush()

    try:
        request = request_of(json.loads(lines.readline()))
        make = runner_class(request)  # imports, of torch for one, are not loading
        begun = time.perf_counter()
        runner = make(request)
        loaded = time.perf_counter() - begun
        runner.run()  # sessions are made at first use, caches are filled
        answer(load_seconds=loaded + runner.late_load_seconds, disk_mb=runner.disk_bytes / 1e6)
        for _line in lines:
            cpu, begun = time.process_time(), time.perf_counter()
            run = runner.run()
            seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
            answer(seconds=seconds, cpu_seconds=cpu, peak_memory_mb=peak_memory_mb(), **asdict(run))
    except Exception as error:  # whatever a contender dies of is its row
        kind = "" if isinstance(error, PipelineError) else f"{type(error).__name__}: "
        answer(error=f"{kind}{error}"[:300])


class Child:
    """The parent's side."""

    def __init__(self, request: BenchRequest, time_limit: float, command: tuple[str, ...] = COMMAND) -> None:
        self.time_limit = time_limit
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        self._send(json.dumps(asdict(request)))

    def answer(self) -> dict[str, Any]:
        """The next line.

        Raises:
            Died: an error, a crash, or no answer in time.
        """
        assert self.process.stdout is not None
        waited = select.select([self.process.stdout], [], [], self.time_limit)[0]
        if not waited:
            self.close()
            raise Died(f"no answer in {self.time_limit:g} s")
        line = self.process.stdout.readline()
        if not line:
            self.close()
            raise Died(f"died, exit status {self.process.returncode}")
        facts: dict[str, Any] = json.loads(line)
        if "error" in facts:
            self.close()
            raise Died(facts["error"])
        return facts

    def run(self) -> dict[str, Any]:
        """One run's figures; raises `Died`."""
        self._send("run")
        return self.answer()

    def close(self) -> None:
        """Ends the process, also one that hangs."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _send(self, line: str) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):  # a dead child: `answer` says so
            self.process.stdin.write(f"{line}\n".encode())


if __name__ == "__main__":
    own = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with os.fdopen(own, "w") as pipe:
        serve(sys.stdin, pipe)
