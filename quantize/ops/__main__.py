"""`python -m quantize.ops`: fused models for the target `cpu`, in `build/quantize/cpu-fused/`, beside the stock ones.

The library that they need must be built before (`make ops`). With `--if-possible`, a computer that could not build it
gets a report that says why, and no models: the package then has stock operators alone.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any, Final

from calibrate.speech import read_samples
from export_onnx import console
from export_onnx.build_lock import build_lock
from export_onnx.contracts import HALVES, QUANTIZED
from export_onnx.errors import ContractError
from export_onnx.graph.shared_weights import WEIGHTS_FILE, load, save_sharing, stored_places
from export_onnx.provenance import (
    Report,
    code_digest,
    completed,
    is_up_to_date,
    read_report,
    sha256,
    signature,
    start,
    versions,
)
from export_onnx.run.sessions import SessionSettings
from quantize.gates import standard
from quantize.ops.build_library import OPS_LIBRARY, built_libraries, why_no_library
from quantize.ops.fuse_graph import fuse_graph
from quantize.ops.fused_ops import FUSED_TARGET, OPS_DOMAIN, OPS_VERSION
from quantize.ops.fused_proof import VocoderSessions, check_fused, compare_fused, time_fused, without_padding
from quantize.ops.platforms import this_platform
from quantize.recipes import recipe

THREADS: Final = (1, 2)
MASK: Final = "frame_mask"  # the input that graphs of free length do not have


def main(arguments: list[str] | None = None) -> int:
    """Fuses every bucket, holds the sound of the first to the gates, and reports; measures time where asked."""
    options = parse(arguments)
    with build_lock(options.build):
        return _fuse(options)


def _fuse(options: argparse.Namespace) -> int:
    source, folder = options.build / "quantize" / FUSED_TARGET, options.build / "quantize" / f"{FUSED_TARGET}-fused"
    library = options.library or built_libraries(options.build / "ops")[0].get(this_platform())
    made = completed(source, f"quantize --targets {FUSED_TARGET}", QUANTIZED)
    facts = {"target": FUSED_TARGET, "weights": made["weights"], "buckets": made["buckets"]}
    facts |= {"made_from": {f"quantize/{FUSED_TARGET}": made["signature"]}}
    if library is None:
        return _without_library(options, folder, facts)
    wanted = signature(
        made_from=made["signature"],
        library=sha256(library),
        sentences=options.sentences,
        code=code_digest("quantize/ops"),
        versions=versions(),
    )
    before = read_report(folder) or {}
    if is_up_to_date(folder, wanted) and (before.get("seconds_by_threads") or not options.runs):
        console.say(f"{folder} is up to date")
        return 0
    _empty(folder)
    facts |= {"library": sha256(library), "domain": OPS_DOMAIN, "version": OPS_VERSION}
    report = Report(folder, wanted, facts)
    fused = _write_fused(source, folder, made["buckets"])
    whole = report.write({"fused": fused, **_measure(options, source, folder, made, library)})
    _say(folder, whole)
    return 0


def _without_library(options: argparse.Namespace, folder: Path, facts: dict[str, Any]) -> int:
    ops = options.build / "ops"
    why_not = why_no_library(ops)
    if not options.if_possible:
        raise ContractError(str(ops / OPS_LIBRARY), expected="the library", got=why_not, todo="Run `make ops`.")
    _empty(folder)
    Report(folder, signature(**facts), facts | {"why_not": why_not}).write()
    console.say(f"{FUSED_TARGET}: stock operators alone, because the library of fused ones is not there: {why_not}")
    return 0


def _empty(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    start(folder)


def _write_fused(source: Path, folder: Path, buckets: list[str]) -> dict[str, dict[str, int]]:
    """Writes both halves of every bucket; counts of what was fused in the first bucket, by half.

    The weights are those of the stock models, and stay in their file.
    """
    (folder / WEIGHTS_FILE).symlink_to(Path("..") / source.name / WEIGHTS_FILE)
    places = stored_places(source / f"{half}_{bucket}.onnx" for bucket in buckets for half in HALVES)
    counts: dict[str, dict[str, int]] = {}
    for bucket in buckets:
        for half in HALVES:
            graph = fuse_graph(load(source / f"{half}_{bucket}.onnx"))
            inside = save_sharing(graph.model, folder / f"{half}_{bucket}.onnx", places)
            found = {
                "sites": len(graph.sites),
                "convolutions": len(graph.convolutions),
                "with_float_sums": len(graph.integers),
                "of_floats": len(graph.floats),
                "sums": len(graph.sums),
            }
            counts.setdefault(half, found | {"bytes_not_shared": inside})
    return counts


def _measure(
    options: argparse.Namespace, source: Path, folder: Path, made: dict[str, Any], library: Path
) -> dict[str, Any]:
    """The sound, which is judged, and the time in turns."""
    bucket = made["buckets"][0]
    tail = source / f"tail_{bucket}.onnx"
    samples = read_samples(options.build / "calibrate", "held_out", options.sentences)
    if not any(port.name == MASK for port in load(source / f"{HALVES[0]}_{bucket}.onnx").graph.input):
        config = json.loads((options.build / "export_onnx" / "config.json").read_text(encoding="utf-8"))
        samples = [without_padding(sample, config) for sample in samples]
    seconds = {}
    for threads in (0, *THREADS) if options.runs else (0,):
        settings = SessionSettings(threads=threads, libraries=(library,))
        pair = [VocoderSessions.of(where, bucket, tail, settings) for where in (source, folder)]
        if not threads:
            sound = compare_fused(pair[0], pair[1], samples)
            limits = standard(recipe(FUSED_TARGET).activation_bits, made["weights"]["source"])
            check_fused(f"{FUSED_TARGET} with fused operators, {bucket}", sound, limits.floor)
        else:
            seconds[str(threads)] = time_fused(pair[0], pair[1], samples[0], options.runs)
    return {"sound": sound.facts(), "seconds_by_threads": seconds}


def _say(folder: Path, facts: dict[str, Any]) -> None:
    fused, stock = (facts["sound"][name] for name in ("fused", "stock"))
    console.say(
        f"{folder}: PESQ {fused['mean']['pesq']:.2f} (worst {fused['worst']['pesq']:.2f}), with stock operators "
        f"{stock['mean']['pesq']:.2f} ({stock['worst']['pesq']:.2f})"
    )
    for threads, best in facts["seconds_by_threads"].items():
        wall, processor = (old / new for old, new in zip(best["stock"], best["fused"], strict=True))
        console.say(
            f"    {threads} threads: {best['fused'][0]:.2f} s, {wall:.2f} times as fast as stock operators; "
            f"{processor:.2f} times by processor time"
        )


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line: paths and names."""
    parser = console.Parser(prog="python -m quantize.ops", description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("build"), help="where steps write (default: build)")
    parser.add_argument("--library", type=Path, help=f"the library (default: ops/{OPS_LIBRARY} below --build)")
    parser.add_argument("--if-possible", action="store_true", help="without a library, report why instead of stopping")
    parser.add_argument("--sentences", type=int, help="held-out sentences to compare (default: all)")
    parser.add_argument("--runs", type=int, default=0, help="timed runs of each form (default: none)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(console.guarded(main))
