"""`python -m selector package`: the table, then per target a folder, a zip and an AAR, then the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from export_onnx import console
from export_onnx.provenance import Report, code_digest, read_report, sha256, signature, start, versions
from selector.choose.measured_texts import fit, texts_per_voice
from selector.choose.voice_table import Fit, read_tables
from selector.choose.worth import check_worth, summarize_fits
from selector.package.archive import write_aar, write_zip
from selector.package.assemble import (
    LICENSE,
    BuildInputs,
    bucket_contracts,
    digest_of_models,
    make_package,
    quantized,
    read_inputs,
)
from selector.package.coverage_schema import read_coverage
from selector.package.manifest import MANIFEST, dumps
from selector.package.receipts import devices_section, read_receipts
from selector.package.write import whole_file
from selector.page.packaged import packaged_page
from selector.speak.synthesize import CPU_SESSION, package_chain

MOST_BYTES: Final = 110_000_000  # of a target's package at full size


def release(
    build: Path, dist: Path, targets: Sequence[str], version: str, command: str, receipts: Sequence[Path] = ()
) -> dict[str, Any]:
    """Every target's package; returns the report that is also in `build/selector/report.json`.

    Does nothing where the same inputs were packaged before and what was written is still there.

    Args:
        receipts: JSON files of `android_test verify`, for the manifests.

    Raises:
        PackageError: a step before is missing or damaged, a receipt is of other models, or `dist` cannot be written.
        ParityError: the selector's table does not hold on texts that it was not fitted on.
    """
    inputs = read_inputs(build)
    devices = devices_of(inputs, targets, receipts)
    wanted = inputs_signature(inputs, targets, version, devices)
    made_before = read_report(build / "selector")
    if made_before and made_before.get("signature") == wanted and is_there(dist, made_before):
        console.say(f"{dist} is up to date")
        return made_before
    for target in targets:
        quantized(inputs, target)  # before the long part
    start(build / "selector")
    report = Report(build / "selector", wanted)
    fits = fit_tables(inputs)
    check_worth(fits)
    worth = summarize_fits(fits)
    console.say(
        f"selector table: covers {worth['mean']:.2%} of held-out texts, worst voice {worth['worst']:.2%}; "
        f"median excess {worth['excess']:.1%}"
    )
    made = {}
    with console.progress("package", len(targets)) as advance:
        for target in targets:
            advance(target)
            made[target] = package_target(inputs, fits, target, dist, version, command, devices)
    return report.write({"weights": inputs.weights, "selector": worth, "targets": made})


def package_target(
    inputs: BuildInputs,
    fits: dict[str, Fit],
    target: str,
    dist: Path,
    version: str,
    command: str,
    devices: dict[str, Any] | None,
) -> dict[str, Any]:
    """One target's folder, zip and AAR; what the report says of them."""
    package = make_package(inputs, fits, target, dist, version, command, devices)
    size = sum(file.size for file in package.manifest.files.values())
    zipped = write_zip(package.folder)
    aar, why_not = write_aar(package.folder)
    over = "" if size <= MOST_BYTES else f", over the limit of {MOST_BYTES / 1e6:.0f} MB"
    console.say(f"{package.folder}: {size / 1e6:.1f} MB{over}; zip{', aar' if aar else f'; no aar: {why_not}'}")
    return {
        "package": package.folder.name,
        "manifest_sha256": sha256(package.folder / MANIFEST),
        "bytes": size,
        "within_limit": size <= MOST_BYTES,
        "archives": {file.name: sha256(file) for file in (zipped, aar) if file},
        "aar": aar.name if aar else why_not,
    }


def devices_of(inputs: BuildInputs, targets: Sequence[str], receipts: Sequence[Path]) -> dict[str, Any] | None:
    """The manifests' `devices`, from receipts of the very models that are packaged now.

    Raises:
        PackageError: as `read_receipts` and `devices_section`.
    """
    if not receipts:
        return None
    made = {target: digest_of_models(inputs, target) for target in targets}
    return devices_section(read_receipts(receipts), made, [bucket.name for bucket in inputs.buckets])


def inputs_signature(
    inputs: BuildInputs, targets: Sequence[str], version: str, devices: dict[str, Any] | None = None
) -> str:
    """One digest of everything that a package is made from."""
    steps = {step: read_report(inputs.build / step) for step in ("export_onnx", *(f"quantize/{t}" for t in targets))}
    return signature(
        steps=steps,
        devices=devices,
        pages={t: sha256(page) for t in targets if (page := packaged_page(inputs.build, t))},
        coverage={t: read_coverage(inputs.build, t, inputs.build / "quantize" / t) for t in targets},
        code=code_digest("export_onnx", "selector"),
        java=[sha256(file) for file in sorted((Path(__file__).parent.parent / "sdk").rglob("*.java"))],
        licence=sha256(LICENSE),
        buckets=[asdict(bucket) for bucket in inputs.buckets],
        targets=list(targets),
        version=version,
        versions=versions(),
    )


def is_there(dist: Path, report: dict[str, Any]) -> bool:
    """Whether what a report says was written is there, and is what was written."""
    for target in report["targets"].values():
        files = {f"{target['package']}/{MANIFEST}": target["manifest_sha256"], **target["archives"]}
        if any(not (dist / name).is_file() or sha256(dist / name) != digest for name, digest in files.items()):
            return False
    return True


def fit_tables(inputs: BuildInputs) -> dict[str, Fit]:
    """The selector's tables, measured through the float text stages; kept in `tables.json` for the next run."""
    number = texts_per_voice(len(inputs.voices))
    exported = read_report(inputs.build / "export_onnx")
    made_from = signature(export=exported, code=code_digest("export_onnx", "selector"), texts=number)
    stored = inputs.build / "selector" / "tables.json"
    if fits := read_tables(stored, made_from):
        return fits
    with console.progress("selector table", sum(number)) as advance:
        one_thread, folder = replace(CPU_SESSION, threads=1), inputs.build / "export_onnx"
        chains = [package_chain(folder, bucket, one_thread) for bucket in bucket_contracts(inputs, "")]
        fits = fit(chains, inputs.voices, inputs.config["vocab"], advance)
    with whole_file(stored) as work:
        work.write_text(dumps({"made_from": made_from, "fits": {n: asdict(f) for n, f in fits.items()}}), "utf-8")
    return fits
