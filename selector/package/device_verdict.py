"""Did an NPU run this stage, and does the whole chain speak? Pure functions over the evidence in a receipt.

Every condition is known to have been faked:

    strict    the session was made with the CPU disabled, optimizations off and fallback disabled
    whole     every node is on the provider, in one subgraph
    hardware  the provider lists an NPU or accelerator, and no CPU
    agrees    every output reaches its floor against the golden run
    faster    its median is below that of the CPU provider, measured in the same session

Only all five together verify, and never on an emulator or a computer: there NNAPI and QNN run on the CPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

from export_onnx.proof.decibels import CEILING
from selector.package.providers import NPU, NPU_TARGETS
from selector.package.receipt_schema import NO_FALLBACK_ENTRY, ChainRun, Device, ListedDevice, StageEvidence, Verdict

PROVIDERS: Final = {target: NPU[target].name for target in NPU_TARGETS}
CPU_DISABLED, CPU_ONLY = 4, 8  # nnapi_provider_factory.h
REFERENCE: Final = "nnapi-reference"  # NNAPI's own CPU implementation
NO_DEVICE: Final = {
    "nnapi": "the provider listed no device: NNAPI then checks nothing and runs its CPU reference",
    "qnn": "the provider listed no device: only a QNN that is a plugin names its hardware",
}
HARDWARE: Final = ("NPU", "accelerator")  # as QNN's plugin and as NNAPI call it; "other" and "unknown" prove nothing
LEAST_RUNS: Final = 5  # timed, of each provider
# How ro.hardware of emulators and of containers begins: ranchu64 is one, too.
EMULATORS: Final = ("goldfish", "ranchu", "cutf_cvm", "vbox86", "cuttlefish", "redroid", "waydroid")
ON_CPU: Final = "runs on the CPU"  # no fault: the reason why a stage is no NPU stage
EQUAL: Final = ("frames_per_token", "n_frames")  # of the chain: one frame more moves every sample behind it
# dB below the lowest floor of a stage. Each stage alone may be as far off as its floor; independent errors of four
# stages at their floors have four times the power of one, which is 6 dB.
CHAIN_MARGIN: Final = 6.0


@dataclass(frozen=True)
class Judgement:
    """The verdict, the conditions by name, and a reason for each that does not hold."""

    verdict: Verdict
    conditions: dict[str, bool]
    reasons: list[str]


def why_never(device: Device) -> str:
    """Why nothing on this device can be verified as an NPU; empty for a phone."""
    if not device.api_level:
        return f"no Android ({device.kernel} {device.machine}): a computer, whose NPU is at most simulated"
    if device.qemu or device.hardware.startswith(EMULATORS):
        return f"an emulator ({device.hardware or 'qemu'}): its NNAPI runs on the computer"
    if not device.abi.startswith("arm") or not device.machine.startswith(("aarch64", "arm")):
        return f"ABI {device.abi or 'unknown'} on {device.machine or 'unknown'}: phones with an NPU are arm"
    return ""


def judge(evidence: StageEvidence, floor: float, never: str) -> Judgement:
    """The verdict on one stage and bucket.

    Args:
        floor: dB that every output has to reach.
        never: `why_never` of the device.
    """
    agrees = disagreement(evidence, floor)
    if evidence.outcome != "finished":
        return Judgement("failed", {}, [f"{evidence.outcome}: {evidence.reason}"])
    if evidence.provider not in PROVIDERS:
        return Judgement("not an NPU", {"agrees": not agrees}, [ON_CPU, *agrees])
    complaints = {
        "strict": laxness(evidence),
        "whole": gaps(evidence),
        "hardware": missing_hardware(evidence),
        "agrees": agrees,
        "faster": slowness(evidence),
    }
    conditions = {name: not found for name, found in complaints.items()}
    reasons = [f"never: {never}"] if never else []
    reasons += [f"{name}: {reason}" for name, found in complaints.items() for reason in found]
    return Judgement("not verified" if reasons else "verified", conditions, reasons)


def laxness(evidence: StageEvidence) -> list[str]:
    """What was left open in how the session was made."""
    found = []
    if evidence.optimization != "disable_all":
        found.append(f"optimizations were {evidence.optimization}: they run before the provider is asked")
    if evidence.session.get(NO_FALLBACK_ENTRY) != "1":
        found.append("fallback to the CPU was not disabled")
    if evidence.provider == "nnapi":
        if not evidence.flags & CPU_DISABLED or evidence.flags & CPU_ONLY:
            found.append(f"NNAPI's flags were {evidence.flags}: its CPU was not disabled")
    else:
        backend = evidence.options.get("backend_path") or evidence.options.get("backend_type", "")
        if "htp" not in backend.rpartition("/")[2].lower():
            found.append(f"QNN's backend was {backend or 'not named'}, not HTP")
    return found


def gaps(evidence: StageEvidence) -> list[str]:
    """Nodes elsewhere, more than one subgraph, or nothing known about it."""
    if not evidence.assignment_recorded or not evidence.assignment:
        return ["which provider got which nodes was not recorded"]
    name = PROVIDERS[evidence.provider]
    ours = [part for part in evidence.assignment if part.provider == name]
    found = [f"{part.nodes} nodes on {part.provider}" for part in evidence.assignment if part.provider != name]
    if sum(part.nodes for part in ours) < 1:
        found.append(f"no node on {name}")
    elif (subgraphs := sum(part.subgraphs for part in ours)) != 1:
        found.append(f"{subgraphs} subgraphs instead of one")
    return found


def missing_hardware(evidence: StageEvidence) -> list[str]:
    """What speaks against hardware behind the provider."""
    if not evidence.devices:
        return [NO_DEVICE[evidence.provider]]
    found = [f"{device.name} is a CPU" for device in evidence.devices if is_cpu(device)]
    if not found and not any(device.type in HARDWARE for device in evidence.devices):
        kinds = ", ".join(f"{device.name} ({device.type})" for device in evidence.devices)
        found.append(f"no {' or '.join(HARDWARE)} is listed, only {kinds}")
    return found


def is_cpu(device: ListedDevice) -> bool:
    """A CPU by its type or by its name."""
    return device.type == "CPU" or device.name == REFERENCE


def disagreement(evidence: StageEvidence, floor: float) -> list[str]:
    """Outputs below the floor; no output is no agreement."""
    if not evidence.decibels:
        return ["no output was compared"]
    bad = {name: db for name, db in evidence.decibels.items() if not db >= floor}
    return [f"{name} at {db:g} dB, floor {floor:g}" for name, db in bad.items()]


def slowness(evidence: StageEvidence) -> list[str]:
    """What keeps it from being faster than the CPU provider."""
    if evidence.cpu is None or evidence.cpu.outcome != "finished":
        return ["the CPU provider was not measured beside it"]
    ours, theirs = evidence.runs_ms, evidence.cpu.runs_ms
    if min(len(ours), len(theirs)) < LEAST_RUNS:
        return [f"{len(ours)} and {len(theirs)} timed runs, {LEAST_RUNS} of each are needed"]
    if not median(ours) < median(theirs):
        return [f"{median(ours):.1f} ms, the CPU provider takes {median(theirs):.1f} ms"]
    return []


def chain_misses(chain: ChainRun | None, floors: Mapping[str, float], bucket: str) -> list[str]:
    """Why the whole chain does not hold; empty where it does.

    Args:
        floors: dB by stage, of every stage in the package.
        bucket: the smallest one, at which the chain is run.
    """
    if chain is None:
        return ["it was not run"]
    if chain.outcome != "finished":
        return [chain.outcome]
    found = [f"it ran at {chain.bucket}, not at {bucket}"] if chain.bucket != bucket else []
    if untimed := [stage for stage in floors if not chain.stage_ms.get(stage)]:
        found.append(f"no time of {', '.join(untimed)}")
    if chain.seconds_of_sound is None:
        found.append("it has no seconds of sound")
    found += [f"{name} differs from the golden run's" for name in EQUAL if chain.decibels.get(name) != CEILING]
    floor, waveform = chain_floor(floors), chain.decibels.get("waveform", -CEILING)
    if not waveform >= floor:
        found.append(f"waveform at {waveform:g} dB, floor {floor:g}")
    return found


def chain_floor(floors: Mapping[str, float]) -> float:
    """dB that the chain's waveform has to reach."""
    return min(floors.values()) - CHAIN_MARGIN
