"""Did an NPU run this stage? A pure function over recorded evidence; every condition is known to have been faked.

    strict    the session was made with the CPU disabled, optimizations off and fallback disabled
    whole     every node is on the provider, in one subgraph
    hardware  the provider's device list is not empty and has no CPU in it
    agrees    every output reaches its floor against the golden run
    faster    its median is below that of the CPU provider, measured in the same session

Only all five together verify, and never on an emulator or a computer: there NNAPI and QNN run on the CPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from android_test.device.device_log import nnapi_devices
from android_test.device.device_run import DeviceRun
from selector.package.providers import NPU, NPU_TARGETS
from selector.package.receipts import Verdict

PROVIDERS: Final = {target: NPU[target].name for target in NPU_TARGETS}
CPU_DISABLED, CPU_ONLY = 4, 8  # nnapi_provider_factory.h
NO_DEVICE: Final = {
    "nnapi": "the provider listed no device: NNAPI then checks nothing and runs its CPU reference",
    "qnn": "the provider listed no device: only a QNN that is a plugin names its hardware",
}
LEAST_RUNS: Final = 5  # timed, of each provider


@dataclass(frozen=True)
class Evidence:
    """One stage at one bucket.

    Attributes:
        never: why nothing on this device can be verified; empty for a phone.
        run: with the package's provider.
        cpu: the same file with the CPU provider; None where `run` is that.
        decibels: of `run`'s outputs against the golden ones.
    """

    provider: str
    never: str
    run: DeviceRun
    cpu: DeviceRun | None
    decibels: Mapping[str, float]
    floor: float


@dataclass(frozen=True)
class Judgement:
    """The verdict, the conditions by name, and a reason for each that does not hold."""

    verdict: Verdict
    conditions: dict[str, bool]
    reasons: list[str]


def judge(evidence: Evidence) -> Judgement:
    """The verdict on one stage and bucket."""
    agrees = disagreement(evidence)
    if evidence.run.outcome != "finished":
        return Judgement("failed", {}, [f"{evidence.run.outcome}: {evidence.run.reason}"])
    if evidence.provider not in PROVIDERS:
        return Judgement("not an NPU", {"agrees": not agrees}, ["runs on the CPU", *agrees])
    complaints = {
        "strict": laxness(evidence.provider, evidence.run.result),
        "whole": gaps(evidence.provider, evidence.run.result),
        "hardware": missing_hardware(evidence.provider, evidence.run),
        "agrees": agrees,
        "faster": slowness(evidence.run, evidence.cpu),
    }
    conditions = {name: not found for name, found in complaints.items()}
    reasons = [f"never: {evidence.never}"] if evidence.never else []
    reasons += [f"{name}: {reason}" for name, found in complaints.items() for reason in found]
    return Judgement("not verified" if reasons else "verified", conditions, reasons)


def laxness(provider: str, result: Mapping[str, Any]) -> list[str]:
    """What was left open in how the session was made."""
    found = []
    if result.get("optimization") != "disable_all":
        found.append(f"optimizations were {result.get('optimization')}: they run before the provider is asked")
    if result.get("session", {}).get("session.disable_cpu_ep_fallback") != "1":
        found.append("fallback to the CPU was not disabled")
    if provider == "nnapi":
        flags = int(result.get("flags", 0))
        if not flags & CPU_DISABLED or flags & CPU_ONLY:
            found.append(f"NNAPI's flags were {flags}: its CPU was not disabled")
    else:
        options = result.get("options", {})
        backend = options.get("backend_path") or options.get("backend_type", "")
        if "htp" not in backend.lower():
            found.append(f"QNN's backend was {backend or 'not named'}, not HTP")
    return found


def gaps(provider: str, result: Mapping[str, Any]) -> list[str]:
    """Nodes elsewhere, more than one subgraph, or nothing known about it."""
    parts = {part["provider"]: part for part in result.get("assignment", [])}
    if not result.get("assignment_known") or not parts:
        return ["which provider got which nodes was not recorded"]
    found = [f"{part['nodes']} nodes on {name}" for name, part in parts.items() if name != PROVIDERS[provider]]
    ours = parts.get(PROVIDERS[provider], {"nodes": 0, "subgraphs": 0})
    if ours["nodes"] < 1:
        found.append(f"no node on {PROVIDERS[provider]}")
    elif ours["subgraphs"] != 1:
        found.append(f"{ours['subgraphs']} subgraphs instead of one")
    return found


def missing_hardware(provider: str, run: DeviceRun) -> list[str]:
    """What speaks against hardware behind the provider."""
    if provider == "nnapi":
        listed = [(device.name, device.type, device.is_cpu) for device in nnapi_devices(run.log)]
    else:
        given = run.result.get("hardware", [])
        listed = [(device["name"], device["type"], device["type"] == "CPU") for device in given]
    if not listed:
        return [NO_DEVICE[provider]]
    found = [f"{name} is a CPU" for name, _, is_cpu in listed if is_cpu]
    if not found and all(kind == "GPU" for _, kind, _ in listed):
        found.append("only a GPU")
    return found


def disagreement(evidence: Evidence) -> list[str]:
    """Outputs below the floor; no output is no agreement."""
    if not evidence.decibels:
        return ["no output was compared"]
    bad = {name: db for name, db in evidence.decibels.items() if not db >= evidence.floor}
    return [f"{name} at {db:g} dB, floor {evidence.floor:g}" for name, db in bad.items()]


def slowness(run: DeviceRun, cpu: DeviceRun | None) -> list[str]:
    """What keeps it from being faster than the CPU provider."""
    if cpu is None or cpu.outcome != "finished":
        return ["the CPU provider was not measured beside it"]
    ours, theirs = run.result["runs_ms"], cpu.result["runs_ms"]
    if min(len(ours), len(theirs)) < LEAST_RUNS:
        return [f"{len(ours)} and {len(theirs)} timed runs, {LEAST_RUNS} of each are needed"]
    if not median(ours) < median(theirs):
        return [f"{median(ours):.1f} ms, the CPU provider takes {median(theirs):.1f} ms"]
    return []
