"""A receipt: what one device showed about one package. The only schema of `receipt.json`.

A receipt carries the evidence and the verdicts made from it. `device_verdict` judges the evidence, once where it is
recorded and once more where the receipt is packaged. Every figure that follows from others is a property, not a field.
Times are in ms, memory is in MB; None stands for what was not measured.
"""

from __future__ import annotations

from statistics import median, quantiles
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field, model_validator

from export_onnx.proof.decibels import CEILING
from selector.package.providers import Target
from selector.package.strict_schema import Count, Sha256, StrictSchema

RECEIPT_VERSION: Final = 2
Verdict = Literal["verified", "not verified", "not an NPU", "failed"]
# finished: it ran.              refused: the runner says why it did not.   disk full: there was no room to write.
# crashed: the process died.     timeout: it was ended at the limit.        garbage: it ended without a sound result.
# lost: the line to the device broke.   not run: something before it failed.
RunOutcome = Literal["finished", "refused", "disk full", "crashed", "timeout", "garbage", "lost", "not run"]
ProviderName = Target  # the runner calls a provider as its target is called
NO_FALLBACK_ENTRY: Final = "session.disable_cpu_ep_fallback"
Milliseconds = Annotated[float, Field(ge=0)]
Seconds = Annotated[float, Field(gt=0)]
Decibels = Annotated[float, Field(ge=-CEILING, le=CEILING)]


class FiniteSchema(StrictSchema):
    """Numbers are finite: a comparison with NaN says nothing, and JSON has no name for it."""

    model_config = ConfigDict(allow_inf_nan=False)


class Device(FiniteSchema):
    """What was connected, as Android's properties and `uname` say; empty where they say nothing.

    Attributes:
        model, soc: ro.product.model and ro.soc.model alone.
        api_level: 0 on what is no Android.
        hardware: ro.hardware, by which emulators are known.
        qemu: whether Android says that it runs in an emulator.
        drivers: the devices that providers listed.
    """

    model: str
    manufacturer: str
    soc: str
    android: str
    api_level: Count
    abi: str
    build: str
    kernel: str
    machine: str
    hardware: str
    qemu: bool
    drivers: list[str]

    @property
    def label(self) -> str:
        """For people: the chip, else the model, else the machine."""
        return self.soc or self.model or self.machine


class Assigned(FiniteSchema):
    """The nodes that one execution provider (by ONNX Runtime's name) got, and in how many subgraphs."""

    provider: str
    subgraphs: Count
    nodes: Count


class ListedDevice(FiniteSchema):
    """One device that the provider offered to the session. `type`: CPU, GPU, NPU, accelerator, other or unknown."""

    name: str
    type: str


class RunBeside(FiniteSchema):
    """The same file with the CPU provider, measured beside the stage."""

    outcome: RunOutcome
    runs_ms: list[Milliseconds]


class StageEvidence(FiniteSchema):
    """What one stage at one bucket left on the device: everything that its verdict is made from.

    Attributes:
        provider: that the session was made with.
        optimization, session, options, flags: of the session, as read back from it or handed to the provider; `flags`
            are NNAPI's.
        assignment_recorded: whether the runtime could say which provider got which nodes.
        devices: what the provider listed.
        decibels: by output, against the golden run; 200 is equal, -200 is missing or of another shape.
        runs_ms: the timed runs.
        cpu: None where `provider` is the CPU.
    """

    outcome: RunOutcome
    reason: str
    provider: ProviderName
    optimization: str
    session: dict[str, str]
    options: dict[str, str]
    flags: Count
    assignment_recorded: bool
    assignment: list[Assigned]
    devices: list[ListedDevice]
    decibels: dict[str, Decibels]
    runs_ms: list[Milliseconds]
    cpu: RunBeside | None


class StageRun(FiniteSchema):
    """One stage at one bucket of `seconds`: the evidence, and the verdict on it with the package's floor in dB."""

    stage: str
    bucket: str
    seconds: Seconds
    floor: float
    verdict: Verdict
    conditions: dict[str, bool]
    reasons: list[str]
    evidence: StageEvidence
    load_ms: Milliseconds | None
    second_load_ms: Milliseconds | None = None  # of a context, which is closed and loaded again
    first_run_ms: Milliseconds | None
    peak_mb: Annotated[float, Field(ge=0)] | None
    temperature: str

    @property
    def p50_ms(self) -> float | None:
        """Median of the timed runs."""
        return median(self.evidence.runs_ms) if self.evidence.runs_ms else None

    @property
    def p95_ms(self) -> float | None:
        """The 95th percentile, interpolated between the timed runs."""
        runs = self.evidence.runs_ms
        return quantiles(runs, n=20, method="inclusive")[-1] if len(runs) > 1 else self.p50_ms

    @property
    def cpu_p50_ms(self) -> float | None:
        """Median of the CPU provider beside it."""
        beside = self.evidence.cpu
        return median(beside.runs_ms) if beside and beside.runs_ms else None

    @property
    def real_time_factor(self) -> float | None:
        """Median time divided by the bucket's seconds."""
        return None if self.p50_ms is None else self.p50_ms / 1000 / self.seconds


class ChainRun(FiniteSchema):
    """The whole chain once, stage after stage on the device, each stage in a process of its own.

    Attributes:
        outcome: "finished", or which stage ended how.
        seconds_of_sound: of the golden sentence.
        stage_ms: by stage, without loading.
        decibels: of `frames_per_token`, `n_frames` and `waveform` against the golden run; 200 is equal.
        wav: the file beside the receipt.
    """

    bucket: str
    outcome: str
    seconds_of_sound: Seconds | None
    stage_ms: dict[str, Milliseconds]
    decibels: dict[str, Decibels]
    wav: str

    @property
    def real_time_factor(self) -> float | None:
        """Time of all stages divided by the seconds of sound; None where the chain did not finish."""
        if self.outcome != "finished" or self.seconds_of_sound is None:
            return None
        return sum(self.stage_ms.values()) / 1000 / self.seconds_of_sound


class Receipt(FiniteSchema):
    """One package on one device.

    Attributes:
        contexts_for: the chip of the package's contexts; empty for a package of plain models.
        left_out: the stages and buckets that the run was told to skip.
    """

    receipt_version: Literal[2]
    made: str
    package: str
    target: Target
    contexts_for: str = ""
    models_sha256: Sha256
    version: str
    onnxruntime: str
    runner_sha256: Sha256
    device: Device
    battery: str
    temperature: dict[str, str]
    stages: Annotated[list[StageRun], Field(min_length=1)]
    left_out: list[str]
    chain: ChainRun | None
    not_proven: list[str]

    @model_validator(mode="after")
    def _each_once(self) -> Receipt:
        runs = [(one.stage, one.bucket) for one in self.stages]
        if len(set(runs)) < len(runs):
            raise ValueError("a stage stands there twice at one bucket")
        return self

    def npu_stages(self) -> list[StageRun]:
        """Those that were run with an NPU's provider."""
        return [one for one in self.stages if one.evidence.provider != "cpu"]
