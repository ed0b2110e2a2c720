"""The receipt: what one device proved about one package, and what was not proven."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from android_test.device.probe import StageResult
from android_test.device.receipt_page import page_of
from export_onnx.provenance import sha256
from selector.package.device_verdict import ON_CPU, chain_misses, why_never
from selector.package.manifest import Manifest
from selector.package.receipt_schema import RECEIPT_VERSION, ChainRun, Device, Receipt, StageRun
from selector.package.receipts import PackagedTarget

RECEIPT: Final = "receipt.json"
PAGE: Final = "receipt.html"
ALWAYS: Final = (
    "how it sounds: compare the WAV with your ears",
    "sustained speed: the timed runs are short, and a warm phone is slower",
    "power: nothing here measures it",
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
    results = [one.run.result for one in found if one.run.result]
    versions = sorted({result.onnxruntime for result in results if result.onnxruntime})
    packaged = PackagedTarget.of(manifest)
    receipt = Receipt(
        receipt_version=RECEIPT_VERSION,
        made=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        package=manifest.package,
        target=manifest.target,
        contexts_for=packaged.contexts_for,
        models_sha256=packaged.models_sha256,
        version=manifest.version,
        onnxruntime=", ".join(versions) or "unknown",
        runner_sha256=sha256(runner),
        device=device,
        battery=notes[0],
        temperature=notes[1],
        stages=list(stages),
        left_out=packaged.left_out(stages),
        chain=chain,
        not_proven=[],
    )
    return receipt.model_copy(update={"not_proven": not_proven(receipt, packaged)})


def not_proven(receipt: Receipt, packaged: PackagedTarget) -> list[str]:
    """What a reader might take for proven and is not, in words."""
    never = why_never(receipt.device)
    lines = [f"that any NPU runs it: this device is {never}"] if never else []
    lines += [f"{one.stage} {one.bucket}: {reason}" for one in receipt.stages for reason in open_questions(one)]
    chain = chain_misses(receipt.chain, packaged.floors, packaged.buckets[0])
    lines += [f"the whole chain: {miss}" for miss in chain]
    if receipt.left_out:
        lines.append(f"what was left out of this run: {', '.join(receipt.left_out)}")
    return [*lines, *unnamed_devices(receipt.stages), *ALWAYS]


def open_questions(stage: StageRun) -> list[str]:
    """Why a stage is less than it should be; that a CPU stage is no NPU stage is not among it."""
    return [reason for reason in stage.reasons if reason != ON_CPU and not reason.startswith("never: ")]


def unnamed_devices(stages: Sequence[StageRun]) -> list[str]:
    """One line per list of several NNAPI devices: NNAPI shares a graph out among them and does not say how."""
    shared: dict[str, list[str]] = {}
    for one in stages:
        if one.evidence.provider == "nnapi" and len(one.evidence.devices) > 1:
            names = ", ".join(f"{device.name} ({device.type})" for device in one.evidence.devices)
            shared.setdefault(names, []).append(f"{one.stage} {one.bucket}")
    return [
        f"which device ran {', '.join(runs)}: NNAPI was given {names}, and does not say which of them ran a node"
        for names, runs in shared.items()
    ]


def write_receipt(receipt: Receipt, folder: Path) -> Path:
    """`receipt.json` for programs, `receipt.html` for people; returns the first."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).write_text(page_of(receipt), encoding="utf-8")
    (folder / RECEIPT).write_text(receipt.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return folder / RECEIPT
