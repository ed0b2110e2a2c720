"""What a manifest says because of receipts: only what a phone proved, for the very models that are packaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from export_onnx import buckets as shipped
from export_onnx import contracts
from export_onnx.errors import PackageError
from selector.package import make_packages
from selector.package.manifest import Devices
from selector.package.opened import Package
from selector.package.receipt_schema import Receipt
from selector.package.receipts import PackagedTarget, devices_section, misses, models_digest, read_receipts
from tests.selector.coverage_fakes import fake_coverage
from tests.selector.receipt_fakes import (
    BUCKETS,
    CPU_MS,
    NAMES,
    NPU_STAGES,
    RUNS_MS,
    chain,
    device,
    packaged,
    receipt,
    stage,
    stages,
)
from tests.selector.selector_fakes import make_build

COMMAND = "python -m selector package"
MADE = {"nnapi": packaged(), "qnn": packaged(), "cpu": packaged(())}
LISTED = {"nnapi": ["qti-dsp (accelerator)"], "qnn": ["Qualcomm (NPU)"]}
SLOW: dict[str, Any] = {"runs_ms": CPU_MS}


def entry(verified: list[str], use: str, **failed: str) -> dict[str, Any]:
    return {"verified": verified, "hardware": {t: LISTED[t] for t in verified}, "use": use, "failed": failed}


def section_of(*receipts: Receipt) -> dict[str, Any]:
    section = devices_section(receipts, MADE)
    assert section is not None
    Devices.model_validate(section)
    return section


def test_a_receipt_that_holds_verifies_its_target() -> None:
    assert misses(receipt(), packaged()) == []
    assert section_of(receipt()) == {"socs": {"SM8550": entry(["nnapi"], "nnapi")}, "models": {}, "elsewhere": "cpu"}
    assert devices_section([], MADE) is None


@pytest.mark.parametrize(("qnn", "cpu", "use"), [(10, 60, "qnn"), (60, 40, "cpu"), (60, 55, "nnapi")])
def test_the_fastest_whole_chain_is_used_and_the_cpu_is_among_them(qnn: float, cpu: float, use: str) -> None:
    """`nnapi` takes 50 ms per stage. Single stages of all receipts are equally fast, and decide nothing."""
    made = [receipt(), receipt("qnn", chain=chain(qnn)), receipt("cpu", chain=chain(cpu))]
    assert section_of(*made)["socs"]["SM8550"] == entry(["nnapi", "qnn"], use)


def test_the_slowest_of_several_receipts_counts() -> None:
    made = [receipt(chain=chain(10)), receipt(chain=chain(90)), receipt("qnn", chain=chain(50))]
    assert section_of(*made)["socs"]["SM8550"]["use"] == "qnn"


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        (receipt(device=device(hardware="ranchu")), "this device is an emulator (ranchu)"),
        (receipt(device=device(qemu=True)), "this device is an emulator (qcom)"),
        (receipt(stages=stages(planted="generator 10s", **SLOW)), "generator 10s: faster: 21.0 ms"),
        (receipt(stages=stages(planted="generator 10s", devices=[])), "generator 10s: hardware: "),
        (receipt(stages=stages(planted="generator 10s", runs_ms=[])), "generator 10s: faster: 0 and 5 timed runs"),
        (receipt(stages=stages(planted="tail 10s", decibels={"waveform": 35.0})), "tail 10s: waveform at 35 dB"),
        (receipt(stages=stages(planted="tail 10s", decibels={"y": 50.0})), "tail 10s: waveform was not compared"),
        (receipt(stages=stages(planted="tail 10s", session={})), "tail 10s: session entries were {}"),
        (receipt(stages=stages(planted="decoder 5s", flags=5)), "decoder 5s: strict: NNAPI's flags were 5, not 4"),
        (receipt(stages=stages(planted="tail 10s", outcome="crashed")), "tail 10s: crashed"),
        (receipt(stages=stages("qnn")), "decoder 5s: ran with qnn, not with nnapi (and 3 more)"),
        (receipt(stages=stages("cpu")), "decoder 5s: ran with cpu, not with nnapi (and 3 more)"),
        (receipt(chain=None), "the whole chain: it was not run"),
    ],
)
def test_a_sound_receipt_of_a_failure_says_what_failed(planted: Receipt, said: str) -> None:
    found = section_of(planted)["socs"]["SM8550"]
    assert found == entry([], "cpu", nnapi=found["failed"]["nnapi"])
    assert found["failed"]["nnapi"].startswith(f"A phone: {said}")


def test_one_stage_does_not_verify_a_target() -> None:
    """The NPU stages are the package's, not those that a receipt happens to hold."""
    only = receipt(stages=[stage("generator", bucket) for bucket in BUCKETS])
    assert "decoder 5s: left out" in misses(only, packaged())
    with pytest.raises(PackageError, match="every stage at every bucket, and no other, got none of bert 5s"):
        devices_section([only], MADE)
    with pytest.raises(PackageError, match="none of bert 10s"):
        devices_section([receipt(stages=stages(buckets=("5s",)))], MADE)
    with pytest.raises(PackageError, match="also bert 15s"):
        devices_section([receipt(stages=stages(buckets=(*BUCKETS, "15s")))], MADE)
    nothing = misses(receipt(stages=stages("cpu")), packaged(()))
    assert nothing == ["nnapi: no stage of the package runs on the NPU"]


def test_a_stage_that_the_package_runs_on_the_npu_is_not_excused_by_a_run_on_the_cpu() -> None:
    missed = misses(receipt(), packaged((*NPU_STAGES, "bert")))
    assert missed == [f"bert {bucket}: ran with cpu, not with nnapi" for bucket in BUCKETS]


LIES: dict[str, dict[str, Any]] = {
    "a verdict": {"verdict": "verified"},
    "a verdict and its conditions": {"verdict": "verified", "reasons": []},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_verdict_that_does_not_follow_from_the_evidence_is_refused(lie: dict[str, Any]) -> None:
    honest = stages(planted="generator 10s", devices=[])
    conditions = dict.fromkeys(honest[-2].conditions, True)
    lying = [*honest[:-2], honest[-2].model_copy(update=lie | {"conditions": conditions}), honest[-1]]
    assert section_of(receipt(stages=honest))
    with pytest.raises(PackageError, match=r"generator 10s: expected \"not verified\", which follows") as refused:
        devices_section([receipt(stages=lying)], MADE)
    assert "listed no device" in str(refused.value)
    assert misses(receipt(stages=lying), packaged())


def test_evidence_that_was_taken_away_is_refused() -> None:
    """The stored verdict was true once; what is left of the evidence does not support it."""
    made = stages()
    change: dict[str, Any]
    few: dict[str, Any] = {"runs_ms": RUNS_MS[:4]}
    for change in ({"decibels": {}}, {"assignment_recorded": False}, {"cpu": None}, few):
        evidence = made[-2].evidence.model_copy(update=change)
        lying = [*made[:-2], made[-2].model_copy(update={"evidence": evidence}), made[-1]]
        with pytest.raises(PackageError, match=r'expected "not verified"'):
            devices_section([receipt(stages=lying)], MADE)


def test_an_emulator_that_calls_itself_verified_is_refused() -> None:
    lying = receipt().model_copy(update={"device": device(hardware="goldfish")})
    with pytest.raises(PackageError, match="never: an emulator"):
        devices_section([lying], MADE)


def test_floors_are_the_manifest_s_and_not_the_receipt_s() -> None:
    strict = MADE | {"nnapi": packaged(floors=dict.fromkeys(NAMES, 60.0))}
    with pytest.raises(PackageError, match="d_en at 50 dB, floor 60"):
        devices_section([receipt()], strict)


def test_a_failing_phone_of_the_same_chip_counts() -> None:
    failing = receipt(
        device=device(model="Another"), stages=stages(planted="decoder 5s", outcome="timeout", reason="two\n lines")
    )
    for order in ([receipt(), failing], [failing, receipt()]):
        found = section_of(*order, receipt("qnn"))["socs"]["SM8550"]
        assert found == entry(["qnn"], "qnn", nnapi="Another: decoder 5s: timeout: two lines")
    elsewhere = failing.model_copy(update={"device": device(soc="SM8650")})
    assert section_of(receipt(), elsewhere)["socs"]["SM8550"] == entry(["nnapi"], "nnapi")


def test_chips_and_models_have_a_name_space_each() -> None:
    """A phone whose model is called like a chip must not speak for the chip."""
    named = receipt(device=device(soc="", model="SM8550"), chain=None)
    section = section_of(receipt(), named)
    assert section["socs"] == {"SM8550": entry(["nnapi"], "nnapi")}
    assert section["models"]["SM8550"]["use"] == "cpu"
    with pytest.raises(PackageError, match=r"ro\.soc\.model or ro\.product\.model, got neither"):
        devices_section([receipt(device=device(soc="", model=""))], MADE)


def test_a_phone_that_hides_its_chip_speaks_for_it_where_another_receipt_names_it() -> None:
    """Else the failure stands under the model, and an app that looks up the chip finds "verified"."""
    hiding = receipt(device=device(soc=""), chain=None)
    for order in ([receipt(), hiding], [hiding, receipt()]):
        section = section_of(*order)
        assert section["socs"]["SM8550"]["verified"] == section["models"]["A phone"]["verified"] == []
    other = receipt(device=device(soc="", model="Another"), chain=None)
    assert section_of(receipt(), other)["socs"]["SM8550"]["verified"] == ["nnapi"]


def test_a_gpu_beside_the_npu_is_named_where_apps_look() -> None:
    """NNAPI does not say which of them ran a node: "verified" must not be read as "on the NPU alone"."""
    both = [{"name": "mtk-gpu", "type": "GPU"}, {"name": "mtk-mdla", "type": "accelerator"}]
    found = section_of(receipt(stages=stages(planted="decoder 5s", devices=both)))["socs"]["SM8550"]
    assert found["verified"] == ["nnapi"]
    assert found["hardware"] == {"nnapi": ["mtk-gpu (GPU)", "mtk-mdla (accelerator)", "qti-dsp (accelerator)"]}


def compared(frames_per_token: float, n_frames: float, waveform: float) -> dict[str, float]:
    return {"frames_per_token": frames_per_token, "n_frames": n_frames, "waveform": waveform}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"outcome": "tail: crashed: SIGSEGV"}, "tail: crashed: SIGSEGV"),
        ({"decibels": compared(-200.0, 200.0, 50.0)}, "frames_per_token differs"),
        ({"decibels": compared(200.0, -200.0, 50.0)}, "n_frames differs"),
        (
            {"decibels": compared(200.0, 200.0, 23.9)},
            "waveform at 23.9 dB, floor 24",
        ),
        ({"decibels": {"frames_per_token": 200.0, "n_frames": 200.0}}, "waveform at -200 dB"),
        ({"decibels": {}}, "frames_per_token differs"),
        ({"bucket": "10s"}, "it ran at 10s, not at 5s"),
        ({"stage_ms": {"bert": 1.0}}, "no time of duration"),
        ({"seconds_of_sound": None}, "it has no seconds of sound"),
    ],
)
def test_a_chain_that_misses_makes_the_receipt_not_hold(change: dict[str, Any], said: str) -> None:
    planted = receipt(chain=chain(**change))
    assert misses(planted, packaged())[0].startswith(f"the whole chain: {said}")
    assert section_of(planted)["socs"]["SM8550"]["verified"] == []


def test_the_chain_s_floor_leaves_room_for_several_stages() -> None:
    """Just above it holds; 6 dB are four independent errors of equal power."""
    assert misses(receipt(chain=chain(decibels=compared(200.0, 200.0, 24.0))), packaged()) == []


def test_a_receipt_of_other_models_is_refused() -> None:
    with pytest.raises(PackageError, match="receipt of kokoro-npu-fake"):
        devices_section([receipt(digest="2" * 64)], MADE)
    with pytest.raises(PackageError, match="a target that is packaged now"):
        devices_section([receipt("qnn")], {"nnapi": packaged()})


def test_packaging_with_receipts_and_without(tmp_path: Path) -> None:
    """The digest that a receipt names is that of the finished package, and stays when the receipt is taken in."""
    build = make_build(tmp_path / "build", ("nnapi",))
    proven = {bucket.name: ["rules"] for bucket in shipped.BUCKETS}
    fake_coverage(build, dict.fromkeys(contracts.NPU_STAGES, proven))
    make_packages.make_packages(build, tmp_path / "dist", ["nnapi"], "0.1.0", COMMAND)
    folder = tmp_path / "dist" / "kokoro-npu-fake-0.1.0-nnapi"
    manifest = Package.open(folder).manifest
    assert manifest.devices is None
    wanted = PackagedTarget.of(manifest)
    assert (wanted.npu_stages, wanted.buckets) == (NPU_STAGES, ("3s", "5s", "10s", "15s"))
    file = tmp_path / "receipt.json"
    # The fake stages are float: their floors are higher.
    sound = chain(bucket="3s", decibels=compared(200.0, 200.0, 40.0))
    made = receipt(digest=models_digest(manifest), stages=stages(buckets=wanted.buckets), chain=sound)
    assert misses(made, wanted) == []
    file.write_text(made.model_dump_json(), encoding="utf-8")
    make_packages.make_packages(build, tmp_path / "dist", ["nnapi"], "0.1.0", COMMAND, [file])
    again = Package.open(folder).manifest
    assert again.devices is not None
    assert again.devices.socs["SM8550"].use == "nnapi"
    assert models_digest(again) == models_digest(manifest)
    partial = made.model_copy(update={"stages": made.stages[:-1]})
    file.write_text(partial.model_dump_json(), encoding="utf-8")
    with pytest.raises(PackageError, match="every stage at every bucket"):
        make_packages.make_packages(build, tmp_path / "dist", ["nnapi"], "0.1.0", COMMAND, [file])
    make_packages.make_packages(build, tmp_path / "dist", ["nnapi"], "0.1.0", COMMAND)
    assert Package.open(folder).manifest.devices is None


def test_a_manifest_does_not_use_what_it_does_not_verify() -> None:
    unnamed = entry(["qnn"], "qnn") | {"hardware": {}}
    for wrong in (entry([], "qnn"), entry(["qnn"], "qnn", qnn="a reason"), unnamed):
        with pytest.raises(ValueError, match="target"):
            Devices.model_validate({"socs": {"SM8550": wrong}, "models": {}, "elsewhere": "cpu"})


def test_what_is_no_receipt_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    sound = receipt().model_dump(mode="json")
    file.write_text(json.dumps(sound), encoding="utf-8")
    assert read_receipts([file]) == [receipt()]
    twice = {"stages": [*sound["stages"], sound["stages"][0]]}
    nan = {"chain": sound["chain"] | {"decibels": {"waveform": float("nan")}}}
    loud = {"chain": sound["chain"] | {"decibels": {"waveform": 1e9}}}  # no comparison gives more than 200 dB
    others: list[dict[str, Any]] = [loud, {"verified": True}, {"receipt_version": 1}, {"device": {}}, twice, nan]
    for wrong in others:
        file.write_text(json.dumps(sound | wrong), encoding="utf-8")
        with pytest.raises(PackageError, match=r"receipt\.json, .* a receipt of version 2"):
            read_receipts([file])
    with pytest.raises(PackageError, match=r"nothing\.json"):
        read_receipts([tmp_path / "nothing.json"])
