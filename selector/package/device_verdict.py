"""Did an NPU run this stage, and does the whole chain speak? Pure functions over the evidence in a receipt.

Every condition is known to have been faked:

    strict    the session was made with the options that the package ships: the CPU disabled, optimizations off,
              fallback disabled, no other mode of the provider
    whole     every node is on the provider, in one subgraph
    hardware  the provider lists an NPU or accelerator, and no CPU
    agrees    every output of the stage reaches its floor against the golden run
    faster    its median is below that of the CPU provider, measured in the same session

Only all five together verify, and never on an emulator or a computer: there NNAPI and QNN run on the CPU.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

from export_onnx.proof.decibels import CEILING
from selector.package.providers import NPU, NPU_TARGETS
from selector.package.receipt_schema import NO_FALLBACK_ENTRY, ChainRun, Device, ListedDevice, StageEvidence, Verdict

PROVIDERS: Final = {target: NPU[target].name for target in NPU_TARGETS}
FLAGS: Final = {"nnapi": 4}  # CPU_DISABLED of nnapi_provider_factory.h and no other: 1 computes in half precision
ASSIGNMENT_ENTRY: Final = "session.record_ep_graph_assignment_info"  # of the verification; it changes no computation
# The verification's own options of QNN: clocks, and the chip that a simulation has to be told.
BESIDE: Final = ("htp_performance_mode", "soc_model", "htp_arch")
HTP_LIBRARY: Final = "libQnnHtp.so"
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


def judge(evidence: StageEvidence, outputs: Collection[str], floor: float, never: str) -> Judgement:
    """The verdict on one stage and bucket.

    Args:
        outputs: names of the stage's outputs.
        floor: dB that every output has to reach.
        never: `why_never` of the device.
    """
    agrees = disagreement(evidence, outputs, floor)
    if evidence.outcome != "finished":
        return Judgement("failed", {}, [f"{evidence.outcome}: {evidence.reason}"])
    if evidence.provider not in PROVIDERS:
        loose = laxness(evidence)
        return Judgement("not an NPU", {"strict": not loose, "agrees": not agrees}, [ON_CPU, *loose, *agrees])
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
    """Where the session was made with other options than those of `providers.NPU`, which the package ships."""
    shipped = NPU[evidence.provider]
    found = []
    if evidence.optimization != shipped.optimization:
        found.append(f"optimizations were {evidence.optimization}, not {shipped.optimization}")
    entries = {name: value for name, value in evidence.session.items() if name != ASSIGNMENT_ENTRY}
    if evidence.provider in PROVIDERS and entries.get(NO_FALLBACK_ENTRY) != "1":
        found.append("fallback to the CPU was not disabled")
    elif entries != shipped.session:
        found.append(f"session entries were {entries}, not {shipped.session}")
    options = {name: value for name, value in evidence.options.items() if name not in BESIDE}
    if options.get("backend_path", "").rpartition("/")[2] == HTP_LIBRARY:
        options = {"backend_type": "htp", **{n: v for n, v in options.items() if n != "backend_path"}}
    if options != shipped.options:
        found.append(f"the provider's options were {options}, not {shipped.options}")
    if evidence.flags != FLAGS.get(evidence.provider, 0):
        found.append(f"NNAPI's flags were {evidence.flags}, not {FLAGS.get(evidence.provider, 0)}: 4 disables its CPU")
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


def disagreement(evidence: StageEvidence, outputs: Collection[str], floor: float) -> list[str]:
    """Outputs that were not compared, are none of the stage's, or are below the floor."""
    there = evidence.decibels
    found = [f"{name} was not compared" for name in outputs if name not in there]
    found += [f"{name} is no output of the stage" for name in there if name not in outputs]
    return found + [f"{name} at {db:g} dB, floor {floor:g}" for name, db in there.items() if not db >= floor]


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
