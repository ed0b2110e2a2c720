"""The receipt: what one device proved about one package, and what was not proven."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from android_test.device.device_facts import DeviceFacts, never
from android_test.device.probe import StageResult
from android_test.device.receipt_page import page_of
from export_onnx.provenance import sha256
from selector.package.manifest import Manifest
from selector.package.receipts import ChainRun, Device, Receipt, StageRun, models_digest

RECEIPT: Final = "receipt.json"
PAGE: Final = "receipt.html"
ALWAYS: Final = (
    "how it sounds: compare the WAV with your ears",
    "sustained speed: the timed runs are short, and a warm phone is slower",
    "power: nothing here measures it",
)


def device_of(facts: DeviceFacts, drivers: Sequence[str]) -> Device:
    """The receipt's device."""
    known = facts.properties
    return Device(
        model=known.get("ro.product.model", facts.machine),
        manufacturer=known.get("ro.product.manufacturer", ""),
        soc=facts.soc,
        android=known.get("ro.build.version.release", ""),
        api_level=int(known.get("ro.build.version.sdk", "0")),
        abi=known.get("ro.product.cpu.abi", facts.machine),
        build=known.get("ro.build.fingerprint", ""),
        kernel=facts.kernel,
        drivers=list(drivers),
        never=never(facts),
    )


def receipt_of(
    manifest: Manifest,
    device: Device,
    runner: Path,
    found: Sequence[StageResult],
    stages: Sequence[StageRun],
    chain: ChainRun | None,
    notes: tuple[str, dict[str, str]],
) -> Receipt:
    """The receipt of one run of `verify`.

    Args:
        found: the evidence behind `stages`.
        notes: battery; thermal status before and after.
    """
    versions = sorted({str(one.run.result["onnxruntime"]) for one in found if one.run.result.get("onnxruntime")})
    return Receipt(
        receipt_version=1,
        made=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        package=manifest.package,
        target=manifest.target,
        models_sha256=models_digest(manifest),
        version=manifest.version,
        onnxruntime=", ".join(versions) or "unknown",
        runner_sha256=sha256(runner),
        device=device,
        battery=notes[0],
        temperature=notes[1],
        stages=list(stages),
        chain=chain,
        not_proven=not_proven(device, stages, chain),
    )


def not_proven(device: Device, stages: Sequence[StageRun], chain: ChainRun | None) -> list[str]:
    """What a reader might take for proven and is not, in words."""
    lines = [f"that any NPU runs it: this device is {device.never}"] if device.never else []
    lines += [f"{one.stage} {one.bucket}: {reason}" for one in stages for reason in open_questions(one)]
    if chain is None or chain.outcome != "finished":
        lines.append("the whole chain: " + (chain.outcome if chain else "it was not run"))
    return [*lines, *ALWAYS]


def open_questions(stage: StageRun) -> list[str]:
    """Why a stage is less than it should be; that a CPU stage is no NPU stage is not among it."""
    return [reason for reason in stage.reasons if reason != "runs on the CPU" and not reason.startswith("never: ")]


def holds(receipt: Receipt) -> bool:
    """Whether every NPU stage is verified, every other stage ran and agrees, and the chain was not broken off."""
    chain = receipt.chain is None or receipt.chain.outcome == "finished"
    return chain and all(
        one.verdict in ("verified", "not an NPU") and not open_questions(one) for one in receipt.stages
    )


def write_receipt(receipt: Receipt, folder: Path) -> Path:
    """`receipt.json` for programs, `receipt.html` for people; returns the first."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).write_text(page_of(receipt), encoding="utf-8")
    (folder / RECEIPT).write_text(receipt.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return folder / RECEIPT
