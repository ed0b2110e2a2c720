"""Receipts of a phone whose NPU runs the stages, to change one thing in."""

from __future__ import annotations

from typing import Any

from export_onnx.contracts import STAGES
from selector.package.device_verdict import judge, why_never
from selector.package.providers import CPU, HTP
from selector.package.receipt_schema import ChainRun, Device, Receipt, StageEvidence, StageRun
from selector.package.receipts import PackagedTarget

DIGEST = "1" * 64
NPU_STAGES = ("decoder", "generator")
NAMES = tuple(stage.name for stage in STAGES)
BUCKETS = ("5s", "10s")
OUTPUTS = {stage.name: tuple(port.name for port in stage.outputs) for stage in STAGES}
FLOORS = dict.fromkeys(NAMES, 40.0) | dict.fromkeys(NPU_STAGES, 30.0)
RUNS_MS = [4.0, 4.1, 4.2, 4.3, 4.4]
CPU_MS = [20.0, 20.5, 21.0, 21.5, 22.0]
SESSIONS: dict[str, dict[str, Any]] = {
    "cpu": {"optimization": "all", "devices": [], "session": CPU.session},
    "nnapi": {"options": {"NNAPI_FLAG_CPU_DISABLED": "1"}, "flags": 4},
    "qnn": {
        "options": {**HTP, "backend_path": "/data/libQnnHtp.so", "htp_performance_mode": "burst"},
        "devices": [{"name": "Qualcomm", "type": "NPU"}],
    },
}
ORT_NAMES = {"cpu": "CPUExecutionProvider", "nnapi": "NnapiExecutionProvider", "qnn": "QNNExecutionProvider"}


def packaged(npu_stages: tuple[str, ...] = NPU_STAGES, **change: Any) -> PackagedTarget:
    """What the receipts here are held against."""
    fields: dict[str, Any] = {"models_sha256": DIGEST, "floors": FLOORS, "outputs": OUTPUTS}
    return PackagedTarget(**fields | {"npu_stages": npu_stages, "buckets": BUCKETS} | change)


def evidence(name: str, provider: str = "nnapi", **change: Any) -> StageEvidence:
    """Of a stage that holds."""
    fields = {
        "outcome": "finished",
        "reason": "",
        "provider": provider,
        "optimization": "disable_all",
        "session": {"session.disable_cpu_ep_fallback": "1"},
        "options": {},
        "flags": 0,
        "assignment_recorded": True,
        "assignment": [{"provider": ORT_NAMES[provider], "subgraphs": 1, "nodes": 284}],
        "devices": [{"name": "qti-dsp", "type": "accelerator"}],
        "decibels": dict.fromkeys(OUTPUTS[name], 50.0),
        "runs_ms": RUNS_MS,
        "cpu": None if provider == "cpu" else {"outcome": "finished", "runs_ms": CPU_MS},
    }
    return StageEvidence.model_validate(fields | SESSIONS[provider] | change)


def stage(
    name: str, bucket: str, provider: str = "nnapi", npu: tuple[str, ...] = NPU_STAGES, **change: Any
) -> StageRun:
    """A row whose verdict follows from its evidence. NPU stages run with `provider`.

    Args:
        change: of the evidence.
    """
    seen = evidence(name, provider if name in npu else "cpu", **change)
    verdict = judge(seen, OUTPUTS[name], FLOORS[name], "")
    return StageRun(
        stage=name,
        bucket=bucket,
        seconds=float(bucket.removesuffix("s")),
        floor=FLOORS[name],
        verdict=verdict.verdict,
        conditions=verdict.conditions,
        reasons=verdict.reasons,
        evidence=seen,
        load_ms=1.0,
        first_run_ms=1.0,
        peak_mb=100.0,
        temperature="",
    )


def stages(
    provider: str = "nnapi", buckets: tuple[str, ...] = BUCKETS, planted: str = "", **change: Any
) -> list[StageRun]:
    """The rows of a whole receipt; `change` goes to the evidence of `planted`, named as "generator 10s"."""
    pairs = [(bucket, name) for bucket in buckets for name in NAMES]
    return [stage(n, b, provider, **(change if f"{n} {b}" == planted else {})) for b, n in pairs]


def chain(milliseconds: float = 50.0, **change: Any) -> ChainRun:
    """A chain that holds: eight stages of `milliseconds` each for two seconds of sound."""
    fields = {
        "bucket": "5s",
        "outcome": "finished",
        "seconds_of_sound": 2.0,
        "stage_ms": dict.fromkeys(NAMES, milliseconds),
        "decibels": {"frames_per_token": 200.0, "n_frames": 200.0, "waveform": 31.0},
        "wav": "chain.wav",
    }
    return ChainRun.model_validate(fields | change)


def device(**change: Any) -> Device:
    """A phone with a chip that has a name."""
    fields = {
        "model": "A phone",
        "manufacturer": "Somebody",
        "soc": "SM8550",
        "android": "14",
        "api_level": 34,
        "abi": "arm64-v8a",
        "build": "b",
        "kernel": "Linux 5",
        "machine": "aarch64",
        "hardware": "qcom",
        "qemu": False,
        "drivers": ["qti-dsp (accelerator)"],
    }
    return Device.model_validate(fields | change)


def receipt(target: str = "nnapi", digest: str = DIGEST, **change: Any) -> Receipt:
    """Of a phone on which `target` holds; verdicts are judged anew for a changed device."""
    fields: dict[str, Any] = {
        "receipt_version": 2,
        "made": "2026-01-01T00:00:00Z",
        "package": "kokoro-npu-fake",
        "target": target,
        "models_sha256": digest,
        "version": "0.1.0",
        "onnxruntime": "1.30.0",
        "runner_sha256": DIGEST,
        "device": device(),
        "battery": "",
        "temperature": {},
        "stages": stages(target),
        "left_out": [],
        "chain": chain(),
        "not_proven": [],
    }
    made = Receipt(**fields | change)
    never = why_never(made.device)
    return made.model_copy(update={"stages": [_again(one, never) for one in made.stages]}) if never else made


def _again(one: StageRun, never: str) -> StageRun:
    verdict = judge(one.evidence, OUTPUTS[one.stage], one.floor, never)
    return one.model_copy(update={"verdict": verdict.verdict, "reasons": verdict.reasons})
