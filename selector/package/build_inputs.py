"""Reads and checks the results of the earlier steps, from which alone packages are made."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from export_onnx import contracts, geometry
from export_onnx.buckets import BUCKETS, Bucket
from export_onnx.errors import PackageError, WeightsError
from export_onnx.provenance import refuse_other_birth
from quantize.ops.fused_ops import FUSED_TARGET
from quantize.recipes import recipe
from selector.package.completed_steps import as_package_error, completed_step
from selector.package.coverage_schema import ProvenCoverage, read_coverage
from selector.package.fused_inputs import FusedInputs, read_fused_inputs
from selector.package.manifest import BucketContract
from selector.package.quality_schema import TargetQuality, read_quality
from selector.page.packaged import packaged_page

VOICE_SHAPE: Final = (geometry.MAX_PHONEMES, 256)


@dataclass(frozen=True)
class BuildInputs:
    """The export's result, which all targets share.

    Attributes:
        build: the folder into which steps write.
        config: the checkpoint's.
        voices: name -> [510, 256].
        weights: the identity of the checkpoint, from the export's report.
        buckets: the last export's fixed ones, smallest first; its folder may also have graphs of earlier exports.
        signature: of the export.
    """

    build: Path
    config: dict[str, Any]
    voices: dict[str, NDArray[np.float32]]
    weights: dict[str, Any]
    buckets: tuple[Bucket, ...]
    signature: str


@dataclass(frozen=True)
class TargetInputs:
    """The earlier steps' results for one target.

    Attributes:
        buckets: the target's own.
        models: the folder of the quantized models and their `weights.bin`.
        quality: as `quantize` measured it.
        coverage: None if the coverage step did not check these very files.
        page: the report that goes into the package; None if there is none.
        fused: models with fused operators and their libraries; or why there are none, empty for targets of NPUs.
    """

    target: str
    buckets: tuple[Bucket, ...]
    models: Path
    quality: TargetQuality
    coverage: ProvenCoverage | None
    page: Path | None
    fused: FusedInputs | str = ""


def read_build_inputs(build: Path) -> BuildInputs:
    """Reads the export's result.

    Raises:
        PackageError: the export has not completed.
        WeightsError: a voice has the wrong size, or numbers that are not finite.
    """
    exported = build / "export_onnx"
    report = completed_step(exported, "export_onnx", [stage.name for stage in contracts.STAGES])
    config = json.loads((exported / "config.json").read_text(encoding="utf-8"))
    voices = {file.stem: _voice(file) for file in sorted((exported / "voices").glob("*.npy"))}
    if not voices:
        raise WeightsError(str(exported / "voices"), expected="at least one voice", got="none", todo="Export again.")
    return BuildInputs(
        build, config, voices, report["weights"], exported_buckets(report, str(exported)), report["signature"]
    )


def read_target_inputs(inputs: BuildInputs, target: str) -> TargetInputs:
    """Reads the results of quantization, coverage and the page for a target.

    Raises:
        PackageError: quantization has not completed, or used another export or calibration than lies in the build;
            coverage was restricted; the page is about other models; fused models are of other stock ones.
    """
    folder = inputs.build / "quantize" / target
    buckets = recipe(target).buckets(inputs.buckets)
    names = [bucket.name for bucket in buckets]
    report = completed_step(folder, "quantize", contracts.QUANTIZED, names)
    if report["weights"] != inputs.weights:
        raise PackageError(
            str(folder),
            expected=f"models of {inputs.weights['name']}, as exported",
            got=f"models of {report['weights']['name']}",
            todo="Run `python -m quantize` again.",
        )
    calibrated = completed_step(inputs.build / "calibrate", "calibrate", ())
    now = {"export_onnx": inputs.signature, "calibrate": calibrated["signature"]}
    with as_package_error():
        refuse_other_birth(folder, "quantize", report.get("made_from", {}), now)
    return TargetInputs(
        target,
        buckets,
        folder,
        read_quality(report, str(folder)),
        read_coverage(inputs.build, target, folder, names),
        packaged_page(inputs.build, target),
        read_fused_inputs(inputs.build, target) if target == FUSED_TARGET else "",
    )


def exported_buckets(report: Mapping[str, Any], where: str) -> tuple[Bucket, ...]:
    """The buckets that the export's report lists, smallest first.

    Raises:
        PackageError: the report lists none.
    """
    made = tuple(bucket for bucket in BUCKETS if bucket.name in report.get("buckets", ()))
    if not made:
        raise PackageError(where, expected="exported buckets", got="none", todo="Run `python -m export_onnx`.")
    return made


def _voice(file: Path) -> NDArray[np.float32]:
    try:
        voice = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise WeightsError(str(file), expected="a voice", got=str(error)[:80], todo="Export again.") from error
    if voice.shape != VOICE_SHAPE or not np.isfinite(voice).all():
        raise WeightsError(
            str(file), expected=f"{list(VOICE_SHAPE)} finite numbers", got=str(list(voice.shape)), todo="Export again."
        )
    return np.ascontiguousarray(voice, np.float32)


def bucket_contracts(inputs: BuildInputs, folder: str, buckets: Sequence[Bucket]) -> list[BucketContract]:
    """The buckets with the paths of their model files below `folder`."""
    return [
        BucketContract(
            name=bucket.name,
            seconds=float(bucket.seconds),
            tokens=bucket.tokens,
            frames=bucket.frames,
            dynamic=bucket.dynamic,
            sizes=contracts.sizes(inputs.config, bucket),
            models={s.name: os.path.join(folder, f"{s.name}_{bucket.name}.onnx") for s in contracts.STAGES},
        )
        for bucket in buckets
    ]
