"""The verdict: five conditions, each with a false pass that it must refuse, and nothing else in its way."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from android_test.device.device_log import NnapiDevice, condensed, nnapi_devices
from android_test.device.device_verdict import Evidence, judge
from android_test.device.probe import run_of

LOGS = Path(__file__).parent / "device_logs"
CONDITIONS = ("strict", "whole", "hardware", "agrees", "faster")
NAMES = sorted(file.stem for file in LOGS.glob("*.json"))


def evidence(name: str) -> Evidence:
    stored = json.loads((LOGS / f"{name}.json").read_text(encoding="utf-8"))
    assert stored.pop("story")
    cpu = run_of(stored.pop("cpu"))
    return Evidence(run=run_of(stored.pop("run")), cpu=cpu, **stored)


def test_what_holds_is_verified() -> None:
    verdict = judge(evidence("holds"))
    assert (verdict.verdict, verdict.reasons) == ("verified", [])
    assert verdict.conditions == dict.fromkeys(CONDITIONS, True)


@pytest.mark.parametrize("name", [n for n in NAMES if n.partition("_")[0] in CONDITIONS])
def test_each_condition_refuses_its_false_pass_alone(name: str) -> None:
    """No other condition would have caught it."""
    verdict = judge(evidence(name))
    condition = name.partition("_")[0]
    assert verdict.verdict == "not verified"
    assert [c for c, held in verdict.conditions.items() if not held] == [condition]
    assert verdict.reasons
    assert all(reason.startswith(f"{condition}: ") for reason in verdict.reasons)


def test_every_condition_has_a_false_pass() -> None:
    assert {name.partition("_")[0] for name in NAMES} >= set(CONDITIONS) | {"never", "recorded", "failed"}


@pytest.mark.parametrize("name", [n for n in NAMES if n != "holds"])
def test_only_what_holds_is_verified(name: str) -> None:
    assert judge(evidence(name)).verdict != "verified"


def test_an_emulator_is_never_verified_whatever_it_shows() -> None:
    verdict = judge(evidence("never_emulator"))
    assert verdict.verdict == "not verified"
    assert all(verdict.conditions.values())
    assert verdict.reasons[0].startswith("never: an emulator")


def test_real_recordings_of_what_is_no_npu() -> None:
    lying = judge(evidence("recorded_cpu_as_nnapi"))
    assert not lying.conditions["strict"]
    assert not lying.conditions["whole"]
    assert not lying.conditions["hardware"]
    simulated = judge(evidence("recorded_simulation_as_qnn"))
    assert simulated.conditions["strict"]
    assert simulated.conditions["whole"]
    assert simulated.conditions["agrees"]
    assert not simulated.conditions["hardware"]
    assert not simulated.conditions["faster"]


def test_what_died_has_no_conditions() -> None:
    verdict = judge(evidence("failed_crash"))
    assert (verdict.verdict, verdict.conditions) == ("failed", {})
    assert "SIGABRT" in verdict.reasons[0]


def test_the_cpu_is_no_npu_and_still_has_to_agree() -> None:
    on_cpu = dataclasses.replace(evidence("holds"), provider="cpu", cpu=None)
    assert judge(on_cpu).verdict == "not an NPU"
    assert judge(on_cpu).reasons == ["runs on the CPU"]
    wrong = judge(dataclasses.replace(on_cpu, decibels={"d_en": 3.0}))
    assert wrong.reasons == ["runs on the CPU", "d_en at 3 dB, floor 30"]


def test_a_qnn_backend_that_is_no_htp_is_refused() -> None:
    held = evidence("recorded_simulation_as_qnn")
    result = held.run.result | {"options": {"backend_path": "/data/local/tmp/libQnnCpu.so"}}
    verdict = judge(dataclasses.replace(held, run=dataclasses.replace(held.run, result=result)))
    assert "strict: QNN's backend was /data/local/tmp/libQnnCpu.so, not HTP" in verdict.reasons


def found(*devices: str) -> str:
    """The line as the provider writes it, behind the severity that the runner puts before it."""
    return f"0 Found devices [{''.join(f'{device},  ,' for device in devices)}] in NNAPI"


DSP, GPU = "[Name: [qti-dsp], Type [4]]", "[Name: [mtk-gpu], Type [3]]"
REFERENCE = "[Name: [nnapi-reference], Type [2]]"


def test_a_long_log_keeps_its_devices_and_errors() -> None:
    first, last = found(DSP), found(REFERENCE)
    long = "\n".join([first, *["1 noise"] * 3000, last, "3 an error", *["1 noise"] * 3000])
    short = condensed(long)
    assert len(short.splitlines()) < 300
    assert "3 an error" in short
    assert nnapi_devices(short) == nnapi_devices(long) == (NnapiDevice("nnapi-reference", "CPU"),)
    assert condensed(first) == first


def test_the_last_list_of_devices_counts_also_where_it_is_empty() -> None:
    log = "\n".join([found(DSP, REFERENCE), "1 something else", found(DSP, GPU), "1 the end"])
    assert nnapi_devices(log) == (NnapiDevice("qti-dsp", "accelerator"), NnapiDevice("mtk-gpu", "GPU"))
    assert nnapi_devices(f"{log}\n{found()}") == ()
    assert nnapi_devices("1 no device at all") == ()
    assert nnapi_devices(f"1 Target device {DSP},  is added") == ()


def test_the_fixtures_hold_the_line_as_the_provider_writes_it() -> None:
    logs = [path.read_text(encoding="utf-8") for path in LOGS.glob("*.json")]
    assert sum("0 Found devices [" in log for log in logs) > 15
    assert not any("1 Found devices" in log or "Target device" in log for log in logs)
