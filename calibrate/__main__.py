"""`python -m calibrate`: float ONNX + sentences x voices -> value ranges and kept speech, in `build/calibrate/`."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from calibrate import store
from calibrate.capture import BEFORE_SOUND, Skipped, graphs_of, make_probe, speak_all
from calibrate.corpus import PARTS, Split, Utterance, make_split
from calibrate.ranges import METHODS
from calibrate.speech import SPEECH, Sample, write_sample
from calibrate.statistics import ChannelStatistics
from export_onnx import console
from export_onnx.buckets import BUCKETS, Bucket, sentence_bucket
from export_onnx.build_lock import build_lock
from export_onnx.contracts import QUANTIZED
from export_onnx.errors import ContractError
from export_onnx.provenance import Report, completed, depends_on, is_up_to_date, signature, start

SENTENCES: Final = 64
SEARCH: Final = 8
HELD_OUT: Final = 16

Collected = dict[str, dict[str, ChannelStatistics]]


def main(arguments: list[str] | None = None) -> int:
    """Speaks the corpus in float, records the NPU stages' convolutions, writes ranges, keeps the speech."""
    options = parse(arguments)
    with build_lock(options.build):
        return _calibrate(options)


def _calibrate(options: argparse.Namespace) -> int:
    source, folder = options.build / "export_onnx", options.build / "calibrate"
    bucket = sentence_bucket([b for b in BUCKETS if f"{b.seconds:g}" in options.buckets])
    stages = tuple(stage for stage in QUANTIZED if stage in options.stages)
    exported = completed(source, "export_onnx", (*BEFORE_SOUND, *stages), [bucket.name])
    voices = sorted(file.stem for file in (source / "voices").glob("*.npy"))
    split = make_split(options.corpus, voices, options.sentences, SEARCH, HELD_OUT)
    heard = {"weights": signature(weights=exported["weights"])} | graphs_of(source, bucket.name, stages)
    asked = {"split": split.facts(), "bucket": bucket.name, "method": options.method}
    wanted = signature(heard=heard, **asked, **depends_on("calibrate"))
    if is_up_to_date(folder, wanted):
        console.say(f"{folder} is up to date")
        return 0
    start(folder)
    shutil.rmtree(folder / SPEECH, ignore_errors=True)
    report = Report(folder, wanted, {"weights": exported["weights"], "stages": stages, "made_from": heard})
    report.facts |= {"bucket": bucket.name, "method": options.method}
    collected, used, skipped = collect(source, bucket, split, stages, folder)
    if not used:
        raise ContractError(
            f"bucket {bucket.name}",
            expected="at least one sentence that fits",
            got="none",
            todo="Take larger --buckets, or shorter sentences.",
        )
    store.write_statistics(folder, collected, used, options.method)
    kept = {part: keep_speech(source, bucket, getattr(split, part), folder, part) for part in PARTS[1:]}
    whole = report.write({"samples": used, **kept, "skipped": [_reason(s) for s in skipped], "split": split.facts()})
    tensors = sum(len(stage) for stage in collected.values())
    console.say(
        f"{tensors} tensors from {used} sentences ({len(skipped)} did not fit {bucket.name}) "
        f"in {whole['seconds']:.0f} s, {whole['peak_memory_mb']} MB at the peak"
    )
    return 0


def collect(
    source: Path,
    bucket: Bucket,
    split: Split,
    stages: Sequence[str] = QUANTIZED,
    folder: Path | None = None,
) -> tuple[Collected, int, list[Skipped]]:
    """Runs the calibration part and records statistics of the NPU stages' convolutions.

    Args:
        folder: where the sentences are kept; None keeps none.

    Returns:
        The statistics by stage and value, the number of sentences, and those that do not fit the bucket.
    """
    probes = [make_probe(source, stage, bucket) for stage in stages]
    collected: Collected = {probe.stage: {} for probe in probes}
    used, skipped = 0, list[Skipped]()
    with console.progress("calibrate", len(split.calibration)) as advance:
        for spoken in speak_all(source, bucket, _watched(split.calibration, advance)):
            if isinstance(spoken, Skipped):
                skipped.append(spoken)
                continue
            if folder is not None:
                write_sample(folder, PARTS[0], used, spoken)
            used += 1
            for probe in probes:
                for name, steps in probe.run(spoken):
                    seen = collected[probe.stage].setdefault(name, ChannelStatistics(steps.shape[0]))
                    seen.add(steps)
    return collected, used, skipped


def keep_speech(source: Path, bucket: Bucket, utterances: Sequence[Utterance], folder: Path, part: str) -> int:
    """Speaks another part through the whole float chain, keeps the sentences that fit the bucket, and counts them."""
    with console.progress(f"speak, {part.replace('_', ' ')}", len(utterances)) as advance:
        spoken = speak_all(source, bucket, _watched(utterances, advance), sound=True)
        kept = [sample for sample in spoken if isinstance(sample, Sample)]
    for number, sample in enumerate(kept):
        write_sample(folder, part, number, sample)
    return len(kept)


def _watched(utterances: Sequence[Utterance], advance: Callable[[str], None]) -> Iterator[Utterance]:
    for utterance in utterances:
        advance(utterance.voice)
        yield utterance


def _reason(skipped: Skipped) -> dict[str, str]:
    return {"text": skipped.utterance.text, "reason": skipped.reason}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line: paths and names."""
    parser = console.Parser(prog="python -m calibrate", description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("build"), help="where steps read and write")
    parser.add_argument("--corpus", help="text, csv, json or parquet file, or a hub name (default: our sentences)")
    parser.add_argument("--sentences", type=int, default=SENTENCES, help=f"how many (default: {SENTENCES})")
    names = [f"{bucket.seconds:g}" for bucket in BUCKETS]
    parser.add_names("--buckets", names, "in seconds; the one that holds ordinary sentences is taken and serves all")
    parser.add_names("--stages", QUANTIZED, "`quantize` refuses to work without one it needs")
    parser.add_argument("--method", default=METHODS[0], choices=METHODS, help="how ranges are chosen")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(console.guarded(main))
