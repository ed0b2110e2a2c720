"""What a phone proved about a package (`android_test verify` writes it), and what a manifest says because of it.

The only schema of a receipt. A receipt counts for the very model files that it was measured with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from export_onnx.errors import PackageError
from selector.package.manifest import Manifest
from selector.package.providers import Target
from selector.package.strict_schema import Sha256, StrictSchema

RECEIPT_VERSION: Final = 1
Verdict = Literal["verified", "not verified", "not an NPU", "failed"]


class Device(StrictSchema):
    """What was on the cable. `never` says why nothing on it can count as an NPU; empty for a phone."""

    model: str
    manufacturer: str
    soc: str
    android: str
    api_level: int
    abi: str
    build: str
    kernel: str
    drivers: list[str]
    never: str


class StageRun(StrictSchema):
    """One stage at one bucket. Times in ms, memory in MB; None: not measured."""

    stage: str
    bucket: str
    provider: str
    verdict: Verdict
    conditions: dict[str, bool]
    reasons: list[str]
    outcome: str
    decibels: dict[str, float]
    floor: float
    load_ms: float | None
    first_run_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    runs: Annotated[int, Field(ge=0)]
    cpu_p50_ms: float | None
    real_time_factor: float | None
    peak_mb: float | None
    temperature: str


class ChainRun(StrictSchema):
    """The whole chain once, stage after stage on the device, as processes of their own."""

    bucket: str
    outcome: str
    seconds_of_sound: float | None
    real_time_factor: float | None
    decibels: float | None
    wav: str


class Receipt(StrictSchema):
    """One package on one device."""

    receipt_version: Literal[1]
    made: str
    package: str
    target: Target
    models_sha256: Sha256
    version: str
    onnxruntime: str
    runner_sha256: Sha256
    device: Device
    battery: str
    temperature: dict[str, str]
    stages: Annotated[list[StageRun], Field(min_length=1)]
    chain: ChainRun | None
    not_proven: list[str]

    def npu_stages(self) -> list[StageRun]:
        """Those that were meant for the NPU."""
        return [one for one in self.stages if one.verdict != "not an NPU"] if self.target != "cpu" else []


def models_digest(manifest: Manifest) -> str:
    """`digest` of a package's models and their weights: it stays when a receipt is taken into the manifest."""
    folders = {model.rpartition("/")[0] for bucket in manifest.buckets for model in bucket.models.values()}
    return digest({n: f.sha256 for n, f in manifest.files.items() if n.rpartition("/")[0] in folders})


def digest(hashes: Mapping[str, str]) -> str:
    """One digest of files by their path in the package and their sha256."""
    return hashlib.sha256("".join(f"{n}\0{h}\n" for n, h in sorted(hashes.items())).encode()).hexdigest()


def read_receipts(files: Sequence[Path]) -> list[Receipt]:
    """Receipts from JSON.

    Raises:
        PackageError: unreadable, or not a receipt of this version.
    """
    found = []
    for file in files:
        try:
            found.append(Receipt.model_validate_json(file.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            raise PackageError(
                str(file),
                expected=f"a receipt of version {RECEIPT_VERSION}",
                got=str(error)[:160],
                todo="Pass receipt.json as `python -m android_test verify` wrote it.",
            ) from error
    return found


def devices_section(
    receipts: Sequence[Receipt], made: Mapping[str, str], buckets: Sequence[str]
) -> dict[str, Any] | None:
    """The manifest's `devices`: per SoC the verified targets and the one to use; None without receipts.

    Args:
        made: target -> digest of the models that are packaged now.
        buckets: of the packages; a target is verified where every NPU stage is, at each of them.

    Raises:
        PackageError: a receipt of other models, or of a target that is not packaged now.
    """
    if not receipts:
        return None
    times: dict[str, dict[str, float]] = {}
    for receipt in receipts:
        if made.get(receipt.target) != receipt.models_sha256:
            raise PackageError(
                f"receipt of {receipt.package} on {receipt.device.model}",
                expected=f"models of {made.get(receipt.target, 'a target that is packaged now')}",
                got=receipt.models_sha256,
                todo="Verify the package that you make, and package its target in the same run.",
            )
        verified = times.setdefault(receipt.device.soc or receipt.device.model, {})
        milliseconds = verified_time(receipt, buckets)
        if milliseconds is not None:
            verified[receipt.target] = min(milliseconds, verified.get(receipt.target, milliseconds))
    socs = {
        soc: {
            "verified": sorted(found),
            "use": min((ms, target) for target, ms in found.items())[1] if found else "cpu",
        }
        for soc, found in sorted(times.items())
    }
    return {"socs": socs, "elsewhere": "cpu"}


def verified_time(receipt: Receipt, buckets: Sequence[str]) -> float | None:
    """Milliseconds of the NPU stages over all buckets (p50); None unless every one is verified at each bucket."""
    stages = receipt.npu_stages()
    names = {one.stage for one in stages}
    seen = {(one.stage, one.bucket) for one in stages}
    whole = bool(names) and all((name, bucket) in seen for name in names for bucket in buckets)
    if receipt.device.never or not whole:
        return None
    if any(one.verdict != "verified" or one.p50_ms is None for one in stages):
        return None
    return sum(one.p50_ms for one in stages if one.p50_ms is not None)
