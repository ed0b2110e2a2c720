"""`python -m selector package`: makes a folder, a zip and an AAR per target under `dist/`, from the earlier steps.

read_build_inputs, read_target_inputs   build_inputs.py      results of the export, quantize, coverage and the page
devices_of                              receipts.py          phones' proofs about the very same models
fit_tables                              fit_tables.py        text length -> bucket, measured and held to its floor
write_package                           write_package.py     models, voices, tokenizer, and the manifest last
write_zip, write_aar                    archive.py           the folder as one file
write_sdk_jar                           archive.py           the code for apps, once for all targets
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from export_onnx import console
from export_onnx.contracts import STAGES
from export_onnx.provenance import Report, depends_on, read_report, sha256, signature, start
from selector.choose.voice_table import Fit
from selector.choose.worth import check_worth, summarize_fits
from selector.package.archive import write_aar, write_sdk_jar, write_zip
from selector.package.build_inputs import (
    BuildInputs,
    TargetInputs,
    bucket_contracts,
    read_build_inputs,
    read_target_inputs,
)
from selector.package.compose_manifest import PackagePlan
from selector.package.coverage_schema import coverage_signature
from selector.package.fit_tables import fit_tables, read_mix_coverage
from selector.package.fused_inputs import fused_signature
from selector.package.golden import stage_floors
from selector.package.manifest import MANIFEST
from selector.package.packaged_models import MODELS, digest_of_models, models_by_stage, read_models
from selector.package.placement import NOT_PROVEN, processor, reason_for_cpu
from selector.package.receipts import PackagedTarget, devices_section, read_receipts
from selector.package.write_package import LICENSE, write_package

JAVA: Final = Path(__file__).parent.parent / "sdk" / "java"
MOST_BYTES: Final = 110_000_000  # of a target's package at full size


def make_packages(
    build: Path, dist: Path, targets: Sequence[str], version: str, command: str, receipts: Sequence[Path] = ()
) -> dict[str, Any]:
    """Makes every target's package; returns the report that is also in `build/selector/report.json`.

    Does nothing if the same inputs were packaged before and everything that was written is still there.

    Args:
        receipts: JSON files of `android_test verify`, for the manifests.

    Raises:
        PackageError: the result of an earlier step is missing or damaged, a receipt is refused, or `dist`
            cannot be written.
        ParityError: the selector's table does not hold on texts that it was not fitted on.
    """
    inputs = read_build_inputs(build)
    chosen = [read_target_inputs(inputs, target) for target in targets]
    devices = devices_of(inputs, chosen, receipts)
    wanted = packages_signature(inputs, chosen, version, devices)
    made_before = read_report(build / "selector")
    if made_before and made_before["signature"] == wanted and is_there(dist, made_before):
        console.say(f"{dist} is up to date")
        return made_before
    start(build / "selector")
    report = Report(build / "selector", wanted)
    fits = fit_tables(inputs)
    check_worth(fits)
    say_worth(fits)
    plan = PackagePlan(inputs, fits, version, command, devices)
    made = {}
    with console.progress("package", len(chosen)) as advance:
        for target in chosen:
            advance(target.target)
            made[target.target] = package_target(plan, target, dist)
    mixes = read_mix_coverage(inputs)
    if mixes:
        console.say(f"mixes of two voices: covers at least {min(mixes.values()):.2%} of held-out texts")
    values = {"selector": summarize_fits(fits), "mixes": mixes, "targets": made, "sdk": make_sdk(dist, version)}
    return report.write({"weights": inputs.weights, **values})


def make_sdk(dist: Path, version: str) -> dict[str, Any]:
    """Makes the JAR for apps; returns the report's section about it."""
    jar, why_not = write_sdk_jar(dist, version)
    console.say(f"{jar}: the selector and the splitter for apps" if jar else f"no jar for apps: {why_not}")
    return {"archives": {jar.name: sha256(jar)} if jar else {}, "why_not": why_not}


def package_target(plan: PackagePlan, target: TargetInputs, dist: Path) -> dict[str, Any]:
    """Makes one target's folder, zip and AAR; returns the report's section about them."""
    package = write_package(plan, target, dist)
    size = sum(file.size for file in package.manifest.files.values())
    zipped = write_zip(package.folder)
    aar = write_aar(package.folder, target.target)
    over = "" if size <= MOST_BYTES else f", over the limit of {MOST_BYTES / 1e6:.0f} MB"
    for stage, reason in reasons_for_cpu(target).items():
        if reason.startswith(NOT_PROVEN):
            console.say(f"{target.target}: {stage} runs on the CPU, {reason}")
    if told := fused_in_words(target):
        console.say(f"{target.target}: {told}")
    console.say(f"{package.folder}: {size / 1e6:.1f} MB{over}; zip, aar")
    return {
        "package": package.folder.name,
        "manifest_sha256": sha256(package.folder / MANIFEST),
        "on_cpu": reasons_for_cpu(target),
        "fused": fused_in_words(target),
        "bytes": size,
        "within_limit": size <= MOST_BYTES,
        "archives": {file.name: sha256(file) for file in (zipped, aar)},
    }


def fused_in_words(target: TargetInputs) -> str:
    """For which platforms a package has fused operators, or why it has stock ones alone; empty for NPUs' targets."""
    if isinstance(target.fused, str):
        return f"stock operators alone: {target.fused}" if target.fused else ""
    old = f"; left out, because older than their sources: {', '.join(target.fused.old)}" if target.fused.old else ""
    return f"fused operators for {', '.join(sorted(target.fused.libraries))}{old}"


def reasons_for_cpu(target: TargetInputs) -> dict[str, str]:
    """The stages that a target's package runs on the CPU, each with its reason."""
    reasons = {stage.name: reason_for_cpu(stage, target.target, target.coverage) for stage in STAGES}
    return {stage: reason for stage, reason in reasons.items() if reason}


def devices_of(inputs: BuildInputs, targets: Sequence[TargetInputs], receipts: Sequence[Path]) -> dict[str, Any] | None:
    """The manifests' `devices`, from receipts of the very models that are packaged now; None without receipts.

    Raises:
        PackageError: as in `read_receipts` and `devices_section`.
    """
    if not receipts:
        return None
    made = {target.target: packaged_target(inputs, target) for target in targets}
    found = read_receipts(receipts)
    for receipt in (one for one in found if one.contexts_for):
        console.say(f"the receipt of {receipt.package} is of contexts: `make contexts` takes it")
    return devices_section([one for one in found if not one.contexts_for], made)


def packaged_target(inputs: BuildInputs, target: TargetInputs) -> PackagedTarget:
    """What receipts of a target are held against: its models, their floors, and the stages that run on the NPU.

    Raises:
        PackageError: as `read_models`.
    """
    buckets = bucket_contracts(inputs, MODELS, target.buckets)
    models = read_models(buckets, target.models)
    npu = [stage.name for stage in STAGES if processor(stage, target.target, target.coverage) == "npu"]
    floors = stage_floors(models_by_stage(buckets, models))
    outputs = {stage.name: tuple(port.name for port in stage.outputs) for stage in STAGES}
    digest = digest_of_models(models, target.models)
    return PackagedTarget(digest, floors, outputs, tuple(npu), tuple(bucket.name for bucket in buckets))


def packages_signature(
    inputs: BuildInputs, targets: Sequence[TargetInputs], version: str, devices: dict[str, Any] | None
) -> str:
    """One digest of everything that the packages are made from."""
    names = [target.target for target in targets]
    steps = {step: read_report(inputs.build / step) for step in ("export_onnx", *(f"quantize/{t}" for t in names))}
    return signature(
        steps=steps,
        devices=devices,
        pages={target.target: sha256(target.page) for target in targets if target.page},
        coverage={target.target: coverage_signature(target.coverage) for target in targets},
        java=[sha256(file) for file in sorted(JAVA.rglob("*")) if file.is_file()],
        jdk=shutil.which("javac") is not None,
        licence=sha256(LICENSE),
        buckets={target.target: [asdict(bucket) for bucket in target.buckets] for target in targets},
        targets=names,
        fused={target.target: fused_signature(target.fused) for target in targets},
        version=version,
        **depends_on("selector"),
    )


def is_there(dist: Path, report: dict[str, Any]) -> bool:
    """Whether everything that a report lists as written is still there and unchanged."""
    for made in (*report["targets"].values(), report["sdk"]):
        files = dict(made["archives"])
        if "package" in made:
            files[f"{made['package']}/{MANIFEST}"] = made["manifest_sha256"]
        if any(not (dist / name).is_file() or sha256(dist / name) != digest for name, digest in files.items()):
            return False
    return True


def say_worth(fits: dict[str, Fit]) -> None:
    """Prints one line about the selector's table on held-out texts."""
    worth = summarize_fits(fits)
    console.say(
        f"selector table: covers {worth['mean']:.2%} of held-out texts, worst voice {worth['worst']:.2%}; "
        f"median excess {worth['excess']:.1%}"
    )
