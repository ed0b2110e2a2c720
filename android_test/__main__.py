"""`python -m android_test coverage build/quantize/nnapi build/quantize/qnn`: what the NPU takes, and the proof.
`python -m android_test verify --target nnapi`: the package in dist/ on a phone over adb, and a receipt.
`python -m android_test arm64`: the packages' CPU stages on emulated ARM64 processors, without a phone.
`python -m android_test contexts --socs SM8550`: context binaries for a chip, and their proof on the simulation.
`python -m android_test bench`: builds against other ways to run Kokoro, in one run on this computer.
`python -m android_test compile-table`: what compiling the full-size vocoder costs, by bucket and chip.
`python -m android_test runner-linux`: what `verify` runs, for this computer.
`python -m android_test ops`: the library of fused operators in quantize/ops, for this computer and for 64-bit ARM."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

from android_test.arm64.arm64_report import show_arm64, write_arm64
from android_test.arm64.arm64_tools import build_arm64_machine
from android_test.arm64.emulate import emulate_packages
from android_test.bench.command import add_bench_options, run_bench
from android_test.contexts.make_contexts import ContextSettings, check_before, make_contexts
from android_test.contexts.prove_contexts import SENTENCES, prove_chip
from android_test.coverage.coverage_levels import CoverageSettings, check, check_level, find_variants
from android_test.coverage.coverage_report import (
    inputs_of,
    report_of,
    show_coverage,
    still_holds,
    verdict_in_words,
    write_report,
)
from android_test.coverage.htp import compile_table
from android_test.coverage.htp.htp_host import DEFAULT_SOCS, SOCS
from android_test.coverage.htp.limited_child import GIB, CompileLimits
from android_test.coverage.htp.simulate import Agreement
from android_test.coverage.nnapi.nnapi_rules import NnapiOptions
from android_test.coverage.nnapi.nnapi_tables import DEFAULT_LEVEL, FEATURE_LEVELS
from android_test.device.adb import Phone
from android_test.device.context_models import plain_graphs
from android_test.device.linux_runner import build_runner
from android_test.device.ops_builds import build_ops
from android_test.device.probe import RunSettings
from android_test.device.verify_device import VerifyPlan, verify
from export_onnx import console
from export_onnx.buckets import BUCKETS
from export_onnx.build_lock import build_lock
from export_onnx.contracts import NPU_STAGES
from selector.package.arm64_schema import ARM64_FOLDER, Processor
from selector.package.coverage_schema import LEVELS, REPORT_FOLDER
from selector.package.opened import Package
from selector.package.providers import TARGETS
from selector.package.receipts import PackagedTarget, misses
from selector.speak.to_wav import find_package


def main(arguments: list[str] | None = None) -> int:
    """Runs one of the commands. The exit status is 0 if everything that was requested is proven, else 1."""
    options = parse(arguments)
    if options.step == "compile-table":
        return compile_table.compile_table(options)
    with build_lock(options.build):
        if options.step == "coverage":
            return coverage(options)
        if options.step == "contexts":
            return contexts(options)
        if options.step == "verify":
            return verify_package(options)
        if options.step == "bench":
            return run_bench(options)
        if options.step == "arm64":
            return arm64(options)
        if options.step == "ops":
            return build_ops(options.build, options.if_possible)
        build_runner(options.build / "android_test" / "runner")
        return 0


def coverage(options: argparse.Namespace) -> int:
    """Checks every NPU stage in the folders, shows and writes the report."""
    settings = CoverageSettings(
        require=options.require,
        floats=options.float,
        buckets=tuple(bucket for bucket in BUCKETS if f"{bucket.seconds:g}" in options.buckets),
        stages=tuple(stage for stage in NPU_STAGES if stage in options.stages),
        socs=tuple(options.socs),
        nnapi=NnapiOptions(options.feature_level, options.weights_from_memory),
        limits=CompileLimits(options.time_limit, int(options.memory_limit * GIB)),
        contexts=options.contexts,
        one_context=options.one_context,
        calibrated=options.build / "calibrate",
    )
    variants = [
        variant for folder in options.folders for variant in find_variants(folder, settings.buckets, settings.stages)
    ]
    check_level(variants, settings.require)
    folder, inputs = options.build / REPORT_FOLDER, inputs_of(variants, settings)
    known = None if options.contexts else still_holds(options.build, inputs, options.require)
    if known:
        console.say(f"{folder} is up to date: {verdict_in_words(known)}")
        return 0
    results = []
    crops: dict[str, Agreement] = {}
    with console.progress("coverage", len(variants)) as advance:
        for variant in variants:
            advance(f"{variant.target} {variant.stage} {variant.bucket.name}")
            results.append(check(variant, settings, crops))
    report = report_of(results, settings, inputs)
    show_coverage(report)
    path = write_report(report, folder)
    console.say(f"{verdict_in_words(report)}; see {path}")
    return 0 if report.passed else 1


def verify_package(options: argparse.Namespace) -> int:
    """0 where the receipt holds. A partial one never does; one of CPU stages alone has to run and agree."""
    phone = Phone.find(options.serial)
    package = Package.open(find_package(options.dist, options.target, options.weights, options.build))
    work = options.build / "android_test" / "verify"
    settings = RunSettings(options.warmup, options.runs, options.time_limit)
    runner = options.runner or options.build / "android_test" / "runner" / "android"
    plan = VerifyPlan(package, runner, work, settings, options.buckets, options.stages, options.again)
    plan = replace(plan, plain=plain_graphs(package, options.build))
    return 1 if misses(verify(phone, plan), PackagedTarget.of(package.manifest)) else 0


def target_or_chip(name: str) -> str:
    """A target's name, or `qnn-sm8550` for the package of a chip's contexts.

    Raises:
        argparse.ArgumentTypeError: neither.
    """
    chips = [f"qnn-{soc.lower()}" for soc in SOCS]
    if name.lower() not in (*TARGETS, *chips):
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join((*TARGETS, *chips))}")
    return name.lower()


def arm64(options: argparse.Namespace) -> int:
    """0 where every CPU stage of the packages agrees on every processor."""
    found = [find_package(options.dist, target, options.weights, options.build) for target in options.targets]
    machine = build_arm64_machine(options.build / "android_test" / "runner")
    folder = options.build / ARM64_FOLDER
    report = emulate_packages([Package.open(one) for one in found], machine, options.processors, folder)
    write_arm64(report, folder)
    show_arm64(report)
    return 1 if report.misses() else 0


def contexts(options: argparse.Namespace) -> int:
    """Makes the contexts of each chip, and proves them; 1 if a proof does not hold."""
    if options.check_only:
        check_before(options.socs)
        return 0
    buckets = tuple(bucket for bucket in BUCKETS if f"{bucket.seconds:g}" in options.buckets)
    limits = CompileLimits(options.time_limit, int(options.memory_limit * GIB))
    settings = ContextSettings(options.build, tuple(options.socs), buckets, limits)
    made = make_contexts(settings)
    if not options.prove:
        return 0
    proven = [prove_chip(settings, chip, options.sentences) for chip in made.values()]
    return 0 if all(proof.holds for proof in proven) else 1


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
    step.add_argument("--time-limit", type=float, default=900, help="seconds per compilation (default: 900)")
    step.add_argument("--memory-limit", type=float, default=18, help="GiB per compilation (default: 18)")
    step.add_argument("--contexts", type=Path, help="folder for Qualcomm's context binaries, one per chip")
    step.add_argument("--one-context", action="store_true", help="one for all chips instead")
    step.add_argument("--build", type=Path, default=Path("build"), help="where steps write (default: build)")
    step = steps.add_parser("contexts", help="no phone needed: context binaries per chip, and their proof")
    step.add_argument("--socs", nargs="+", choices=sorted(SOCS), default=list(DEFAULT_SOCS), help="chips")
    step.add_names("--buckets", [f"{bucket.seconds:g}" for bucket in BUCKETS], "seconds")
    step.add_argument("--time-limit", type=float, default=3600, help="seconds per chip (default: 3600)")
    step.add_argument("--memory-limit", type=float, default=12, help="GiB per chip (default: 12)")
    step.add_argument("--no-proof", dest="prove", action="store_false", help="do not run the simulation")
    step.add_argument("--check-only", action="store_true", help="only whether there is a compiler for these chips")
    step.add_argument("--sentences", type=int, default=SENTENCES, help=f"of the proof (default: {SENTENCES})")
    step.add_argument("--build", type=Path, default=Path("build"), help="where steps read and write (default: build)")
    device = steps.add_parser("verify", help="a package on a device over adb: every stage and bucket, and a receipt")
    named = f"{' | '.join(TARGETS)} | qnn-<chip> for contexts (default: nnapi)"
    device.add_argument("--target", type=target_or_chip, default="nnapi", help=named)
    device.add_argument("--dist", type=Path, default=Path("dist"), help="a package, or the folder that holds them")
    device.add_argument("--weights", default="", help="whose, if dist/ holds several (default: the build's)")
    device.add_argument("--serial", default="", help="device, as `adb devices` names it; needed if there are several")
    device.add_argument("--runner", type=Path, help="its folder (default: android_test/runner/android below --build)")
    device.add_argument("--buckets", nargs="+", default=[], metavar="BUCKET", help="names such as 5s (default: all)")
    device.add_argument("--stages", nargs="+", default=[], metavar="STAGE", help="names (default: all)")
    device.add_argument("--runs", type=int, default=20, help="timed runs (default: 20)")
    device.add_argument("--warmup", type=int, default=2, help="runs before those (default: 2)")
    device.add_argument("--time-limit", type=float, default=300, help="seconds per stage (default: 300)")
    device.add_argument("--again", action="store_true", help="measure again what an earlier run has found")
    device.add_argument("--build", type=Path, default=Path("build"), help="where steps write (default: build)")
    emulated = steps.add_parser("arm64", help="CPU stages on emulated ARM64 processors: numbers, no times")
    emulated.add_names("--targets", TARGETS, "packages")
    emulated.add_names("--processors", get_args(Processor), "as qemu calls them")
    emulated.add_argument("--dist", type=Path, default=Path("dist"), help="a package, or the folder that holds them")
    emulated.add_argument("--weights", default="", help="whose, if dist/ holds several (default: the build's)")
    emulated.add_argument("--build", type=Path, default=Path("build"), help="where steps write (default: build)")
    add_bench_options(
        steps.add_parser("bench", help="PyTorch, the usual exports and our packages, measured in one run")
    )
    table = steps.add_parser("compile-table", help="completes the table of compile time, memory and binary size")
    compile_table.add_compile_options(table)
    linux = steps.add_parser("runner-linux", help="the runner for this computer, with all that it needs")
    linux.add_argument("--build", type=Path, default=Path("build"), help="where steps write (default: build)")
    ops = steps.add_parser("ops", help="the library of fused operators, for this computer and for 64-bit ARM")
    ops.add_argument("--build", type=Path, default=Path("build"), help="where steps write (default: build)")
    ops.add_argument("--if-possible", action="store_true", help="where it cannot be built, say why instead of failing")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(console.guarded(main))
