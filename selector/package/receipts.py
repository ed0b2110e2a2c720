"""What a manifest says because of receipts (`android_test verify` writes them).

A receipt counts for the very model files that it was measured with. It is refused where it is incomplete or where its
verdicts do not follow from its evidence; where it is sound and a stage failed, the manifest says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError

from export_onnx.errors import PackageError
from selector.package.context_schema import is_chip
from selector.package.device_verdict import ON_CPU, chain_misses, judge, why_never
from selector.package.manifest import Manifest
from selector.package.providers import NPU_TARGETS
from selector.package.receipt_schema import RECEIPT_VERSION, Device, Receipt, StageRun
from selector.package.strict_schema import first_problem

Key = tuple[Literal["socs", "models"], str]
MOST_LETTERS: Final = 300  # of a failure in the manifest
VERIFY_AGAIN: Final = "Run `python -m android_test verify` again, and package its receipt.json as it was written."


@dataclass(frozen=True)
class PackagedTarget:
    """What receipts of one target are held against.

    Attributes:
        models_sha256: `digest` of the models and their weights.
        floors: dB by stage, of every stage in the chain.
        outputs: names by stage.
        npu_stages: those that the package runs on the NPU.
        buckets: names, the smallest bucket first.
        contexts_for: the chip of its contexts; empty for plain models.
    """

    models_sha256: str
    floors: Mapping[str, float]
    outputs: Mapping[str, tuple[str, ...]]
    npu_stages: tuple[str, ...]
    buckets: tuple[str, ...]
    contexts_for: str = ""

    @classmethod
    def of(cls, manifest: Manifest) -> PackagedTarget:
        """The target of a finished package."""
        npu = tuple(stage.name for stage in manifest.stages if stage.runs_on == "npu")
        buckets = tuple(bucket.name for bucket in sorted(manifest.buckets, key=lambda one: one.frames))
        floors = {stage.name: manifest.golden.floors[stage.name] for stage in manifest.stages}
        outputs = {stage.name: tuple(port.name for port in stage.outputs) for stage in manifest.stages}
        chip = manifest.contexts.chip if manifest.contexts else ""
        return cls(models_digest(manifest), floors, outputs, npu, buckets, chip)

    def left_out(self, stages: Sequence[StageRun]) -> list[str]:
        """Every stage at a bucket that `stages` lacks, as "decoder 5s"."""
        there = {(one.stage, one.bucket) for one in stages}
        return [f"{name} {bucket}" for bucket in self.buckets for name in self.floors if (name, bucket) not in there]


def models_digest(manifest: Manifest) -> str:
    """`digest` of a package's models and their weights: it stays when a receipt is taken into the manifest.

    Fused models do not count, because a device's verdicts are about the stock ones.
    """
    folders = {model.rpartition("/")[0] for bucket in manifest.buckets for model in bucket.models.values()}
    fused = manifest.fused.model_files() if manifest.fused else set()
    return digest(
        {n: f.sha256 for n, f in manifest.files.items() if n.rpartition("/")[0] in folders and n not in fused}
    )


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
            place, got = first_problem(error) if isinstance(error, ValidationError) else ("the whole", str(error)[:160])
            raise PackageError(
                f"{file}, {place}",
                expected=f"a receipt of version {RECEIPT_VERSION}",
                got=got,
                todo="Pass receipt.json as this release's `python -m android_test verify` wrote it.",
            ) from error
    return found


def check_receipt(receipt: Receipt, made: Mapping[str, PackagedTarget]) -> PackagedTarget:
    """The packaged target that a sound receipt speaks of.

    Args:
        made: by target, what is packaged now.

    Raises:
        PackageError: the receipt is of other models, lacks a stage or a bucket, names no device, or says something
            that does not follow from its evidence.
    """
    where = f"receipt of {receipt.package} on {receipt.device.label}"
    packaged = made.get(receipt.target)
    if packaged is None or packaged.models_sha256 != receipt.models_sha256:
        raise PackageError(
            where,
            expected=f"models of {packaged.models_sha256 if packaged else 'a target that is packaged now'}",
            got=receipt.models_sha256,
            todo="Verify the package that you make, and package its target in the same run.",
        )
    runs = [(one.stage, one.bucket) for one in receipt.stages]
    strange = [f"{s} {b}" for s, b in runs if s not in packaged.floors or b not in packaged.buckets]
    if (missing := packaged.left_out(receipt.stages)) or strange:
        raise PackageError(
            where,
            expected="every stage at every bucket, and no other",
            got=f"none of {', '.join(missing)}" if missing else f"also {', '.join(strange)}",
            todo="Run `python -m android_test verify` without --stages and --buckets.",
        )
    if not receipt.device.soc and not receipt.device.model:
        raise PackageError(
            where,
            expected="a device with ro.soc.model or ro.product.model",
            got="neither",
            todo="Leave this receipt out: apps could not tell which device it speaks of.",
        )
    _check_contexts(where, receipt, packaged)
    never = why_never(receipt.device)
    for one in receipt.stages:
        follows = judge(one.evidence, packaged.outputs[one.stage], packaged.floors[one.stage], never)
        if (one.verdict, one.conditions) != (follows.verdict, follows.conditions):
            because = f" ({'; '.join(follows.reasons)})" if follows.reasons else ""
            raise PackageError(
                f"{where}, {one.stage} {one.bucket}",
                expected=f'"{follows.verdict}", which follows from its evidence{because}',
                got=f'"{one.verdict}" with the conditions {one.conditions}',
                todo=VERIFY_AGAIN,
            )
    return packaged


def _check_contexts(where: str, receipt: Receipt, packaged: PackagedTarget) -> None:
    """That a receipt of contexts is of their chip, and has the times of both loads of each that ran.

    Raises:
        PackageError: another chip, or a load that was not timed.
    """
    chip = packaged.contexts_for
    if receipt.contexts_for != chip or (chip and not is_chip(receipt.device.soc, chip)):
        raise PackageError(
            where,
            expected=f"contexts for {chip}, run on that chip" if chip else "plain models",
            got=f"contexts for {receipt.contexts_for or 'no chip'} on {receipt.device.soc or 'an unnamed chip'}",
            todo=VERIFY_AGAIN,
        )
    for one in receipt.npu_stages() if chip else []:
        if one.evidence.outcome == "finished" and not (one.load_ms and one.second_load_ms):
            raise PackageError(
                f"{where}, {one.stage} {one.bucket}",
                expected="the times of two loads of its context",
                got=f"{one.load_ms} and {one.second_load_ms} ms",
                todo=VERIFY_AGAIN,
            )


def misses(receipt: Receipt, packaged: PackagedTarget) -> list[str]:
    """Why a receipt does not hold; empty where it does. Judges the evidence, and reads no stored verdict.

    It holds where it covers every stage at every bucket, every NPU stage is verified with the target's provider, every
    other stage ran on the CPU and agrees, and the whole chain agrees.
    """
    found = [f"{name}: left out" for name in packaged.left_out(receipt.stages)]
    if receipt.target != "cpu" and not packaged.npu_stages:
        found.append(f"{receipt.target}: no stage of the package runs on the NPU")
    never = why_never(receipt.device) if receipt.target != "cpu" else ""
    for one in receipt.stages:
        wanted = receipt.target if one.stage in packaged.npu_stages else "cpu"
        floor = packaged.floors.get(one.stage)
        if floor is None or one.evidence.provider != wanted:
            found.append(f"{one.stage} {one.bucket}: ran with {one.evidence.provider}, not with {wanted}")
            continue
        reasons = judge(one.evidence, packaged.outputs[one.stage], floor, never).reasons
        found += [f"{one.stage} {one.bucket}: {reason}" for reason in reasons if reason != ON_CPU]
    chain = chain_misses(receipt.chain, packaged.floors, packaged.buckets[0])
    return found + [f"the whole chain: {miss}" for miss in chain]


def devices_section(receipts: Sequence[Receipt], made: Mapping[str, PackagedTarget]) -> dict[str, Any] | None:
    """The manifest's `devices`: the targets that are verified on a chip, those that failed, and the one to use.

    A target is verified where all of its receipts from there hold. Of the targets that hold, `cpu` among them, the one
    with the lowest real-time factor of the whole chain at the smallest bucket is used; the slowest receipt counts.

    Args:
        made: by target, what is packaged now.

    Returns:
        JSON values; None without receipts.

    Raises:
        PackageError: as `check_receipt`.
    """
    if not receipts:
        return None
    found: dict[Key, list[tuple[Receipt, list[str]]]] = {}
    for receipt in receipts:
        packaged, device = check_receipt(receipt, made), receipt.device
        never = why_never(device)  # the speed of an emulator's CPU must not count either
        judged = [f"this device is {never}"] if never else misses(receipt, packaged)
        for place in keys_of(device, receipts):
            found.setdefault(place, []).append((receipt, judged))
    section: dict[str, Any] = {"socs": {}, "models": {}, "elsewhere": "cpu"}
    for (space, key), judged_receipts in sorted(found.items()):
        section[space][key] = device_entry(judged_receipts)
    return section


def keys_of(device: Device, receipts: Sequence[Receipt]) -> list[Key]:
    """Where a device's receipts stand: under its chip, else under its model.

    Some builds of one phone hide ro.soc.model. What happened there counts for each chip that the model is known to
    have, so that no failure hides beside the chip's entry.
    """
    if device.soc:
        return [("socs", device.soc)]
    chips = sorted({one.device.soc for one in receipts if one.device.model == device.model and one.device.soc})
    return [*(("socs", chip) for chip in chips), ("models", device.model)]


def device_entry(judged: Sequence[tuple[Receipt, list[str]]]) -> dict[str, Any]:
    """The manifest's entry of one chip or model, from its receipts and what each of them misses."""
    failed: dict[str, str] = {}
    factors: dict[str, float] = {}
    for receipt, missed in judged:
        if missed:
            more = f" (and {len(missed) - 1} more)" if len(missed) > 1 else ""
            first = " ".join(missed[0].split())[:MOST_LETTERS]  # a driver's message may have several lines
            failed.setdefault(receipt.target, f"{receipt.device.model or receipt.device.label}: {first}{more}")
        elif receipt.chain is not None and (factor := receipt.chain.real_time_factor) is not None:
            factors[receipt.target] = max(factor, factors.get(receipt.target, factor))
    holds = {target: factor for target, factor in factors.items() if target not in failed}
    verified = sorted(target for target in holds if target in NPU_TARGETS)
    return {
        "verified": verified,
        "hardware": {target: listed_hardware(judged, target) for target in verified},
        "failed": dict(sorted(failed.items())),
        "use": min((factor, target) for target, factor in holds.items())[1] if holds else "cpu",
    }


def listed_hardware(judged: Sequence[tuple[Receipt, list[str]]], target: str) -> list[str]:
    """The devices that a target's provider offered, as "mtk-gpu (GPU)": NNAPI does not say which of them ran a node."""
    runs = (one for receipt, _ in judged if receipt.target == target for one in receipt.npu_stages())
    return sorted({f"{device.name} ({device.type})" for one in runs for device in one.evidence.devices})
