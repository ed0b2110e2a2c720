"""`python -m quantize`: float ONNX + ranges -> QDQ INT8 for each target, in `build/quantize/<target>/`."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from calibrate.capture import graphs_of
from export_onnx import console
from export_onnx.buckets import BUCKETS, sentence_bucket
from export_onnx.build_lock import build_lock
from export_onnx.contracts import GRAPHS, QUANTIZED, STAGES, VOCODER
from export_onnx.graph.multiply_adds import share_of_work
from export_onnx.graph.shared_weights import ModelFolder, load
from export_onnx.provenance import (
    Report,
    completed,
    depends_on,
    is_up_to_date,
    refuse_other_birth,
    signature,
    start,
)
from quantize.blocklists import has_own_list
from quantize.float_build import FloatBuild, gather
from quantize.gates import check_bucket, check_durations, check_sound, standard
from quantize.recipes import RECIPES, Recipe, recipe
from quantize.report.range_table import range_table, summarize_ranges, write_ranges
from quantize.report.sizes import megabytes_by_stage, size_goal
from quantize.sound.baselines import compare_with_baselines
from quantize.sound.choose_blocklist import conv_work, convolutions, excluded_convolutions, write_blocklist
from quantize.target_plan import TargetPlan, plan_target

COMPARED: Final = "nnapi"  # the target that the ordinary ways to 8 bits are compared with


def main(arguments: list[str] | None = None) -> int:
    """Decides, quantizes, listens and reports, into one folder per target."""
    options = parse(arguments)
    with build_lock(options.build):
        return _quantize(options)


def _quantize(options: argparse.Namespace) -> int:
    source, calibrated = options.build / "export_onnx", options.build / "calibrate"
    buckets = [bucket for bucket in BUCKETS if f"{bucket.seconds:g}" in options.buckets]
    everything = [*(stage.name for stage in STAGES), *GRAPHS]
    asked = dict.fromkeys(bucket for target in options.targets for bucket in recipe(target).buckets(buckets))
    exported = completed(source, "export_onnx", everything, [bucket.name for bucket in (*buckets, *asked)])
    ranged = completed(calibrated, "calibrate", [VOCODER.name, *options.stages])
    refuse_other_calibration(source, calibrated, exported, ranged)
    depends = depends_on("quantize")
    build: FloatBuild | None = None
    for target in options.targets:
        chosen, folder = recipe(target), options.build / "quantize" / target
        made = [bucket.name for bucket in chosen.buckets(buckets)]
        wanted = signature(
            exported=exported["signature"],
            calibrated=ranged["signature"],
            buckets=[sentence_bucket(buckets).name, *made],  # plans are made in the first one
            target=target,
            stages=options.stages,
            search=options.search,
            **depends,
        )
        compare = options.compare and target == COMPARED
        if is_up_to_date(folder, wanted) and not (compare and "comparison" not in completed(folder, "quantize")):
            console.say(f"{folder} is up to date")
            continue
        build = build or gather(source, calibrated, exported["weights"], ranged["split"], buckets)
        if folder.exists():
            shutil.rmtree(folder)
        start(folder)
        report = Report(folder, wanted, {"target": target, "weights": exported["weights"], "because": chosen.because})
        report.facts["made_from"] = {"export_onnx": exported["signature"], "calibrate": ranged["signature"]}
        report.facts |= {"stages": options.stages, "buckets": made}
        facts = make_target(build, chosen, folder, options.stages, options.search, compare)
        whole = report.write(facts)
        say_result(chosen, whole)
        if not options.search and not has_own_list(exported["weights"]["name"]):
            console.say(
                "    block-list: Kokoro-82M's, which nobody measured on these weights. Where the figures above are too "
                "low, `python -m quantize --search` makes a list of their own."
            )
    return 0


def refuse_other_calibration(
    source: Path, calibrated: Path, exported: Mapping[str, Any], ranged: Mapping[str, Any]
) -> None:
    """That the ranges belong to the float stages: same weights, same graphs.

    Raises:
        ContractError: they are of another export.
    """
    heard = ranged.get("made_from", {})
    now = {"weights": signature(weights=exported["weights"])}
    if heard.get("weights") == now["weights"]:
        now |= graphs_of(source, ranged["bucket"], ranged["stages"])
    refuse_other_birth(calibrated, "calibrate", heard, now)


def make_target(
    build: FloatBuild, chosen: Recipe, folder: Path, stages: Sequence[str], search: bool, compare: bool
) -> dict[str, Any]:
    """Writes every stage of every bucket into `folder`, judges it, and gives the decisions and measurements.

    Args:
        stages: those to quantize; the others stay in float.
        search: whether to search a block-list.
        compare: whether to measure the ordinary ways to 8 bits, too.

    Raises:
        ParityError: a gate rejects the result.
    """
    plan = plan_target(build, chosen, stages, search)
    write_models(build, plan, folder)
    write_blocklist(folder, plan.blocklist)
    ranges = range_table(build.vocoder, build.statistics[VOCODER.name], plan.vocoder)
    write_ranges(folder, ranges)
    megabytes = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    made = chosen.buckets(build.buckets)
    facts: dict[str, Any] = {
        "quality": judge_target(build, chosen, folder),
        "blocklist": excluded_convolutions(plan.blocklist) if VOCODER.name in stages else convolutions(build.vocoder),
        "float_channels": {name: list(channels) for name, channels in plan.vocoder.floats.items()},
        "convolution_share": round(share_of_work(conv_work(build.vocoder), plan.vocoder.qdq.nodes), 4),
        "ranges": summarize_ranges(ranges) if ranges else {},
        "text_stages": plan.text.facts(),
        "megabytes": round(megabytes, 1),
        "size_goal": size_goal(chosen.name, megabytes, build.source, chosen.dynamic or len(made) >= len(BUCKETS)),
        "megabytes_by_stage": megabytes_by_stage(folder, [s.name for s in STAGES], [b.name for b in made]),
    }
    if compare:
        facts["comparison"] = compare_with_baselines(build, plan.vocoder.qdq.nodes, chosen.activation_bits)
    return facts


def write_models(build: FloatBuild, plan: TargetPlan, folder: Path) -> None:
    """Writes every stage of every bucket into `folder`."""
    buckets = plan.recipe.buckets(build.buckets)
    parts = len(buckets) * len(GRAPHS)
    with ModelFolder(folder) as models, console.progress(f"quantize {plan.recipe.name}", parts) as advance:
        for bucket in buckets:
            for name in GRAPHS:
                advance(f"{name} {bucket.name}")
                graph = load(build.source / f"{name}_{bucket.name}.onnx")
                for stage, model in plan.models(name, graph, bucket).items():
                    models.save(model, f"{stage}_{bucket.name}")


def judge_target(build: FloatBuild, chosen: Recipe, folder: Path) -> dict[str, Any]:
    """Measures how a folder sounds on held-out sentences, and checks that it runs in every bucket.

    Raises:
        ParityError: a gate rejects the folder.
    """
    judge = build.judge_of(chosen)
    first = judge.bucket
    held_to = standard(chosen.activation_bits, build.weights["source"])
    scores = judge.score(folder)
    whole = check_sound(f"{chosen.name}, {VOCODER.name} {first.name}", scores, held_to.floor)
    for other in (judge.first(1),) if first.dynamic else build.elsewhere:
        check_bucket(f"{chosen.name}, {other.bucket.name}", folder, other, held_to.floor)
    groups = judge.by_group(scores)
    missed = held_to.goal.missed(whole, [groups[voice] for voice in {s.utterance.voice for s in judge.samples}])
    return {
        "groups": {name: group.facts() for name, group in groups.items()},
        "unheard": list(judge.unheard),
        "bucket": first.name,
        "meets_goal": not missed,
        "missed": [f"{expected}: {got}" for expected, got in missed],
        "durations": check_durations(chosen.name, folder, first, judge.samples),
    }


def say_result(chosen: Recipe, whole: dict[str, Any]) -> None:
    """Prints one line for the target, one per missed goal, and the comparison if one was made."""
    quality = whole["quality"]
    console.say(
        f"{chosen.name}: {_heard(quality['groups']['all'])}; "
        f"{whole['convolution_share']:.1%} of the convolutions' multiply-adds in integers, "
        f"{whole['megabytes']:.1f} MB, {whole['seconds']:.0f} s, {whole['peak_memory_mb']} MB at the peak"
    )
    for line in quality["missed"]:
        console.say(f"    goal missed: {line}")
    size = whole["size_goal"]
    if size and not size["met"]:
        console.say(f"    goal missed: at most {size['goal']:g} MB with voices: {size['with_voices']:.1f} MB")
    for name, row in whole.get("comparison", {}).items():
        console.say(f"    {name:36s} {_heard(row)}")


def _heard(summary: dict[str, Any]) -> str:
    mean, worst = summary["mean"], summary["worst"]
    return (
        f"PESQ {mean['pesq']:.2f} (worst {worst['pesq']:.2f}), "
        f"log-mel {mean['mel_db']:.2f} dB ({worst['mel_db']:.2f}), "
        f"STOI {mean['stoi']:.3f}, SNR {mean['snr_db']:.1f} dB ({worst['snr_db']:.1f})"
    )


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line: paths and names."""
    parser = console.Parser(prog="python -m quantize", description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("build"), help="where steps read and write")
    parser.add_names("--targets", [r.name for r in RECIPES], "each in a folder of its own")
    parser.add_names("--buckets", [f"{bucket.seconds:g}" for bucket in BUCKETS], "in seconds")
    parser.add_names("--stages", QUANTIZED, "the others stay in float, and `selector` refuses the folder")
    parser.add_argument("--search", action="store_true", help="search a block-list instead of taking the committed one")
    parser.add_argument("--compare", action="store_true", help=f"compare {COMPARED} with the ordinary ways to 8 bits")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(console.guarded(main))
