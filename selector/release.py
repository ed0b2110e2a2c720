"""`python -m selector package`: the table, then per target a folder, a zip and an AAR, then the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from export_onnx import console
from export_onnx.provenance import Report, sha256, signature, start
from selector.archive import write_aar, write_zip
from selector.assemble import Inputs, bucket_contracts, make_package, read_inputs
from selector.corpus import HELD_OUT_SHARE, fit, texts_per_voice
from selector.durations import Fit, check_worth, summary
from selector.synth import Stages

MOST_BYTES: Final = 110_000_000  # of a target's package at full size


def release(build: Path, dist: Path, targets: Sequence[str], version: str, command: str) -> dict[str, Any]:
    """Every target's package; returns the report that is also in `build/selector/report.json`.

    Raises:
        PackageError: a step before is missing or damaged, or `dist` cannot be written.
    """
    inputs = read_inputs(build)
    start(build / "selector")
    report = Report(build / "selector", signature(weights=inputs.weights, targets=targets, version=version))
    fits = fit_tables(inputs)
    check_worth(fits)
    worth = summary(fits)
    console.say(f"selector table: covers {worth['mean']:.1%} of held-out texts, worst voice {worth['worst']:.1%}")
    made: dict[str, Any] = {}
    for target in targets:
        package = make_package(inputs, fits, target, dist, version, command)
        size = sum(file.size for file in package.manifest.files.values())
        zipped = write_zip(package.folder)
        aar, why_not = write_aar(package.folder)
        made[target] = {
            "package": package.folder.name,
            "bytes": size,
            "within_limit": size <= MOST_BYTES,
            "zip": {"name": zipped.name, "bytes": zipped.stat().st_size, "sha256": sha256(zipped)},
            "aar": {"name": aar.name, "bytes": aar.stat().st_size, "sha256": sha256(aar)} if aar else why_not,
        }
        over = "" if size <= MOST_BYTES else f", over the limit of {MOST_BYTES / 1e6:.0f} MB"
        console.say(f"{package.folder}: {size / 1e6:.1f} MB{over}; zip{', aar' if aar else f'; no aar: {why_not}'}")
    return report.write({"weights": inputs.weights, "selector": worth, "targets": made})


def fit_tables(inputs: Inputs) -> dict[str, Fit]:
    """The selector's tables, measured through the float text stages."""
    number = texts_per_voice(len(inputs.voices))
    with console.progress("selector table", number + max(8, number // HELD_OUT_SHARE)) as advance:
        stages = Stages(inputs.build / "export_onnx")
        buckets = bucket_contracts(inputs, "")
        return fit(stages, buckets, inputs.voices, inputs.config["vocab"], advance)
