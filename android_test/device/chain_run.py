"""The golden sentence through the whole chain on the device: tensors between stages stay there.

The sound comes back as a WAV, and the counts of frames with it, for `device_verdict.chain_misses`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
import soundfile

from android_test.device.adb import Phone
from android_test.device.device_run import RunJob, run_on_device
from android_test.device.device_session import Session
from android_test.device.goldens import Goldens, compare_goldens
from android_test.device.probe import RunSettings, fetch, golden_name
from export_onnx.errors import DeviceError
from export_onnx.geometry import SAMPLE_RATE
from export_onnx.run.padding import Tensors
from selector.package.device_verdict import EQUAL
from selector.package.manifest import StageContract
from selector.package.receipt_schema import ChainRun

FOLDER: Final = "chain"
COMPARED: Final = (*EQUAL, "waveform")


def run_chain(
    phone: Phone,
    stages: list[StageContract],
    sessions: Mapping[str, Session],
    goldens: Goldens,
    weights: Mapping[str, str],
    folder: str,
    settings: RunSettings,
    wav: Path,
) -> ChainRun:
    """Every stage in order, each in a process of its own and timed as often as alone; the sound goes to `wav`.

    One cold run per stage would say more about the file system than about the target, and targets are compared by it.

    Args:
        sessions, weights: by stage.
        folder: on the device; holds the golden inputs.
    """
    made: dict[str, str] = {}
    got: Tensors = {}
    stage_ms: dict[str, float] = {}
    for stage in stages:
        inputs = {p.name: made.get(p.name, golden_name(goldens, p.name)) for p in stage.inputs}
        outputs = {p.name: f"{FOLDER}/{p.name}.bin" for p in stage.outputs}
        session, bucket = sessions[stage.name], goldens.bucket
        job = RunJob(stage, bucket, session, inputs, outputs, weights[stage.name], settings.warmup, settings.runs)
        done = run_on_device(phone, job, folder, settings.limit)
        if done.outcome != "finished" or done.result is None:
            return _failed(goldens, f"{stage.name}: {done.outcome}: {done.reason}")
        stage_ms[stage.name] = round(median(done.result.runs_ms), 4)
        made |= outputs
        try:
            got |= fetch(phone, done, folder, wav.parent, COMPARED)
        except DeviceError as error:
            return _failed(goldens, f"{stage.name}: {error}")
    compared = {name: db for s in stages for name, db in compare_goldens(s, goldens.tensors, got, COMPARED).items()}
    samples = got["waveform"].astype(np.float32).reshape(-1)[: round(goldens.seconds * SAMPLE_RATE)]
    wav.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(wav, np.nan_to_num(samples).clip(-1, 1), SAMPLE_RATE, subtype="PCM_16")
    return ChainRun(
        bucket=goldens.bucket.name,
        outcome="finished",
        seconds_of_sound=round(goldens.seconds, 3),
        stage_ms=stage_ms,
        decibels=compared,
        wav=wav.name,
    )


def _failed(goldens: Goldens, outcome: str) -> ChainRun:
    return ChainRun(
        bucket=goldens.bucket.name,
        outcome=outcome[:300],
        seconds_of_sound=None,
        stage_ms={},
        decibels={},
        wav="",
    )
