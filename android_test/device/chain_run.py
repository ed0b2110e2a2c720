"""The golden sentence through the whole chain on the device: what stage gives stage stays there, a WAV comes back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
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
from selector.package.manifest import StageContract
from selector.package.receipts import ChainRun

FOLDER: Final = "chain"


def run_chain(
    phone: Phone,
    stages: list[StageContract],
    sessions: Mapping[str, Session],
    goldens: Goldens,
    weights: str,
    folder: str,
    settings: RunSettings,
    wav: Path,
) -> ChainRun:
    """Every stage in order, each in a process of its own; the sound goes to `wav`.

    Args:
        sessions: by stage.
        folder: on the device; holds the golden inputs.
    """
    made: dict[str, str] = {}
    milliseconds, last = 0.0, None
    for stage in stages:
        inputs = {p.name: made.get(p.name, golden_name(goldens, p.name)) for p in stage.inputs}
        outputs = {p.name: f"{FOLDER}/{p.name}.bin" for p in stage.outputs}
        job = RunJob(stage, goldens.bucket, sessions[stage.name], inputs, outputs, weights, warmup=0, runs=1)
        done = run_on_device(phone, job, folder, settings.limit)
        if done.outcome != "finished":
            return _failed(goldens, f"{stage.name}: {done.outcome}: {done.reason}")
        milliseconds += sum(done.result["runs_ms"])
        made |= outputs
        last = (stage, done)
    assert last is not None  # a package has stages
    try:
        got = fetch(phone, last[1], folder, wav.parent)
    except DeviceError as error:
        return _failed(goldens, str(error))
    decibels = compare_goldens(last[0], goldens.tensors, got)["waveform"]
    samples = np.asarray(got["waveform"], np.float32)[0, : round(goldens.seconds * SAMPLE_RATE)]
    wav.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(wav, samples.clip(-1, 1), SAMPLE_RATE, subtype="PCM_16")
    return ChainRun(
        bucket=goldens.bucket.name,
        outcome="finished",
        seconds_of_sound=round(goldens.seconds, 3),
        real_time_factor=round(milliseconds / 1000 / goldens.seconds, 3),
        decibels=decibels,
        wav=wav.name,
    )


def _failed(goldens: Goldens, outcome: str) -> ChainRun:
    return ChainRun(
        bucket=goldens.bucket.name,
        outcome=outcome[:300],
        seconds_of_sound=None,
        real_time_factor=None,
        decibels=None,
        wav="",
    )
