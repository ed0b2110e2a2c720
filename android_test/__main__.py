"""`python -m android_test coverage build/quantize/nnapi build/quantize/qnn`: what the NPU takes, and the proof."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from android_test.coverage import LEVELS, NPU_STAGES, Settings, check, find_variants
from android_test.coverage_report import report_of, show, write_report
from android_test.nnapi_rules import NnapiOptions
from android_test.nnapi_tables import DEFAULT_LEVEL, FEATURE_LEVELS
from android_test.qnn_host import DEFAULT_SOCS, GIB, SOCS, Limits
from export_onnx import console
from export_onnx.contracts import BUCKETS


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 every variant proves the level asked for, 1 not."""
    options = parse(arguments)
    return coverage(options)


def coverage(options: argparse.Namespace) -> int:
    """Check every NPU stage in the folders, show and write the report."""
    settings = Settings(
        require=options.require,
        floats=options.float,
        buckets=tuple(bucket for bucket in BUCKETS if f"{bucket.seconds:g}" in options.buckets),
        stages=tuple(stage for stage in NPU_STAGES if stage in options.stages),
        socs=tuple(options.socs),
        nnapi=NnapiOptions(options.feature_level, options.weights_from_memory),
        limits=Limits(options.time_limit, int(options.memory_limit * GIB)),
    )
    variants = [
        variant for folder in options.folders for variant in find_variants(folder, settings.buckets, settings.stages)
    ]
    results = []
    with console.progress("coverage", len(variants)) as advance:
        for variant in variants:
            advance(f"{variant.target} {variant.stage} {variant.bucket.name}")
            results.append(check(variant, settings))
    report = report_of(results, settings)
    show(report)
    path = write_report(report, options.build / "android_test" / "coverage")
    verdict = "every variant is covered" if report["passed"] else "NOT covered"
    console.say(f"{verdict} at the level {options.require}; see {path}")
    return 0 if report["passed"] else 1


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line: paths and names."""
    parser = console.Parser(prog="python -m android_test", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    step = steps.add_parser("coverage", help="no phone needed: rules, Qualcomm's compiler, its simulation")
    step.add_argument("folders", nargs="+", type=Path, help="named for their target: …/nnapi, …/qnn")
    step.add_argument("--require", choices=LEVELS, default="rules", help="level to prove (default: rules)")
    step.add_argument("--float", type=Path, default=Path("build/export_onnx"), help="folder of the float stages")
    step.add_names("--buckets", [f"{bucket.seconds:g}" for bucket in BUCKETS], "seconds")
    step.add_names("--stages", NPU_STAGES, "`selector` refuses what lacks one")
    step.add_argument("--socs", nargs="+", choices=sorted(SOCS), default=list(DEFAULT_SOCS), help="chips")
    step.add_argument("--feature-level", type=int, choices=FEATURE_LEVELS, default=DEFAULT_LEVEL, help="NNAPI's")
    step.add_argument("--weights-from-memory", action="store_true", help="the runner loads weights.bin itself")
    step.add_argument("--time-limit", type=float, default=900, help="seconds a compilation (default: 900)")
    step.add_argument("--memory-limit", type=float, default=18, help="GiB a compilation (default: 18)")
    step.add_argument("--build", type=Path, default=Path("build"), help="where steps write (default: build)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(console.guarded(main))
