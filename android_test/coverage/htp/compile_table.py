"""`python -m android_test compile-table`: a table of the cost of compiling the full-size vocoder for Qualcomm's HTP.

By bucket, chip and kind of activation: the vocoder's two halves as they ship (`quantize/sound/fold_time.py`,
`export_onnx/graph/cut.py`, the options of `selector/package/providers.py`). The cost of a compilation does not depend
on weights or ranges, so weights are random and ranges stand-ins. The command writes every measurement at once: a run
measures only what the table lacks, so the work can be done in parts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

import onnx

from android_test.coverage.htp.htp_host import (
    SOCS,
    Compilation,
    CompileJob,
    compile_for,
    unavailable,
)
from android_test.coverage.htp.limited_child import GIB, CompileLimits
from calibrate.ranges import Range
from export_onnx import console
from export_onnx.buckets import BUCKETS, Bucket
from export_onnx.checkpoint.weights import Weights, load_weights
from export_onnx.contracts import VOCODER
from export_onnx.errors import CoverageError
from export_onnx.graph.cut import cut
from export_onnx.graph.export import export_stage
from quantize.qdq import QdqPlan, quantize_convolutions
from quantize.sound.fold_time import fold_time
from quantize.sound.vocoder_plan import quantized_values

Graphs = Literal["decoder", "generator"]
Activations = Literal["fp16", "u16"]
GRAPHS: Final[tuple[Graphs, ...]] = ("decoder", "generator")
ACTIVATIONS: Final[tuple[Activations, ...]] = ("fp16", "u16")
STAND_IN: Final = Range(-8.0, 8.0)
COLUMNS: Final = ("graph", "activations", "bucket", "chip", "CPU", "wall", "memory", "binary")
TABLE: Final = Path("android_test/coverage/htp/compile_table.json")


@dataclass(frozen=True)
class Entry:
    """One row: which graph is compiled for which chip."""

    graph: Graphs
    activations: Activations
    bucket: str
    soc: str


def entries(
    graphs: Sequence[str], activations: Sequence[str], buckets: Sequence[str], socs: Sequence[str]
) -> list[Entry]:
    """All combinations, in the table's order."""
    return [
        Entry(graph, kind, bucket.name, soc)
        for graph in GRAPHS
        if graph in graphs
        for kind in ACTIVATIONS
        if kind in activations
        for bucket in BUCKETS
        if f"{bucket.seconds:g}" in buckets
        for soc in socs
    ]


def full_size_half(weights: Weights, bucket: Bucket, activations: Activations, graph: Graphs) -> onnx.ModelProto:
    """Half of the vocoder at the size of Kokoro-82M; u16 has every convolution but `conv_post` in integers."""
    model = export_stage(VOCODER.name, weights.model, weights.config, bucket)
    if activations == "u16":
        names = tuple(n.name for n in model.graph.node if n.op_type == "Conv" and "conv_post" not in n.name)
        model = quantize_convolutions(
            model, QdqPlan(names, dict.fromkeys(quantized_values(model, names), STAND_IN), 16, {})
        )
    return cut(fold_time(model, bucket.frames))[graph]


def measure_compilation(wanted: Sequence[Entry], table: Path, limits: CompileLimits) -> dict[str, Any]:
    """Measures the rows that `table` lacks, and writes it (as JSON, and as Markdown beside it) after each row.

    Raises:
        CoverageError: the compiler is not installed.
    """
    if reason := unavailable():
        raise CoverageError("compile-table", expected="Qualcomm's compiler", got=reason, todo="Install it.")
    found = json.loads(table.read_text(encoding="utf-8"))["measured"] if table.exists() else []
    missing = [entry for entry in wanted if not any(_is(one, entry) for one in found)]
    with (
        tempfile.TemporaryDirectory(prefix="compile_table_") as folder,
        console.progress("compile", len(missing)) as step,
    ):
        weights = load_weights("random", Path(folder) / "weights") if missing else None
        for entry in missing:
            assert weights is not None
            step(" ".join(asdict(entry).values()))
            verdict = _compile(entry, weights, Path(folder), limits)
            found.append(compilation_row(entry, verdict, limits))
            write_compile_table({"measured": found}, table)
            console.say(" | ".join(cells(found[-1])))
    return {"measured": found}


def compilation_row(entry: Entry, verdict: Compilation, limits: CompileLimits) -> dict[str, Any]:
    """What is kept of a verdict: seconds, bytes, how it ended, and on which computer with what."""
    return {
        **asdict(entry),
        "outcome": verdict.outcome,
        "covered": verdict.covered,
        "cpu_seconds": round(verdict.cpu_seconds, 1),
        "seconds": round(verdict.seconds, 1),
        "peak": verdict.peak,
        "context": verdict.context,
        "nodes": verdict.nodes,
        "limits": asdict(limits),
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)},
        "onnxruntime-qnn": version("onnxruntime-qnn"),
    }


def write_compile_table(table: Mapping[str, Any], path: Path) -> None:
    """`path`, and the same for people with the suffix `.md`."""
    path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(compile_markdown(table), encoding="utf-8")


def compile_markdown(table: Mapping[str, Any]) -> str:
    """One row per measurement, in the order of `entries`."""
    found = table["measured"]
    buckets = [f"{bucket.seconds:g}" for bucket in BUCKETS]
    socs = [soc for soc in SOCS if any(one["soc"] == soc for one in found)]
    lines = [
        "The full-size vocoder in Qualcomm's compiler; made by `python -m android_test compile-table`. Decoder and",
        "generator are the halves as they ship: folded, mode 1. A row that a limit ended names the limit.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "| --- " * len(COLUMNS) + "|",
    ]
    for entry in entries(GRAPHS, ACTIVATIONS, buckets, socs):
        lines += ["| " + " | ".join(cells(row)) + " |" for row in found if _is(row, entry)]
    machines = {
        f"{one['machine']['cores']} cores of {one['machine']['processor']}, onnxruntime-qnn {one['onnxruntime-qnn']}"
        for one in found
    }
    loads = [one["machine"]["load"] for one in found]
    if found:
        shared = f"Other work ran beside (load average {min(loads):g} to {max(loads):g}): compare the CPU seconds."
        lines += ["", f"Measured on {'; '.join(sorted(machines))}. {shared}"]
    return "\n".join(lines) + "\n"


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """One line, in the order of `COLUMNS`; MB and GiB. What was ended by a limit took at least this much."""
    name = (row["graph"], row["activations"], row["bucket"], row["soc"])
    cost = (f"{row['cpu_seconds']:.0f} s", f"{row['seconds']:.0f} s", f"{row['peak'] / GIB:.1f} GiB")
    if row["outcome"] != "compiled":
        return (*name, *(f"> {value}" for value in cost), row["outcome"])
    binary = f"{row['context'] / 1e6:.0f} MB"
    return (*name, *cost, binary if row["covered"] else f"{binary}, not covered")


def add_compile_options(step: console.Parser) -> None:
    """The command line of this step."""
    step.add_names("--graphs", GRAPHS, "graphs")
    step.add_names("--activations", ACTIVATIONS, "activations")
    step.add_names("--buckets", [f"{bucket.seconds:g}" for bucket in BUCKETS], "seconds")
    step.add_argument("--socs", nargs="+", choices=sorted(SOCS), default=["SM8550", "SM8650", "SM8750"], help="chips")
    step.add_argument("--time-limit", type=float, default=600, help="seconds per compilation (default: 600)")
    step.add_argument("--memory-limit", type=float, default=16, help="GiB per compilation (default: 16)")
    step.add_argument("--table", type=Path, default=TABLE, help=f"what is completed (default: {TABLE})")


def compile_table(options: argparse.Namespace) -> int:
    """Gives 0 if every requested row was covered, else 1."""
    wanted = entries(options.graphs, options.activations, options.buckets, options.socs)
    limits = CompileLimits(options.time_limit, int(options.memory_limit * GIB))
    found = measure_compilation(wanted, options.table, limits)["measured"]
    asked = [one for one in found if any(_is(one, entry) for entry in wanted)]
    return 0 if all(one["covered"] for one in asked) else 1


def _compile(entry: Entry, weights: Weights, folder: Path, limits: CompileLimits) -> Compilation:
    bucket = next(bucket for bucket in BUCKETS if bucket.name == entry.bucket)
    path = folder / f"{entry.graph}_{entry.activations}_{entry.bucket}.onnx"
    if not path.exists():
        onnx.save(full_size_half(weights, bucket, entry.activations, entry.graph), path)
    job = CompileJob((entry.soc,), folder / "context" / "vocoder.onnx", limits=limits)
    return compile_for(path, job)[0]


def _is(row: Mapping[str, Any], entry: Entry) -> bool:
    return all(row[name] == value for name, value in asdict(entry).items())


def _processor() -> str:
    """The processor's model name, which `platform` does not give on Linux."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor()
