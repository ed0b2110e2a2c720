"""The verdict: five conditions, each with a false pass that it must refuse, and nothing else in its way."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from android_test.device.device_log import condensed, nnapi_devices
from android_test.device.probe import StageResult, evidence_of, run_of
from selector.package.device_verdict import Judgement, judge, why_never
from selector.package.providers import CPU
from selector.package.receipt_schema import Device, ListedDevice, StageEvidence
from tests.selector.receipt_fakes import device

LOGS = Path(__file__).parent / "device_logs"
OUTPUTS = ("d_en",)  # of bert, which the recordings ran
CONDITIONS = ("strict", "whole", "hardware", "agrees", "faster")
DEVICES = {
    "phone": device(),
    "emulator": device(hardware="ranchu"),
    "computer": device(api_level=0, abi="", kernel="Linux 6", machine="x86_64"),
}
NAMES = sorted(file.stem for file in LOGS.glob("*.json"))


@dataclass(frozen=True)
class Recorded:
    """A file of the folder: what was recorded, and what it is to be judged with."""

    evidence: StageEvidence
    floor: float
    device: Device

    def judged(self, **change: Any) -> Judgement:
        """With the evidence changed."""
        return judge(self.evidence.model_copy(update=change), OUTPUTS, self.floor, why_never(self.device))


def recorded(name: str) -> Recorded:
    stored = json.loads((LOGS / f"{name}.json").read_text(encoding="utf-8"))
    assert stored["story"]
    found = StageResult(run_of(stored["run"]), run_of(stored["cpu"]), stored["decibels"])
    return Recorded(evidence_of(stored["provider"], found), stored["floor"], DEVICES[stored["device"]])


def test_what_holds_is_verified() -> None:
    verdict = recorded("holds").judged()
    assert (verdict.verdict, verdict.reasons) == ("verified", [])
    assert verdict.conditions == dict.fromkeys(CONDITIONS, True)


@pytest.mark.parametrize("name", [n for n in NAMES if n.partition("_")[0] in CONDITIONS])
def test_each_condition_refuses_its_false_pass_alone(name: str) -> None:
    """No other condition would have caught it."""
    verdict = recorded(name).judged()
    condition = name.partition("_")[0]
    assert verdict.verdict == "not verified"
    assert [c for c, held in verdict.conditions.items() if not held] == [condition]
    assert verdict.reasons
    assert all(reason.startswith(f"{condition}: ") for reason in verdict.reasons)


def test_every_condition_has_a_false_pass() -> None:
    assert {name.partition("_")[0] for name in NAMES} >= set(CONDITIONS) | {"never", "recorded", "failed"}


@pytest.mark.parametrize("name", [n for n in NAMES if n != "holds"])
def test_only_what_holds_is_verified(name: str) -> None:
    assert recorded(name).judged().verdict != "verified"


def test_an_emulator_is_never_verified_whatever_it_shows() -> None:
    verdict = recorded("never_emulator").judged()
    assert verdict.verdict == "not verified"
    assert all(verdict.conditions.values())
    assert verdict.reasons[0].startswith("never: an emulator")


def test_real_recordings_of_what_is_no_npu() -> None:
    lying = recorded("recorded_cpu_as_nnapi").judged()
    assert not lying.conditions["strict"]
    assert not lying.conditions["whole"]
    assert not lying.conditions["hardware"]
    simulated = recorded("recorded_simulation_as_qnn").judged()
    assert simulated.conditions["strict"]
    assert simulated.conditions["whole"]
    assert simulated.conditions["agrees"]
    assert not simulated.conditions["hardware"]
    assert not simulated.conditions["faster"]


def test_what_died_has_no_conditions() -> None:
    verdict = recorded("failed_crash").judged()
    assert (verdict.verdict, verdict.conditions) == ("failed", {})
    assert "SIGABRT" in verdict.reasons[0]


def test_the_cpu_is_no_npu_and_still_has_to_agree() -> None:
    made = {"provider": "cpu", "cpu": None, "optimization": "all", "session": CPU.session, "options": {}, "flags": 0}
    right = recorded("holds").judged(**made)
    assert right.verdict == "not an NPU"
    assert right.reasons == ["runs on the CPU"]
    wrong = recorded("holds").judged(**made, decibels={"d_en": 3.0})
    assert wrong.reasons == ["runs on the CPU", "d_en at 3 dB, floor 30"]
    other = recorded("holds").judged(**made | {"optimization": "disable_all"})
    assert other.reasons == ["runs on the CPU", "optimizations were disable_all, not all"]


@pytest.mark.parametrize("kind", ["other", "unknown", "GPU", ""])
def test_a_device_that_is_no_npu_by_its_own_word_proves_none(kind: str) -> None:
    assert recorded("holds").judged().verdict == "verified"
    verdict = recorded("holds").judged(devices=[ListedDevice(name="a-device", type=kind)])
    assert [name for name, held in verdict.conditions.items() if not held] == ["hardware"]
    assert verdict.reasons == [f"hardware: no NPU or accelerator is listed, only a-device ({kind})"]


@pytest.mark.parametrize(
    "change",
    [
        {"backend_path": "/data/local/tmp/libQnnCpu.so"},
        {"backend_path": "/data/htp/libQnnCpu.so"},
        {"backend_path": "/data/libQnnHtpCpu.so"},
        {"htp_graph_finalization_optimization_mode": "3"},
        {"enable_htp_fp16_precision": "1"},
    ],
)
def test_a_qnn_session_of_other_options_than_the_package_ships_is_refused(change: dict[str, str]) -> None:
    """Another backend, whatever its folder is called, another mode, and one option more."""
    simulated = recorded("recorded_simulation_as_qnn")
    assert simulated.judged().conditions["strict"]
    verdict = simulated.judged(options=simulated.evidence.options | change)
    assert not verdict.conditions["strict"]
    strict = [reason for reason in verdict.reasons if reason.startswith("strict: the provider's options were")]
    assert len(strict) == 1
    assert next(iter(change.values())) in strict[0]


def test_nnapi_s_other_flags_and_other_session_entries_are_refused() -> None:
    """Flag 1 lets NNAPI compute in half precision, which the proofs did not."""
    assert recorded("holds").judged().conditions["strict"]
    session = recorded("holds").evidence.session
    changes: list[dict[str, Any]] = [
        {"flags": 5},
        {"session": session | {"session.disable_quant_qdq": "1"}},
        {"options": {}},
    ]
    for change in changes:
        verdict = recorded("holds").judged(**change)
        assert [name for name, held in verdict.conditions.items() if not held] == ["strict"]


def test_every_output_of_the_stage_and_no_other_is_compared() -> None:
    verdict = recorded("holds").judged(decibels={"y": 50.0})
    assert verdict.reasons == ["agrees: d_en was not compared", "agrees: y is no output of the stage"]
    assert recorded("holds").judged(decibels={"d_en": 50.0}).verdict == "verified"


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
    assert nnapi_devices(short) == nnapi_devices(long) == (ListedDevice(name="nnapi-reference", type="CPU"),)
    assert condensed(first) == first


def test_the_last_list_of_devices_counts_also_where_it_is_empty() -> None:
    log = "\n".join([found(DSP, REFERENCE), "1 something else", found(DSP, GPU), "1 the end"])
    assert nnapi_devices(log) == (
        ListedDevice(name="qti-dsp", type="accelerator"),
        ListedDevice(name="mtk-gpu", type="GPU"),
    )
    assert nnapi_devices(f"{log}\n{found()}") == ()
    assert nnapi_devices("1 no device at all") == ()
    assert nnapi_devices(f"1 Target device {DSP},  is added") == ()


def test_the_fixtures_hold_the_line_as_the_provider_writes_it() -> None:
    logs = [path.read_text(encoding="utf-8") for path in LOGS.glob("*.json")]
    assert sum("0 Found devices [" in log for log in logs) > 15
    assert not any("1 Found devices" in log or "Target device" in log for log in logs)
