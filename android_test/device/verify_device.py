"""`python -m android_test verify`: a package on a device over adb, stage by stage, and a receipt."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final

from android_test.device.adb import Phone
from android_test.device.chain_run import run_chain
from android_test.device.context_models import context_binaries, refuse_other_chip, refuse_other_sdk
from android_test.device.deploy import deploy
from android_test.device.device_facts import HOME, DeviceFacts, battery, read_device_facts, temperature
from android_test.device.device_run import DeviceRun
from android_test.device.device_session import libraries, provider_of, session_of
from android_test.device.goldens import Goldens, make_goldens
from android_test.device.page_size import check_pages, read_page_size
from android_test.device.probe import (
    RunSettings,
    StageProbe,
    StageResult,
    judged,
    keep_result,
    kept,
    probe_stage,
    weights_beside,
)
from android_test.device.receipt import PAGE, receipt_of, write_receipt
from android_test.device.receipt_page import chain_line, receipt_summary
from export_onnx import console
from export_onnx.errors import DeviceError
from export_onnx.graph.shared_weights import WEIGHTS_FILE
from export_onnx.provenance import sha256, signature
from selector.package.device_verdict import why_never
from selector.package.opened import Package
from selector.package.receipt_schema import ChainRun, Receipt, StageRun
from selector.package.receipts import models_digest

PLAIN: Final = "plain"  # on the device: the graphs that contexts were made from
COMES_BACK: Final = 30.0  # seconds that a device may be away before the rest counts as lost


@dataclass(frozen=True)
class VerifyPlan:
    """What is verified, with what, and where it is kept.

    Attributes:
        runner: the folder of the runner and of the libraries that it needs on the device.
        buckets, stages: names; empty for all of the package.
        again: whether to repeat what an earlier run has found.
        plain: the graphs behind the package's contexts, by bucket and stage, see `context_models.plain_graphs`.
    """

    package: Package
    runner: Path
    work: Path
    settings: RunSettings
    buckets: Sequence[str] = ()
    stages: Sequence[str] = ()
    again: bool = False
    folder: str = HOME
    plain: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)


def verify(phone: Phone, plan: VerifyPlan) -> Receipt:
    """Measures every stage and bucket, and writes the receipt. A fault of the device is part of it.

    Raises:
        DeviceError: there is no runner, a library is linked for smaller memory pages than the device has, or the
            device is gone before anything is known of it; or the package's contexts are of another chip than the
            device's, or of another SDK than the libraries.
        PackageError: the golden sentence does not fit a bucket.
    """
    parts = libraries(plan.runner)
    refuse_other_sdk(plan.package.manifest, parts)
    facts = read_device_facts(phone, plan.folder)
    refuse_other_chip(plan.package.manifest, facts)
    contexts = plan.package.manifest.contexts
    made_for = f"-{contexts.chip.lower()}" if contexts else ""
    serial = re.sub(r"[^A-Za-z0-9.]+", "_", phone.serial)
    place = plan.work / "devices" / f"{plan.package.manifest.target}{made_for}-{serial}"
    reason = why_never(facts.device())
    console.say(f"{plan.package.folder.name} on {phone.serial}: {reason or facts.device().label}")
    for remark in check_pages(parts, read_page_size(phone)):
        console.say(f"  {remark}")
    probes = probes_of(plan, facts, frozenset(parts))
    resume(place, key_of(plan, facts, parts), plan.again)
    before = ("", "")
    try:
        before = (battery(phone), temperature(phone))
        pushed = deploy(phone, files_of(plan, parts, probes), plan.folder)
        phone.shell(f"chmod 755 {plan.folder}/runner")
        console.say(f"pushed {len(pushed)} files")
        broken = None
    except DeviceError as error:
        console.say(f"nothing can be run: {error}")
        broken = StageResult(DeviceRun("not run", str(error)), None, {})
    found: list[StageResult] = []
    for probe in probes:
        away = bool(found) and found[-1].run.outcome == "lost" and not phone.wait(COMES_BACK)
        gone = StageResult(DeviceRun("lost", f"{phone.serial} did not come back in {COMES_BACK:.0f} s"), None, {})
        found.append(broken or (gone if away else look(phone, probe, plan, place)))
    rows = [judged(probe, one, reason) for probe, one in zip(probes, found, strict=True)]
    chain, after = None, ""
    if not broken and phone.is_there():
        chain = whole_chain(phone, plan, probes, place)
        after = temperature(phone) if phone.is_there() else ""
    notes = (before[0], {"before": before[1], "after": after})
    device = facts.device(drivers(rows))
    receipt = receipt_of(plan.package.manifest, device, parts["runner"], found, rows, chain, notes)
    file = write_receipt(receipt, place)
    show_results(receipt)
    console.say(f"{receipt_summary(receipt)} See {file} and {PAGE}")
    return receipt


def probes_of(plan: VerifyPlan, facts: DeviceFacts, names: frozenset[str]) -> list[StageProbe]:
    """Every stage at every bucket, with the sessions that the manifest asks for."""
    manifest = plan.package.manifest
    golden = manifest.golden
    made_from = signature(
        models=models_digest(manifest), golden=golden.model_dump(), onnxruntime=version("onnxruntime")
    )
    cache = plan.work / "goldens" / made_from[:16]
    buckets = [b for b in manifest.buckets if not plan.buckets or b.name in plan.buckets]
    stages = [s for s in manifest.stages if not plan.stages or s.name in plan.stages]
    if not buckets or not stages:
        has = f"{', '.join(b.name for b in manifest.buckets)}; {', '.join(s.name for s in manifest.stages)}"
        raise DeviceError("what to verify", expected=has, got="other names", todo="Check --buckets and --stages.")
    chip = manifest.contexts.chip if manifest.contexts else ""
    cpu = session_of(manifest.providers["cpu"], names, plan.folder, facts.machine)
    probes = []
    with console.progress("golden run here", len(buckets)) as advance:
        for bucket in buckets:
            advance(bucket.name)
            plain = plan.plain.get(bucket.name, {})
            goldens = make_goldens(plan.package, bucket, cache, plain)
            for stage in stages:
                session = session_of(provider_of(manifest, stage), names, plan.folder, facts.machine, chip)
                beside = None if session.provider == "cpu" else cpu
                source = plain.get(stage.name)
                weights = "" if source else weights_beside(bucket.models[stage.name])
                on_cpu = f"{PLAIN}/{source.parent.name}/{source.name}" if source else ""
                floor = golden.floors[stage.name]
                probes.append(StageProbe(stage, goldens, session, beside, floor, weights, on_cpu, source))
    return probes


def files_of(plan: VerifyPlan, parts: dict[str, Path], probes: Sequence[StageProbe]) -> dict[str, Path]:
    """Path on the device -> file here: runner, libraries, models, weights, golden inputs, graphs behind contexts."""
    files = dict(parts)
    names = {name for p in probes for name in (p.goldens.bucket.models[p.stage.name], p.weights) if name}
    names |= set(context_binaries(plan.package.manifest))
    files |= {name: plan.package.folder / name for name in sorted(names)}
    for probe in probes:
        if probe.plain_file is not None:
            files[probe.plain] = probe.plain_file
            if probe.plain_weights:
                files[probe.plain_weights] = probe.plain_file.with_name(WEIGHTS_FILE)
        for port in probe.stage.inputs:
            files[f"golden/{probe.goldens.bucket.name}/{port.name}.bin"] = probe.goldens.file(port.name)
    return files


def key_of(plan: VerifyPlan, facts: DeviceFacts, parts: dict[str, Path]) -> str:
    """What an earlier run's findings must have been made with to count now."""
    return signature(
        models=models_digest(plan.package.manifest),
        golden=plan.package.manifest.golden.model_dump(),
        providers=plan.package.manifest.model_dump(mode="json")["providers"],
        parts={name: sha256(file) for name, file in parts.items()},
        device=[facts.properties, facts.kernel, facts.machine],
        settings=asdict(plan.settings),
    )


def resume(place: Path, key: str, again: bool) -> None:
    """Keeps an earlier run's findings where they were made with the same things, else removes them."""
    place.mkdir(parents=True, exist_ok=True)
    file = place / "key.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
    if again or known != key:
        for old in place.glob("probe_*.json"):
            old.unlink()
    file.write_text(json.dumps(key), encoding="utf-8")


def look(phone: Phone, probe: StageProbe, plan: VerifyPlan, place: Path) -> StageResult:
    """One probe, from an earlier run or measured now; kept as soon as it is known."""
    file = place / f"probe_{probe.name}.json"
    earlier = kept(file)
    if earlier is not None and earlier.conclusive:
        return earlier
    found = probe_stage(phone, probe, plan.folder, plan.settings, place)
    keep_result(found, file)
    console.say(f"  {probe.name} {probe.session.provider}: {found.run.outcome} {found.run.reason}".rstrip())
    return found


def whole_chain(phone: Phone, plan: VerifyPlan, probes: Sequence[StageProbe], place: Path) -> ChainRun | None:
    """The chain at the smallest bucket; None where only some stages were asked for."""
    goldens: Goldens = probes[0].goldens
    sessions = {p.stage.name: p.session for p in probes if p.goldens is goldens}
    stages = plan.package.manifest.stages
    if len(sessions) < len(stages):
        return None
    weights = {p.stage.name: p.weights for p in probes if p.goldens is goldens}
    return run_chain(phone, stages, sessions, goldens, weights, plan.folder, plan.settings, place / "chain.wav")


def drivers(rows: Sequence[StageRun]) -> list[str]:
    """The devices that providers listed, with their types."""
    return list(dict.fromkeys(f"{device.name} ({device.type})" for row in rows for device in row.evidence.devices))


def show_results(receipt: Receipt) -> None:
    """One line per stage and bucket, and one about the chain."""
    for row in receipt.stages:
        times = f", {row.p50_ms:.1f} ms (p95 {row.p95_ms:.1f})" if row.p50_ms is not None and row.p95_ms else ""
        console.say(f"{row.stage} {row.bucket}: {row.verdict}{times}. {'; '.join(row.reasons)}")
    console.say(chain_line(receipt))
