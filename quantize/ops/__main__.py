"""`python -m quantize.ops`: the vocoder of `build/quantize/cpu/` with fused operators, in `build/quantize/cpu-fused/`.

The library that the models need must be built before (`make ops`)."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any, Final

import onnx

from calibrate.speech import read_samples
from export_onnx import console
from export_onnx.build_lock import build_lock
from export_onnx.contracts import HALVES, VOCODER
from export_onnx.errors import ContractError
from export_onnx.graph.shared_weights import ModelFolder, load
from export_onnx.provenance import Report, completed, sha256, signature, start
from export_onnx.run.sessions import SessionSettings
from quantize.ops.build_library import OPS_LIBRARY
from quantize.ops.fuse_graph import Fused, fuse_graph
from quantize.ops.fused_proof import VocoderSessions, check_fused, compare_fused, time_fused, without_padding

THREADS: Final = (1, 2)
MASK: Final = "frame_mask"  # the input that graphs of free length do not have


def main(arguments: list[str] | None = None) -> int:
    """Fuses every bucket, proves the sound of the first, measures its time, and reports."""
    options = parse(arguments)
    with build_lock(options.build):
        return _fuse(options)


def _fuse(options: argparse.Namespace) -> int:
    source, folder = options.build / "quantize" / "cpu", options.build / "quantize" / "cpu-fused"
    library = options.library or options.build / "ops" / OPS_LIBRARY
    if not library.is_file():
        raise ContractError(str(library), expected="the library", got="none", todo="Run `make ops`.")
    made = completed(source, "quantize --targets cpu", [VOCODER.name])
    if folder.exists():
        shutil.rmtree(folder)
    start(folder)
    wanted = signature(made_from=made["signature"], library=sha256(library))
    report = Report(folder, wanted, {"target": "cpu", "weights": made["weights"], "buckets": made["buckets"]})
    stock: dict[str, dict[str, onnx.ModelProto]] = {}
    fused: dict[str, dict[str, Fused]] = {}
    with ModelFolder(folder) as models:
        for bucket in made["buckets"]:
            stock[bucket] = {half: load(source / f"{half}_{bucket}.onnx") for half in HALVES}
            fused[bucket] = {half: fuse_graph(model) for half, model in stock[bucket].items()}
            for half, graph in fused[bucket].items():
                models.save(graph.model, f"{half}_{bucket}")
    first = made["buckets"][0]
    graphs = {half: graph.model for half, graph in fused[first].items()}
    facts = _measure(options, source / f"tail_{first}.onnx", stock[first], graphs, library)
    facts["fused"] = {
        half: {
            "sites": len(graph.sites),
            "convolutions": len(graph.convolutions),
            "with_float_sums": len(graph.integers),
            "of_floats": len(graph.floats),
            "sums": len(graph.sums),
        }
        for half, graph in fused[first].items()
    }
    report.write(facts)
    _say(folder, facts)
    return 0


def _measure(
    options: argparse.Namespace,
    tail: Path,
    stock: dict[str, onnx.ModelProto],
    fused: dict[str, onnx.ModelProto],
    library: Path,
) -> dict[str, Any]:
    """The sound, which is judged, and the time in turns."""
    samples = read_samples(options.build / "calibrate", "held_out", options.sentences)
    if not any(port.name == MASK for port in stock[HALVES[0]].graph.input):
        config = json.loads((options.build / "export_onnx" / "config.json").read_text(encoding="utf-8"))
        samples = [without_padding(sample, config) for sample in samples]
    seconds = {}
    for threads in THREADS:
        settings = SessionSettings(threads=threads, libraries=(library,))
        pair = VocoderSessions.of(stock, tail, settings), VocoderSessions.of(fused, tail, settings)
        if threads == THREADS[0]:
            sound = compare_fused(*pair, samples)
            check_fused(sound)
        if options.runs:
            seconds[str(threads)] = time_fused(*pair, samples[0], options.runs)
    return {"sound": sound.facts(), "seconds_by_threads": seconds}


def _say(folder: Path, facts: dict[str, Any]) -> None:
    sound = facts["sound"]
    console.say(f"{folder}: {facts['fused']}")
    console.say(f"    PESQ {sound['fused']['pesq']:.2f}, with stock operators {sound['stock']['pesq']:.2f}")
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
    parser.add_argument("--sentences", type=int, default=4, help="held-out sentences to compare (default: 4)")
    parser.add_argument("--runs", type=int, default=5, help="timed runs; 0 for none (default: 5)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(console.guarded(main))
