"""Reads the fused models that `python -m quantize.ops` made and proved, and the libraries that belong to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from export_onnx.errors import PackageError
from export_onnx.graph.shared_weights import WEIGHTS_FILE
from export_onnx.provenance import read_report, refuse_other_birth, sha256
from quantize.ops.build_library import OPS_LIBRARY, built_libraries
from quantize.ops.platforms import this_platform
from selector.package.completed_steps import as_package_error, completed_step
from selector.package.fused_schema import LIBRARIES
from selector.package.packaged_models import MODELS, read_model
from selector.package.quality_schema import GroupQuality
from selector.package.strict_schema import first_problem

STEP: Final = "quantize.ops"
MADE_AGAIN: Final = "Run `make fused` again."


@dataclass(frozen=True)
class FusedInputs:
    """What a package takes in besides its stock models.

    Attributes:
        models: bucket -> stage -> the model's path in the package.
        contents: the models by their path in the package.
        libraries: platform -> file.
        old: platforms whose library is older than its sources, and is left out.
        domain, version: of the operators.
        quality: how the models sound.
        signature: of the step.
    """

    models: Mapping[str, Mapping[str, str]]
    contents: Mapping[str, bytes]
    libraries: Mapping[str, Path]
    old: tuple[str, ...]
    domain: str
    version: int
    quality: GroupQuality
    signature: str

    def packaged_libraries(self) -> dict[str, str]:
        """Platform -> the library's path in the package."""
        return {platform: f"{LIBRARIES}/{platform}/{OPS_LIBRARY}" for platform in sorted(self.libraries)}

    def section(self) -> dict[str, Any]:
        """The manifest's `fused`."""
        return {
            "domain": self.domain,
            "version": self.version,
            "models": {bucket: dict(stages) for bucket, stages in self.models.items()},
            "libraries": self.packaged_libraries(),
            "quality": self.quality.model_dump(mode="json"),
        }


def read_fused_inputs(build: Path, target: str) -> FusedInputs | str:
    """The fused models of a target, or why there are none.

    Raises:
        PackageError: they belong to other stock models or another library than lie in the build, or were changed.
    """
    folder, source = build / "quantize" / f"{target}-fused", build / "quantize" / target
    report = read_report(folder)
    if report is None:
        return "no fused models were made"
    now = {f"quantize/{target}": str((read_report(source) or {}).get("signature"))}
    with as_package_error():
        refuse_other_birth(folder, STEP, report.get("made_from", {}), now)
    if "why_not" in report:
        return str(report["why_not"])
    report = completed_step(folder, STEP, ())
    libraries, old = built_libraries(build / "ops")
    own = libraries.get(this_platform())
    if own is None or sha256(own) != report["library"]:
        raise PackageError(
            str(build / "ops"),
            expected="the library that the fused models were proven with",
            got="none" if own is None else "another one",
            todo=MADE_AGAIN,
        )
    models = {
        bucket: {stage: f"{MODELS}/{stage}_{bucket}_fused.onnx" for stage in report["fused"]}
        for bucket in report["buckets"]
    }
    contents = {
        path: read_model(folder / f"{stage}_{bucket}.onnx", source / WEIGHTS_FILE)
        for bucket, stages in models.items()
        for stage, path in stages.items()
    }
    domain, version, quality = report["domain"], report["version"], _quality(report, folder)
    return FusedInputs(models, contents, libraries, old, domain, version, quality, report["signature"])


def _quality(report: Mapping[str, Any], folder: Path) -> GroupQuality:
    try:
        return GroupQuality.model_validate(report["sound"]["fused"])
    except (KeyError, ValidationError) as error:
        got = ": ".join(first_problem(error)) if isinstance(error, ValidationError) else f"none of {error}"
        raise PackageError(str(folder), expected="figures of their sound", got=got, todo=MADE_AGAIN) from error


def read_fused_quality(build: Path, target: str) -> GroupQuality | None:
    """How a target's fused models sound; None where there are none, or where they are of other stock models.

    Raises:
        PackageError: the step's report lacks these figures.
    """
    folder = build / "quantize" / f"{target}-fused"
    report, stock = read_report(folder) or {}, read_report(build / "quantize" / target) or {}
    born = report.get("made_from", {}).get(f"quantize/{target}")
    return _quality(report, folder) if born and born == stock.get("signature") and "why_not" not in report else None


def fused_signature(fused: FusedInputs | str) -> Any:
    """What decides a package's fused models and libraries."""
    if isinstance(fused, str):
        return fused
    return {"step": fused.signature, "libraries": {name: sha256(file) for name, file in fused.libraries.items()}}
