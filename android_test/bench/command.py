"""`python -m android_test bench`: its options, and the run as named steps."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from android_test.bench import tables
from android_test.bench.contenders import CONTENDERS, contender
from android_test.bench.kokoro_onnx import install_rival
from android_test.bench.machine import load_average, machine
from android_test.bench.measure import measure_build
from android_test.bench.passages import Passage, read_passages
from android_test.bench.prepare import Build
from android_test.bench.runners import THREADING
from export_onnx import console, provenance
from export_onnx.buckets import BUCKETS
from export_onnx.errors import ContractError
from selector.package.providers import CPU
from selector.package.receipts import models_digest

FOLDER: Final = Path("android_test", "bench")
THREADS: Final = (1, 2)


def add_bench_options(parser: argparse.ArgumentParser) -> None:
    """Paths and names."""
    texts = [passage.name for passage in read_passages()] + [f"full-{b.name}" for b in BUCKETS]
    names = [one.name for one in CONTENDERS]
    parser.add_argument(
        "--weights-builds", nargs="+", type=Path, default=[], metavar="BUILD", help="builds to measure (default: BUILD)"
    )
    parser.add_argument("--dist", type=Path, help="their packages (default: dist in each build)")
    parser.add_argument("--passages", nargs="+", choices=texts, default=texts, metavar="TEXT", help=", ".join(texts))
    parser.add_argument("--contenders", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--threads", nargs="+", type=int, default=list(THREADS), help="(default: 1 2)")
    parser.add_argument("--repetitions", type=int, default=5, help="of each contender on each text (default: 5)")
    parser.add_argument("--time-limit", type=float, default=300, help="seconds a run or a load (default: 300)")
    parser.add_argument("--readme", action="store_true", help="add the figures to those kept, write docs/benchmarks.md")
    parser.add_argument("--build", type=Path, default=Path("build"), help="where steps write (default: build)")


def run_bench(options: argparse.Namespace) -> int:
    """0; a contender that failed is a row, not an end.

    Raises:
        ContractError: a build is not complete, or an option makes no sense.
    """
    if options.repetitions < 1 or min(options.threads) < 1:
        raise ContractError("bench", expected="repetitions and threads from 1", got="less", todo="Check the options.")
    began, before = time.monotonic(), load_average()
    builds = [Build(b, options.dist or b / "dist") for b in options.weights_builds or [options.build]]
    contenders = [contender(name) for name in options.contenders]
    texts = {build.folder: chosen_passages(build, options.passages) for build in builds}
    runs = sum(map(len, texts.values())) * len(options.threads) * len(contenders) * (1 + options.repetitions)
    if any(one.kind == "onnx" for one in contenders):
        for build in builds:
            console.say(f"{build.name}: the original as ONNX")
            build.export_originals()
    if any(one.kind == "kokoro-onnx" for one in contenders):
        for build in builds:
            install_rival(build.rival)
    rows: list[dict[str, Any]] = []
    with console.progress("bench", runs) as advance:
        for build in builds:
            for threads in options.threads:
                rows += measure_build(
                    build,
                    texts[build.folder],
                    contenders,
                    threads,
                    options.repetitions,
                    options.time_limit,
                    advance,
                )
    measured = {
        "machine": machine(),
        "load_average": {"before": before, "after": load_average()},
        "versions": provenance.versions(),
        "session": {"ours": CPU.session, "originals": THREADING},
        "models": {build.name: models_digest(build.package.manifest) for build in builds},
        "repetitions": options.repetitions,  # asked for; a row says how many it had
        "rows": rows,
        "steps": {build.name: build.steps() for build in builds},
        "seconds": round(time.monotonic() - began, 1),
    }
    show_figures(rows)
    if options.readme:
        measured = tables.keep_measured(measured)
        console.say(f"{tables.BENCH.file.name} and {tables.MEASURED.name} made from them")
    folder = options.build / FOLDER
    provenance.start(folder)
    inputs = provenance.signature(rows=measured["rows"], machine=measured["machine"])
    report = provenance.Report(folder, inputs, begun=began).write(measured)
    console.say(f"{len(report['rows'])} rows in {folder / provenance.REPORT}")
    return 0


def chosen_passages(build: Build, names: list[str]) -> tuple[Passage, ...]:
    """The texts of those names for a build."""
    passages = read_passages()
    wanted = [passage for passage in passages if passage.name in names]
    buckets = [b for b in BUCKETS if f"full-{b.name}" in names]
    return (*wanted, *(build.full_bucket(bucket, passages[-1].text) for bucket in buckets))


def show_figures(rows: list[dict[str, Any]]) -> None:
    """The table on the screen, and what failed below it."""
    head, cells = tables.screen_rows(rows)
    table = Table(*head)
    for cell in cells:
        table.add_row(*cell)
    Console().print(table)
    for row in rows:
        if "error" in row:
            console.say(
                f"{row['weights']}, {row['text']}, {row['threads']} threads, {row['contender']}: {row['error']}"
            )
