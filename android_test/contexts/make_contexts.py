"""`python -m android_test contexts --socs SM8550 SM8650`: context binaries that a phone loads instead of compiling.

A phone cannot compile the full-size generator: that takes minutes and gigabytes. So each chip gets a set of small
EPContext models, one per stage and bucket, and one binary whose weights all of them share.

1. `context_graphs` checks the graphs, and writes `bert` for half precision.
2. Per chip, one process makes all contexts under a time and a memory limit (`contexts_child.py`). A chip whose contexts
   are complete and of the same graphs, weights, options and compiler is not made again, so a run that was stopped
   resumes at its chip.
3. Each EPContext model gets a record of its chip, compiler, options and weights (`context_record.py`), the chip a
   report.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from android_test.contexts.context_graphs import ContextGraph, context_graphs, sources_of
from android_test.coverage.htp.context_record import compiler_version, require_context, sdk_of, write_record
from android_test.coverage.htp.htp_host import (
    SOCS,
    CompileJob,
    compile_request,
    provider_options,
    unavailable,
)
from android_test.coverage.htp.limited_child import GIB, CompileLimits, run_child
from export_onnx import console
from export_onnx.buckets import BUCKETS, Bucket
from export_onnx.errors import CoverageError
from export_onnx.provenance import Report, code_digest, is_up_to_date, package_version, read_report, signature, start
from selector.package.context_schema import CONTEXTS_FOLDER, ChipContexts

SHARED: Final = {"enable_htp_weight_sharing": "1"}  # of the provider
BESIDE: Final = {"ep.context_embed_mode": "0", "ep.share_ep_contexts": "1"}  # of each session
LAST: Final = {"ep.stop_share_ep_contexts": "1"}  # of the last session, which writes the binary
# With all 8 MB of the HTP's memory, the compiler lays the 10 s decoder's weights out in another way than those of 5 and
# 15 s, and 12 MB of them are stored twice. With 6 MB it does not: 43.5 MB in place of 55.3 for the decoder in all
# buckets (SM8550, Kokoro-82M). 4 MB do not suffice for 15 s.
OF_GRAPHS: Final[Mapping[str, Mapping[str, str]]] = {"decoder_10s": {"vtcm_mb": "6"}}
PROVIDER: Final = "QNNExecutionProvider"


@dataclass(frozen=True)
class ContextSettings:
    """What is made. The limits are of one chip's process."""

    build: Path
    socs: tuple[str, ...]
    buckets: tuple[Bucket, ...] = BUCKETS
    limits: CompileLimits = field(default_factory=lambda: CompileLimits(3600, 12 * GIB))


def make_contexts(settings: ContextSettings) -> dict[str, ChipContexts]:
    """Makes the contexts of every chip that lacks them.

    Returns:
        The report of each chip, by its name.

    Raises:
        CoverageError: no compiler, a chip without half precision, a result that is missing, or a compilation that was
            refused, crashed, or reached a limit.
    """
    check_before(settings.socs)
    # The longest generator first, because the compiler keeps a part of what each graph took: at the peak 9.6 GB, not
    # 11.0, for Kokoro-82M in four buckets.
    graphs = context_graphs(settings.build, settings.buckets)[::-1]
    sources = sources_of(settings.build, graphs)
    return {soc: make_chip(settings, soc, graphs, sources) for soc in settings.socs}


def check_before(socs: Sequence[str]) -> None:
    """What can be known before any step has run: that there is a compiler, and that it can compile for these chips.

    Raises:
        CoverageError: no compiler, or a chip without half precision.
    """
    if reason := unavailable():
        raise CoverageError("contexts", expected="Qualcomm's compiler", got=reason, todo="Install it.")
    refuse_integer_chips(socs)


def refuse_integer_chips(socs: Sequence[str]) -> None:
    """That every chip is known, and its HTP computes in half precision.

    Raises:
        CoverageError: one is not, or does not.
    """
    if unfit := [name for name in socs if name not in SOCS or not SOCS[name].has_half_precision]:
        fit = [chip.name for chip in SOCS.values() if chip.has_half_precision]
        raise CoverageError(
            f"chip {', '.join(unfit)}",
            expected=f"a chip whose HTP has half precision: {' | '.join(fit)}",
            got="one without, or one that is not in the list",
            todo="Use the package for `cpu` on it.",
        )


def make_chip(
    settings: ContextSettings, soc: str, graphs: Sequence[ContextGraph], sources: Mapping[str, str]
) -> ChipContexts:
    """One chip's contexts, made or found; the folder is complete or has no report.

    Raises:
        CoverageError: as `make_contexts`.
    """
    folder = settings.build / CONTEXTS_FOLDER / soc
    requests = context_requests(soc, graphs, folder)
    versions = {name: package_version(name) for name in ("onnxruntime", "onnxruntime-qnn", "onnx")}
    told = [{name: value for name, value in one.items() if name not in ("model", "context")} for one in requests]
    code = code_digest("android_test/contexts/contexts_child.py", "android_test/contexts/make_contexts.py")
    wanted = signature(sources=sources, requests=told, versions=versions, code=code)
    if is_up_to_date(folder, wanted):
        console.say(f"{folder} is up to date")
        return ChipContexts.model_validate_json(json.dumps(read_report(folder)))
    if folder.exists():
        shutil.rmtree(folder)
    start(folder)
    report = Report(folder, wanted)
    with console.progress(f"contexts for {soc}", len(graphs)) as advance:
        lines, peak = run_requests(requests, settings.limits, lambda done: advance(graphs[done].name))
    for graph, request in zip(graphs, requests, strict=True):
        context = folder / f"{graph.name}.onnx"
        write_record(context, (soc,), request["provider_options"], graph.path)
        require_context(context, (soc,), graph.path)
    report.write(chip_facts(soc, graphs, sources, requests, lines, peak, folder))
    made = ChipContexts.model_validate_json(json.dumps(read_report(folder)))
    seconds = sum(made.compile_seconds.values())
    console.say(f"{soc}: {made.bytes / 1e6:.1f} MB in {seconds:.0f} s, {peak / GIB:.1f} GiB at the peak")
    return made


def context_requests(soc: str, graphs: Sequence[ContextGraph], folder: Path) -> list[dict[str, Any]]:
    """What the child is told: one session per graph, weights shared; the last session writes the binary."""
    requests = []
    for graph in graphs:
        request = asdict(compile_request(graph.path, CompileJob((soc,), (folder / f"{graph.name}.onnx").resolve())))
        request["provider_options"] = {**request["provider_options"], **SHARED, **OF_GRAPHS.get(graph.name, {})}
        request["session"] = {**request["session"], **BESIDE, **(LAST if graph is graphs[-1] else {})}
        requests.append(request)
    return requests


def run_requests(
    requests: Sequence[Mapping[str, Any]], limits: CompileLimits, begun: Callable[[int], None]
) -> tuple[list[dict[str, Any]], int]:
    """Runs the child; gives one line per session, and the process's peak in bytes.

    Args:
        begun: called with the number of each session when it begins.

    Raises:
        CoverageError: a session was refused, is not whole on the NPU, or the process ended before its last one.
    """
    with tempfile.TemporaryDirectory(prefix="contexts_") as work:
        request = Path(work) / "request.json"
        request.write_text(json.dumps(list(requests)), encoding="utf-8")
        answer = request.with_suffix(".answer.jsonl")
        seen = -1

        def tick() -> None:
            nonlocal seen
            done = min(len(_lines(answer)), len(requests) - 1)
            while seen < done:
                seen += 1
                begun(seen)

        ended = run_child("android_test.contexts.contexts_child", request, limits, tick)
        lines = _lines(answer)
    refused = lines[-1].get("error", "") if lines else ""
    made = len(lines) - bool(refused)
    if ended.outcome or made < len(requests):
        raise CoverageError(
            f"contexts, {Path(requests[min(made, len(requests) - 1)]['model']).stem}",
            expected=f"{len(requests)} contexts within {limits.seconds:.0f} s and {limits.bytes / GIB:.0f} GiB",
            got=refused[:600] or ended.reason(ended.outcome or "crashed"),
            todo="Raise --time-limit or --memory-limit, or run on an idle machine; what is complete is kept.",
        )
    for one, line in zip(requests, lines, strict=True):
        if [part["provider"] for part in line["assignment"]] != [PROVIDER]:
            raise CoverageError(
                f"contexts, {Path(one['model']).stem}",
                expected="one subgraph, on the NPU",
                got=str(line["assignment"])[:200],
                todo="Run `python -m android_test coverage --require compiled` to see which node stays.",
            )
    return lines, ended.peak


def _lines(answer: Path) -> list[dict[str, Any]]:
    """The whole lines of an answer that is still written."""
    if not answer.exists():
        return []
    return [json.loads(line) for line in answer.read_text(encoding="utf-8").split("\n")[:-1]]


def chip_facts(
    soc: str,
    graphs: Sequence[ContextGraph],
    sources: Mapping[str, str],
    requests: Sequence[Mapping[str, Any]],
    lines: Sequence[Mapping[str, Any]],
    peak: int,
    folder: Path,
) -> dict[str, Any]:
    """The report's section about one chip, see `ChipContexts`."""
    models: dict[str, dict[str, str]] = {}
    for graph in reversed(graphs):  # stages in their order, shortest bucket first
        models.setdefault(graph.stage, {})[graph.bucket.name] = f"{graph.name}.onnx"
    return {
        "contexts": {
            "chip": soc,
            "soc_model": SOCS[soc].model,
            "htp_arch": SOCS[soc].arch,
            "compiler": compiler_version(),
            "sdk": sdk_of(folder / f"{graphs[0].name}.onnx"),
            "onnxruntime": package_version("onnxruntime"),
            "options": {**provider_options(CompileJob((soc,))), **SHARED},
            "options_of_graphs": {
                graph.name: dict(OF_GRAPHS[graph.name]) for graph in graphs if graph.name in OF_GRAPHS
            },
            "proof": None,
        },
        "models": models,
        "sources": dict(sources),
        "bytes": sum(file.stat().st_size for file in folder.iterdir() if file.suffix in (".onnx", ".bin")),
        "compile_seconds": {graph.name: round(line["seconds"], 1) for graph, line in zip(graphs, lines, strict=True)},
        "peak": peak,
    }
