"""`python -m quantize`: float ONNX + ranges -> QDQ INT8 for each target, in `build/quantize/<target>/`."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import onnx

from calibrate import store
from calibrate.capture import Sample, speak
from calibrate.corpus import Utterance
from calibrate.ranges import Range, choose
from export_onnx import console
from export_onnx.contracts import BUCKETS, STAGES, Bucket
from export_onnx.errors import ContractError
from export_onnx.provenance import Report, code_digest, is_up_to_date, read_report, signature, start, versions
from export_onnx.storage import ModelFolder, load
from quantize.multiply_adds import conv_share
from quantize.qdq import Plan, quantize_convolutions
from quantize.recipes import RECIPES, Recipe, recipe
from quantize.verify import average, make_judge, rounded

FLOAT_ALWAYS: Final = ("/conv_post/Conv",)  # 30 dB of noise in silence at 8 bits; see quantize/gates.py


def main(arguments: list[str] | None = None) -> int:
    """Quantizes, listens, reports; one folder a target."""
    options = parse(arguments)
    source, calibrated = options.build / "export_onnx", options.build / "calibrate"
    exported, ranged = completed(source, "export_onnx"), completed(calibrated, "calibrate")
    buckets = [bucket for bucket in BUCKETS if f"{bucket.seconds:g}" in options.buckets]
    for target in options.targets:
        chosen = recipe(target)
        folder = options.build / "quantize" / target
        wanted = signature(
            exported=exported["signature"],
            calibrated=ranged["signature"],
            buckets=[bucket.name for bucket in buckets],
            target=target,
            code=code_digest("quantize"),
            versions=versions(),
        )
        if is_up_to_date(folder, wanted):
            console.say(f"{folder} is up to date")
            continue
        if folder.exists():
            shutil.rmtree(folder)
        start(folder)
        report = Report(folder, wanted, {"target": target, "weights": exported["weights"], "because": chosen.because})
        facts = make_target(source, store.read(calibrated), chosen, buckets, folder)
        facts["quality"] = judge(source, folder, buckets[0], ranged["split"])
        whole = report.write(facts)
        quality = facts["quality"]["held_out"]
        console.say(
            f"{target}: {quality['snr_db']:.1f} dB, log-mel {quality['mel_db']:.2f} dB, "
            f"{facts['convolution_share']:.1%} of the convolutions' multiply-adds, {facts['megabytes']:.1f} MB, "
            f"{whole['seconds']:.0f} s"
        )
    return 0


def make_target(
    source: Path, statistics: store.Statistics, chosen: Recipe, buckets: list[Bucket], folder: Path
) -> dict[str, Any]:
    """Every stage of every bucket into `folder`, quantized or as it was."""
    share = 0.0
    excluded: list[str] = []
    with (
        ModelFolder(folder) as models,
        console.progress(f"quantize {chosen.name}", len(buckets) * len(STAGES)) as advance,
    ):
        for bucket in buckets:
            for stage in STAGES:
                advance(f"{stage.name} {bucket.name}")
                model = load(source / f"{stage.name}_{bucket.name}.onnx")
                if stage.name == "vocoder":
                    plan = make_plan(model, statistics["vocoder"], chosen)
                    excluded = [n.name for n in model.graph.node if n.op_type == "Conv" and n.name not in plan.nodes]
                    share = conv_share(model, plan.nodes)
                    model = quantize_convolutions(model, plan)
                models.save(model, f"{stage.name}_{bucket.name}")
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    return {"convolution_share": share, "float_convolutions": excluded, "megabytes": round(size, 1)}


def make_plan(model: onnx.ModelProto, statistics: Mapping[str, store.Channels], chosen: Recipe) -> Plan:
    """All convolutions but those that are never quantized, each with its own range."""
    nodes = tuple(n.name for n in model.graph.node if n.op_type == "Conv" and n.name not in FLOAT_ALWAYS)
    ranges: dict[str, Range] = {
        name: choose(seen.histogram(), "mse", chosen.activation_bits) for name, seen in statistics.items()
    }
    return Plan(nodes, ranges, chosen.activation_bits, {})


def judge(source: Path, folder: Path, bucket: Bucket, split: Mapping[str, Any]) -> dict[str, Any]:
    """The held-out part through the written vocoder."""
    utterances = [Utterance(**u) for u in split["held_out"]]
    samples = [spoken for spoken in speak(source, bucket, utterances) if isinstance(spoken, Sample)]
    scores = make_judge(source, bucket, samples).score(folder / f"vocoder_{bucket.name}.onnx")
    return {"held_out": rounded(average(scores)), "sentences": len(scores), "bucket": bucket.name}


def completed(folder: Path, step: str) -> dict[str, Any]:
    """A step's report.

    Raises:
        ContractError: the step has not completed.
    """
    report = read_report(folder)
    if report is None:
        raise ContractError(str(folder), expected="a completed step", got="none", todo=f"Run `python -m {step}`.")
    return report


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line: paths and names."""
    parser = argparse.ArgumentParser(prog="python -m quantize", description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("build"), help="where steps read and write")
    targets = [r.name for r in RECIPES]
    parser.add_argument("--targets", nargs="+", default=targets, choices=targets, help="default: all")
    names = [f"{bucket.seconds:g}" for bucket in BUCKETS]
    parser.add_argument("--buckets", nargs="+", default=names, choices=names, help="seconds (default: all)")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(console.guarded(main))
