"""Composes the manifest of one package from the build's inputs, the selector's table and the packaged files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from export_onnx import contracts, geometry
from export_onnx.provenance import versions
from selector.choose.curve import QUANTILE
from selector.choose.length import PAUSE_MARKS
from selector.choose.voice_table import Fit
from selector.choose.worth import summarize_fits
from selector.package import providers
from selector.package.build_inputs import VOICE_SHAPE, BuildInputs, TargetInputs, bucket_contracts
from selector.package.fused_inputs import FusedInputs
from selector.package.golden import golden_section
from selector.package.manifest import SCHEMA_VERSION, File, Manifest, parse
from selector.package.packaged_models import MODELS, models_by_stage
from selector.package.placement import processor
from selector.package.strict_schema import dumps
from selector.text.tokenizer import INPUT, OUTPUT

TOKENIZER: Final = "tokenizer.onnx"
VOICES: Final = "voices"  # the folder inside a package
VOICE_LAYOUT: Final = (
    "510 rows of 256 numbers, one row after the other, 4 bytes each, no header. Row n-1 is for a text of n phonemes "
    "(pads not counted). Numbers 0-127 of a row are timbre_style, 128-255 prosody_style."
)


@dataclass(frozen=True)
class PackagePlan:
    """The values that the packages of one run share.

    Attributes:
        fits: voice -> its table for the choice of a bucket.
        version: of the packages.
        command: the command that made them.
        devices: the manifest's `devices` as JSON values; None without receipts, see `receipts.devices_section`.
    """

    inputs: BuildInputs
    fits: Mapping[str, Fit]
    version: str
    command: str
    devices: dict[str, Any] | None = None

    def package_name(self, target: str) -> str:
        """The name of the target's folder under `dist/`."""
        return f"kokoro-npu-{self.inputs.weights['name']}-{self.version}-{target}"


def compose_manifest(
    plan: PackagePlan, target: TargetInputs, models: Mapping[str, bytes], files: Mapping[str, File]
) -> Manifest:
    """Composes the manifest of one target's package.

    Args:
        models: ONNX files by their path in the package.
        files: every file of the package but the manifest, by path.

    Raises:
        PackageError: the result breaks the manifest's schema.
    """
    inputs, name = plan.inputs, plan.package_name(target.target)
    buckets = bucket_contracts(inputs, MODELS, target.buckets)
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "package": name,
        "version": plan.version,
        "target": target.target,
        "command": plan.command,
        "versions": versions(),
        "weights": inputs.weights,
        "geometry": {
            "sample_rate": geometry.SAMPLE_RATE,
            "samples_per_frame": geometry.SAMPLES_PER_FRAME,
            "max_phonemes": geometry.MAX_PHONEMES,
        },
        "stages": [
            _stage_contract(
                contracts.stage_in(stage, target.buckets[0]), processor(stage, target.target, target.coverage)
            )
            for stage in contracts.STAGES
        ],
        "buckets": [bucket.model_dump() for bucket in buckets],
        "providers": {"npu": asdict(providers.NPU[target.target]), "cpu": asdict(providers.CPU)},
        "tokenizer": {"model": TOKENIZER, "input": INPUT, "output": OUTPUT},
        "vocabulary": inputs.config["vocab"],
        "selector": selector_section(plan.fits),
        "voices": voices_section(inputs),
        "coverage": target.coverage.model_dump(mode="json") if target.coverage else None,
        "quality": target.quality.model_dump(mode="json"),
        "golden": golden_section(models_by_stage(buckets, models), min(inputs.voices)),
        "devices": plan.devices,
        "unfit_socs": list(providers.NO_HALF_PRECISION) if target.target == "qnn" else [],
        "fused": target.fused.section() if isinstance(target.fused, FusedInputs) else None,
        "files": {path: file.model_dump() for path, file in files.items()},
    }
    return parse(dumps(manifest), name)


def _stage_contract(stage: contracts.Stage, runs_on: contracts.Processor) -> dict[str, Any]:
    """A stage as the manifest has it, without the graph that it was cut from."""
    return {name: value for name, value in asdict(stage).items() if name != "made_from"} | {"runs_on": runs_on}


def selector_section(fits: Mapping[str, Fit]) -> dict[str, Any]:
    """The manifest's `selector`."""
    worth = {name: value for name, value in summarize_fits(fits).items() if name != "excess"}
    (pause_tokens,) = {fit.pause_tokens for fit in fits.values()}  # lengths are counted alike for all voices
    whole = {f"all ({name})": round(value, 4) for name, value in worth.items()}
    return {
        "quantile": QUANTILE,
        "pause_marks": PAUSE_MARKS,
        "pause_tokens": pause_tokens,
        "voices": {name: asdict(fit.table) for name, fit in fits.items()},
        "coverage": {name: round(fit.coverage, 4) for name, fit in fits.items()} | whole,
        "excess": {name: round(fit.excess, 4) for name, fit in fits.items()},
        "texts": min(fit.texts for fit in fits.values()),
        "held_out_texts": min(fit.held_out_texts for fit in fits.values()),
    }


def voices_section(inputs: BuildInputs) -> dict[str, Any]:
    """The manifest's `voices`."""
    return {
        "rows": VOICE_SHAPE[0],
        "width": VOICE_SHAPE[1],
        "dtype": "float32",
        "byte_order": "little",
        "layout": VOICE_LAYOUT,
        "files": {name: f"{VOICES}/{name}.f32" for name in inputs.voices},
    }
