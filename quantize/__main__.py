"""`python -m quantize`: float ONNX + ranges -> QDQ INT8 for each target, in `build/quantize/<target>/`."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export_onnx import console
from export_onnx.contracts import BUCKETS, HALVES, QUANTIZED, STAGES, VOCODER
from export_onnx.cut import cut
from export_onnx.provenance import Report, code_digest, completed, is_up_to_date, signature, start, versions
from export_onnx.storage import ModelFolder, load
from quantize.baselines import compare_with_baselines
from quantize.decide import default_blocklist, excluded_groups, searched_blocklist, write_blocklist
from quantize.fold_time import fold_time
from quantize.full_size import full_size_share
from quantize.full_size_weights import size_goal
from quantize.gates import FLOORS, check_bucket, check_durations, check_forbidden, check_sound
from quantize.groups import conv_groups, quantized_nodes
from quantize.inputs import Inputs, gather
from quantize.multiply_adds import conv_share
from quantize.prepare import apply, prepare
from quantize.range_table import range_table, summary, write_ranges
from quantize.recipes import RECIPES, Recipe, recipe
from quantize.sizes import megabytes_by_stage
from quantize.text_stages import TextSide, choose_text_side
from quantize.verify import Judge, average, rounded


def main(arguments: list[str] | None = None) -> int:
    """Decides, quantizes, listens, reports; one folder a target."""
    options = parse(arguments)
    source, calibrated = options.build / "export_onnx", options.build / "calibrate"
    buckets = [bucket for bucket in BUCKETS if f"{bucket.seconds:g}" in options.buckets]
    everything = [*(stage.name for stage in STAGES), VOCODER.name]
    exported = completed(source, "export_onnx", everything, [bucket.name for bucket in buckets])
    ranged = completed(calibrated, "calibrate", [VOCODER.name, *options.stages])
    inputs: Inputs | None = None
    for target in options.targets:
        chosen, folder = recipe(target), options.build / "quantize" / target
        wanted = signature(
            exported=exported["signature"],
            calibrated=ranged["signature"],
            buckets=[bucket.name for bucket in buckets],
            target=target,
            stages=options.stages,
            search=options.search,
            compare=options.compare,
            code=code_digest("quantize"),
            versions=versions(),
        )
        if is_up_to_date(folder, wanted):
            console.say(f"{folder} is up to date")
            continue
        inputs = inputs or gather(source, calibrated, ranged["split"], buckets)
        if folder.exists():
            shutil.rmtree(folder)
        start(folder)
        report = Report(folder, wanted, {"target": target, "weights": exported["weights"], "because": chosen.because})
        report.facts |= {"stages": options.stages, "buckets": [bucket.name for bucket in buckets]}
        facts = make_target(inputs, chosen, folder, options.stages, options.search, options.compare)
        whole = report.write(facts)
        say_result(chosen, whole)
    return 0


def make_target(
    inputs: Inputs, chosen: Recipe, folder: Path, stages: Sequence[str], search: bool, compare: bool
) -> dict[str, Any]:
    """Every stage of every bucket into `folder`, those not among `stages` in float; what was decided and measured.

    Raises:
        ParityError: a gate.
    """
    judge, bits, first = inputs.judge, chosen.activation_bits, inputs.buckets[0]
    model, seen = load(inputs.source / f"{VOCODER.name}_{first.name}.onnx"), inputs.statistics[VOCODER.name]
    groups = conv_groups(model)
    blocklist = (
        searched_blocklist(chosen, model, seen, inputs.searcher, inputs.moments)
        if search
        else default_blocklist(chosen, groups)
    )
    excluded = excluded_groups(blocklist) if VOCODER.name in stages else tuple(groups)
    check_forbidden(chosen.name, excluded)
    nodes = quantized_nodes(groups, excluded)
    if (bits, nodes) not in inputs.prepared:  # targets may ask for the same
        inputs.prepared[bits, nodes] = prepare(model, seen, nodes, bits, moments=inputs.moments)
    prepared = inputs.prepared[bits, nodes]
    parts = 1 + len(inputs.buckets) * (len(STAGES) - len(HALVES) + 1)
    with ModelFolder(folder) as models, console.progress(f"quantize {chosen.name}", parts) as advance:
        advance("try the text stages")
        text_side = TextSide(None, (), ())
        if "bert" in stages:
            text_side = choose_text_side(inputs.text, chosen)
        for bucket in inputs.buckets:
            for name in [VOCODER.name, *(stage.name for stage in STAGES if stage.name not in HALVES)]:
                advance(f"{name} {bucket.name}")
                graph = load(inputs.source / f"{name}_{bucket.name}.onnx")
                if name == VOCODER.name and nodes:
                    graph = apply(graph, prepared)
                    graph = fold_time(graph, bucket.frames) if chosen.folds_time else graph
                graph = text_side.apply(name, graph)
                for part, ships in (cut(graph) if name == VOCODER.name else {name: graph}).items():
                    models.save(ships, f"{part}_{bucket.name}")
    megabytes = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    write_blocklist(folder, blocklist)
    ranges = range_table(model, seen, prepared)
    write_ranges(folder, ranges)
    scores = judge.score(folder)
    quality = check_sound(f"{chosen.name}, {VOCODER.name} {first.name}", scores, FLOORS[bits])
    for other in inputs.elsewhere:
        check_bucket(f"{chosen.name}, {other.bucket.name}", folder, other, FLOORS[bits])
    unheard = [s for s, sample in zip(scores, judge.samples, strict=True) if sample.utterance.voice == _last(judge)]
    facts: dict[str, Any] = {
        "quality": {
            "held_out": rounded(quality),
            "held_out_voice": rounded(average(unheard)),
            "sentences": len(scores),
            "bucket": first.name,
            "meets_goal": FLOORS[bits].meets_goal(quality),
            "frames_per_token": check_durations(chosen.name, folder, first, judge.samples),
        },
        "blocklist": excluded,
        "convolution_share": round(conv_share(model, nodes), 4),
        "convolution_share_full_size": round(full_size_share(excluded), 4),
        "ranges": summary(ranges) if ranges else {},
        "text_stages": text_side.facts(),
        "megabytes": round(megabytes, 1),
        "megabytes_by_stage": megabytes_by_stage(folder, [s.name for s in STAGES], [b.name for b in inputs.buckets]),
        "size_goal": size_goal(excluded, text_side, on_cpu=VOCODER.name in chosen.compact),
    }
    if compare:
        table = compare_with_baselines(model, seen, nodes, bits, judge, inputs.moments)
        facts["comparison"] = {name: rounded(q) for name, q in table.items()}
    return facts


def _last(judge: Judge) -> str:
    """The held-out voice: the last by name, as `corpus.make_split` chooses it."""
    return max(sample.utterance.voice for sample in judge.samples)


def say_result(chosen: Recipe, whole: dict[str, Any]) -> None:
    """One line for the target, and the table where one was made."""
    quality = whole["quality"]["held_out"]
    console.say(
        f"{chosen.name}: {quality['snr_db']:.1f} dB, log-mel {quality['mel_db']:.2f} dB, "
        f"{whole['convolution_share']:.1%} of the convolutions' multiply-adds "
        f"({whole['convolution_share_full_size']:.1%} at full size), {whole['megabytes']:.1f} MB "
        f"({whole['size_goal']['megabytes']['total']:.0f} at full size, "
        f"{'within' if whole['size_goal']['met'] else 'beyond'} {whole['size_goal']['goal']:g}), "
        f"{whole['seconds']:.0f} s, {whole['peak_memory_mb']} MB at the peak"
    )
    for name, row in whole.get("comparison", {}).items():
        console.say(f"    {name:30s} {row['snr_db']:6.1f} dB {row['mel_db']:6.2f} dB log-mel")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line: paths and names."""
    parser = console.Parser(prog="python -m quantize", description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("build"), help="where steps read and write")
    parser.add_names("--targets", [r.name for r in RECIPES], "a folder each")
    parser.add_names("--buckets", [f"{bucket.seconds:g}" for bucket in BUCKETS], "seconds")
    parser.add_names("--stages", QUANTIZED, "the rest stays float, and `selector` refuses the folder")
    parser.add_argument("--search", action="store_true", help="search a block-list instead of the committed one")
    parser.add_argument("--compare", action="store_true", help="measure the ordinary ways beside ours")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(console.guarded(main))
