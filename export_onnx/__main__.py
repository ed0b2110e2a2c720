"""`python -m export_onnx`: checkpoint -> checked float ONNX, per stage and bucket, in `build/export_onnx/`.

The graphs of free lengths, for the CPU, are always among them.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from export_onnx import console
from export_onnx.buckets import BUCKETS, DYNAMIC, Bucket
from export_onnx.build_lock import build_lock
from export_onnx.checkpoint.weights import Weights, load_weights
from export_onnx.contract_table import stages_table
from export_onnx.contracts import GRAPHS, MERGED, STAGES, sizes, stage
from export_onnx.graph.export import export_stages
from export_onnx.graph.merge import merge
from export_onnx.graph.shared_weights import ModelFolder
from export_onnx.proof import parity
from export_onnx.proof.proof_text import proof_texts
from export_onnx.provenance import Report, code_digest, completed, is_up_to_date, signature, start, versions

PROOF_FILL = 0.93  # of a fixed bucket's frames, for the sound stages
PROOF_FRAMES = (29, 371, DYNAMIC.frames)  # of free lengths


def main(arguments: list[str] | None = None) -> int:
    """Exports, checks, compares with the original, reports."""
    options = parse(arguments)
    if options.table:
        print(stages_table())
        return 0
    if options.who:
        console.say(who(completed(options.build / "export_onnx", "export_onnx")["weights"]))
        return 0
    with build_lock(options.build):
        return _export(options)


def _export(options: argparse.Namespace) -> int:
    folder = options.build / "export_onnx"
    weights = load_weights(options.weights, options.build / "weights")
    took = chosen_weights(weights)
    console.say(took)
    buckets = [*(bucket for bucket in BUCKETS if f"{bucket.seconds:g}" in options.buckets), DYNAMIC]
    stages = [stage for stage in STAGES if stage.name in options.stages]
    names = [stage.name for stage in stages]
    # If all stages of a graph are exported, the whole graph is written, too: `calibrate` and `quantize` work on it.
    parts = {graph: {stage.name for stage in STAGES if stage.graph == graph} for graph in GRAPHS}
    names += [graph for graph in GRAPHS if graph not in names and parts[graph] <= set(names)]
    made = {"stages": names, "buckets": [bucket.name for bucket in buckets]}
    wanted = signature(
        weights=asdict(weights.identity),
        code=code_digest("export_onnx"),
        stages=made["stages"],
        buckets=[asdict(bucket) for bucket in buckets],
        versions=versions(),
    )
    if is_up_to_date(folder, wanted):
        console.say(f"{folder} is up to date")
    else:
        start(folder)
        report = Report(folder, wanted, {"weights": asdict(weights.identity), **made})
        graphs = export(weights, folder, buckets, names)
        write_checkpoint_data(weights, folder)
        measured = {bucket.name: prove(weights, folder, bucket, made["stages"]) for bucket in buckets}
        whole = report.write({"parity_db": measured, "nodes": graphs})
        console.say(f"exported in {whole['seconds']:.0f} s, {whole['peak_memory_mb']} MB at the peak")
    console.say(took)
    return 0


def who(identity: dict[str, Any]) -> str:
    """The line that names the weights; it is the first and the last line of every run."""
    return f"weights: {identity['name']} ({identity['source']}, {identity['revision']})"


def chosen_weights(weights: Weights) -> str:
    """`who`, and for `auto` the sources that were tried before, with the reasons why they were not taken."""
    return who(asdict(weights.identity)) + "".join(f"; not {reason}" for reason in weights.passed_over)


def export(weights: Weights, folder: Path, buckets: list[Bucket], stages: list[str]) -> dict[str, int]:
    """Exports the stages at every bucket; returns each file's node count.

    If no stage is missing, each fixed bucket gets one merged graph, too.
    """
    nodes: dict[str, int] = {}
    merged = {stage.name for stage in STAGES} <= set(stages)
    parts = len(buckets) * len({stage(name).graph for name in stages})
    parts += merged * sum(not bucket.dynamic for bucket in buckets)
    for old in folder.glob("*.onnx"):  # their weights are about to be replaced
        old.unlink()
    with (
        ModelFolder(folder) as models,
        console.progress("export", parts) as advance,
    ):
        for bucket in buckets:

            def watched(stage: str, bucket: Bucket = bucket) -> None:
                advance(f"{stage} {bucket.name}")

            graphs = export_stages(stages, weights.model, weights.config, bucket, watched)
            if merged and not bucket.dynamic:
                advance(f"{MERGED.name} {bucket.name}")
                graphs[MERGED.name] = merge(graphs, sizes(weights.config, bucket), bucket)
            for name, graph in graphs.items():
                models.save(graph, f"{name}_{bucket.name}")
                nodes[f"{name}_{bucket.name}"] = len(graph.graph.node)
    return nodes


def write_checkpoint_data(weights: Weights, folder: Path) -> None:
    """Writes the checkpoint's config, and its voices as [510, 256] `.npy`, for later steps."""
    (folder / "config.json").write_text(
        json.dumps(weights.config, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    (folder / "voices").mkdir(exist_ok=True)
    for old in (folder / "voices").iterdir():
        old.unlink()
    for name, voice in weights.voices.items():
        np.save(folder / "voices" / f"{name}.npy", voice.numpy())


def prove(weights: Weights, folder: Path, bucket: Bucket, stages: list[str]) -> dict[str, float]:
    """Compares the stages at one bucket with the original; gives the least dB of each stage over the lengths.

    The tests do this at more fills and texts.
    """
    texts = proof_texts(weights.model, next(iter(weights.voices.values())), bucket)
    lengths = PROOF_FRAMES if bucket.dynamic else (round(bucket.frames * PROOF_FILL),)
    measured: list[dict[str, float]] = []
    with console.progress(f"compare {bucket.name} with the original", len(texts) + len(lengths)) as advance:
        for text in texts:
            advance(f"{len(text.ids)} tokens")
            measured.append(parity.text_parity(weights.model, folder, bucket, text.ids, text.style, text.speed, stages))
        for frames in lengths:
            advance(f"{frames} frames")
            measured.append(parity.sound_parity(weights.model, folder, bucket, frames, texts[-1].style, stages))
    names = dict.fromkeys(name for one in measured for name in one)
    result = {name: min(one[name] for one in measured if name in one) for name in names}
    console.say("  ".join(f"{name} {decibels:.0f} dB" for name, decibels in result.items()))
    return {name: round(decibels, 1) for name, decibels in result.items()}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line: paths and names."""
    parser = console.Parser(prog="python -m export_onnx", description=__doc__)
    parser.add_argument(
        "--weights",
        default="auto",
        help="auto | demo | kokoro-82m-int8 | random | random-small | folder | .onnx file | hub name",
    )
    parser.add_argument("--build", type=Path, default=Path("build"), help="where steps write (default: build)")
    parser.add_names("--buckets", [f"{bucket.seconds:g}" for bucket in BUCKETS], "in seconds")
    parser.add_names("--stages", [stage.name for stage in STAGES], "later steps stop without one they need")
    parser.add_argument("--table", action="store_true", help="only print the table of docs/stages.md")
    parser.add_argument("--who", action="store_true", help="only name the weights of the last export")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(console.guarded(main))
