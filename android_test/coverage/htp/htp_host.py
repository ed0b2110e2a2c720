"""Qualcomm's HTP compiler and its simulation here: does it take the whole graph, and at what cost?

Each compilation is a process of its own, with a time and a memory limit: the compiler may crash, hang or need
more memory than there is, and each of these is a verdict. The versions are those of the wheel
`onnxruntime-qnn` (Linux x86-64 only); without it every verdict says that it was skipped, and nothing counts
as proven.
"""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from android_test.coverage.graph_view import Array
from android_test.coverage.htp.context_record import record_file, write_record, wrong_context
from android_test.coverage.htp.limited_child import CompileLimits, run_child
from export_onnx.errors import CoverageError
from selector.package.providers import NO_HALF_PRECISION, NPU
from selector.package.verdict_schema import CompileOutcome


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
    verdict, runs = compile_and_run(path, job, () if feed is None else (feed,))
    return verdict, runs[0] if runs else {}


def compile_and_run(
    path: Path, job: CompileJob, feeds: Sequence[Mapping[str, Array]]
) -> tuple[Compilation, list[dict[str, Array]]]:
    """Compile one file, and run one session of it on each of `feeds`.

    Returns:
        The verdict, and the outputs by name of each run (none where it failed).

    Raises:
        CoverageError: as in `compile_for`.
    """
    names = "+".join(job.socs)
    if reason := unavailable():
        return Compilation(path.name, names, "skipped", reason), []
    request = compile_request(path, job)
    if reason := wrong_context(path, job.socs):
        return Compilation(path.name, names, "refused", reason), []
    with tempfile.TemporaryDirectory(prefix="qnn_host_") as folder:
        place = Path(folder) / "request.json"
        if feeds:
            arrays: dict[str, Any] = {
                f"{i}/{name}": array for i, feed in enumerate(feeds) for name, array in feed.items()
            }
            np.savez(place.with_suffix(".inputs.npz"), allow_pickle=False, **arrays)
            request = CompileRequest(**{**asdict(request), "inputs": str(place.with_suffix(".inputs.npz"))})
        place.write_text(json.dumps(asdict(request)))
        verdict = _run(path.name, names, place, job)
        if job.context and verdict.context:
            write_record(job.context, job.socs, request.provider_options, path)
        stored = place.with_suffix(".outputs.npz")
        if not stored.exists():
            return verdict, []
        runs: list[dict[str, Array]] = [{} for _ in feeds]
        with np.load(stored) as outputs:
            for key in outputs.files:
                number, _, name = key.partition("/")
                runs[int(number)][name] = outputs[key]
        return verdict, runs


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
    ended = run_child("android_test.coverage.htp.htp_child", request, job.limits)
    outcome, cpu, peak = ended.outcome, ended.cpu_seconds, ended.peak
    answer = request.with_suffix(".answer.json")
    if outcome is None and not answer.exists():
        outcome = "crashed"
    if outcome:
        return Compilation(model, soc, outcome, ended.reason(outcome), ended.seconds, cpu, peak)
    said = json.loads(answer.read_text())
    if "error" in said:
        return Compilation(model, soc, "refused", f"{said['error']} {ended.said}"[:2000], ended.seconds, cpu, peak)
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


def _context_bytes(context: Path | None) -> int:
    if context is None:
        return 0
    return sum(path.stat().st_size for path in context.parent.glob(f"{context.stem}*.bin"))
