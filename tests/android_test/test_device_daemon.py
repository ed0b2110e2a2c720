"""A package on a device, over the real adb and the real adbd; every fault of a device ends in a recorded verdict."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from android_test.device import adb
from android_test.device.adb import Phone
from android_test.device.deploy import deploy, hashes
from android_test.device.device_facts import HOME
from android_test.device.device_session import libraries
from android_test.device.verify_device import VerifyPlan, verify
from export_onnx.errors import DeviceError
from selector.package.device_verdict import why_never
from selector.package.receipt_schema import Receipt
from selector.package.receipts import PackagedTarget, misses, read_receipts
from tests.android_test import linux_device
from tests.android_test.conftest import FAST, scripted
from tests.android_test.linux_device import SERIAL, LinuxDevice

pytestmark = pytest.mark.skipif(bool(linux_device.unavailable()), reason=linux_device.unavailable() or "-")


def outcomes(receipt: Receipt) -> list[str]:
    return [one.evidence.outcome for one in receipt.stages]


def only_receipt(plan: VerifyPlan) -> Receipt:
    """As it lies on disk."""
    return read_receipts(list(plan.work.glob("devices/*/receipt.json")))[0]


def test_every_stage_and_bucket_gets_a_receipt_and_a_second_run_resumes(device: LinuxDevice, plan: VerifyPlan) -> None:
    receipt = verify(Phone.find(SERIAL), plan)
    manifest = plan.package.manifest
    assert len(receipt.stages) == len(manifest.stages) * len(manifest.buckets)
    assert {one.verdict for one in receipt.stages} == {"not an NPU"}
    seen = [one.evidence for one in receipt.stages]
    assert all(len(one.runs_ms) == 2 and min(one.decibels.values()) > 40 for one in seen)
    assert misses(receipt, PackagedTarget.of(manifest)) == []
    assert receipt == only_receipt(plan)
    assert "no Android" in why_never(receipt.device)
    place = next(plan.work.glob("devices/*"))
    assert "Not an NPU" in (place / "receipt.html").read_text(encoding="utf-8")
    assert receipt.chain is not None
    assert receipt.chain.decibels["waveform"] > 40
    assert receipt.chain.decibels["frames_per_token"] == receipt.chain.decibels["n_frames"] == 200
    assert receipt.chain.real_time_factor
    samples, rate = soundfile.read(place / receipt.chain.wav)
    assert rate == 24_000
    assert np.abs(samples).max() > 0.01
    before = {file: file.stat().st_mtime_ns for file in place.glob("probe_*.json")}
    phone = Phone.find(SERIAL)
    assert deploy(phone, libraries(plan.runner), HOME) == []
    again = verify(phone, plan)
    assert {file: file.stat().st_mtime_ns for file in place.glob("probe_*.json")} == before
    assert again.stages == receipt.stages


@pytest.mark.parametrize(
    ("script", "outcome", "said"),
    [
        ("echo PHASE load; kill -ABRT $$", "crashed", "SIGABRT in phase load"),
        ("echo PHASE run; kill -SEGV $$", "crashed", "SIGSEGV in phase run"),
        ("echo PHASE load; sleep 60", "timeout", "ended after 4 s in phase load"),
        ("head -c 300 /dev/urandom; echo", "garbage", "without a result"),
        ('echo \'RESULT {"outcome": "finished"\'', "garbage", "a result that breaks its schema"),
        ("exit 3", "crashed", "exit status 3"),
        ("dd if=/dev/zero of=fill bs=1M 2>/dev/null; real $1; rm -f fill", "disk full", "No space left on device"),
    ],
    ids=["aborts", "segfault", "hangs", "garbage", "half a result", "exits", "fills the disk"],
)
def test_a_runner_that_fails_is_a_verdict_and_the_next_probe_goes_on(
    device: LinuxDevice, plan: VerifyPlan, script: str, outcome: str, said: str
) -> None:
    plan = scripted(plan, f"if grep -q bert job.txt; then {script}; else real $1; fi")
    if outcome == "timeout":
        plan = dataclasses.replace(plan, settings=dataclasses.replace(FAST, limit=4))
    receipt = verify(Phone.find(SERIAL), plan)
    assert outcomes(receipt) == [outcome, "finished"]
    assert [one.verdict for one in receipt.stages] == ["failed", "not an NPU"]
    assert said in receipt.stages[0].reasons[0]
    assert receipt == only_receipt(plan)


@pytest.mark.parametrize(
    ("name", "said"),
    [("frames_per_token", "prosody: "), ("n_frames", "n_frames "), ("waveform", "waveform ")],
)
def test_a_chain_that_comes_out_wrong_makes_the_receipt_not_hold(
    device: LinuxDevice, plan: VerifyPlan, name: str, said: str
) -> None:
    """Every stage alone is right; in the chain the stage's file is emptied of everything but zeros.

    Of no frames, free lengths make empty tensors, which the runner's result must not have.
    """
    file = f"chain/{name}.bin"
    spoil = f"if grep -q '^output.*{file}' job.txt; then head -c $(wc -c < {file}) /dev/zero > z; mv z {file}; fi"
    whole = dataclasses.replace(scripted(plan, f"real $1; status=$?; {spoil}; exit $status"), stages=())
    receipt = verify(Phone.find(SERIAL), whole)
    assert {one.verdict for one in receipt.stages} == {"not an NPU"}
    missed = [line for line in misses(receipt, PackagedTarget.of(plan.package.manifest)) if "left out" not in line]
    assert missed[0].startswith(f"the whole chain: {said}")
    assert missed[0] in receipt.not_proven


def test_a_cable_pulled_in_mid_run_is_recorded_and_the_second_run_resumes(
    device: LinuxDevice, plan: VerifyPlan
) -> None:
    plan = scripted(plan, "if grep -q bert job.txt && test ! -e waited; then touch waited; sleep 15; fi; real $1")

    def accident() -> None:
        until = time.monotonic() + 20
        while "waited" not in device.shell(f"ls {HOME}") and time.monotonic() < until:
            time.sleep(0.1)
        device.pull_cable()
        time.sleep(1)
        device.plug()

    hand = threading.Thread(target=accident)
    hand.start()
    receipt = verify(Phone.find(SERIAL), plan)
    hand.join()
    assert outcomes(receipt) == ["lost", "finished"]
    assert receipt.stages[0].verdict == "failed"
    tail = next(plan.work.glob("devices/*/probe_tail_any.json"))
    kept = tail.stat().st_mtime_ns
    assert outcomes(verify(Phone.find(SERIAL), plan)) == ["finished", "finished"]
    assert tail.stat().st_mtime_ns == kept


def test_a_device_that_stays_away_still_leaves_a_receipt(
    device: LinuxDevice, plan: VerifyPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("android_test.device.verify_device.COMES_BACK", 0.5)
    plan = scripted(plan, "touch waited; sleep 15")

    def accident() -> None:
        until = time.monotonic() + 20
        while "waited" not in device.shell(f"ls {HOME}") and time.monotonic() < until:
            time.sleep(0.1)
        device.pull_cable()

    hand = threading.Thread(target=accident)
    hand.start()
    receipt = verify(Phone.find(SERIAL), plan)
    hand.join()
    assert outcomes(receipt) == ["lost", "lost"]
    assert receipt == only_receipt(plan)


def test_no_room_is_said_before_anything_is_pushed(runner: Path, plan: VerifyPlan, tmp_path: Path, monkeypatch) -> None:
    with linux_device.linux_device(tmp_path / "small", room=24 << 20) as device:
        monkeypatch.setenv("ADB", str(device.adb))
        receipt = verify(Phone.find(SERIAL), plan)
        assert set(outcomes(receipt)) == {"not run"}
        assert "MB free" in receipt.stages[0].reasons[0]
        assert "Free some space" in receipt.stages[0].reasons[0]
        assert receipt == only_receipt(plan)


def test_two_devices_are_a_question_and_one_that_is_gone_is_offline(device: LinuxDevice) -> None:
    subprocess.run([device.adb, "connect", "localhost:5555"], capture_output=True, check=True)
    with pytest.raises(DeviceError, match=r"expected one device, got .*5555.*5555.*--serial"):
        Phone.find()
    assert Phone.find(SERIAL).is_there()
    with pytest.raises(DeviceError, match="device R58, got"):
        Phone.find("R58")
    device.pull_cable()
    until = time.monotonic() + 10
    while Phone(str(device.adb), SERIAL).is_there() and time.monotonic() < until:
        time.sleep(0.1)  # until adb has noticed
    with pytest.raises(DeviceError, match=r"offline|expected device"):
        Phone.find(SERIAL)


def corrupting(device: LinuxDevice, folder: Path, times: int) -> Path:
    """An adb whose first pushes of the runner arrive with one more byte."""
    count, wrapper = folder / "count", folder / "corrupting_adb"
    wrapper.write_text(
        f'#!/bin/sh\n{device.adb} "$@" || exit $?\n'
        f'case "$*" in *push*runner) echo >> {count}; '
        f"if [ $(wc -l < {count}) -le {times} ]; then "
        f"{device.adb} -s {SERIAL} shell 'echo >> {HOME}/runner'; fi;; esac\n"
    )
    wrapper.chmod(0o755)
    return wrapper


def test_a_corrupted_push_is_seen_on_the_device(device: LinuxDevice, plan: VerifyPlan, tmp_path: Path) -> None:
    once = Phone(str(corrupting(device, tmp_path, 1)), SERIAL)
    assert "runner" in deploy(once, libraries(plan.runner), HOME)
    assert hashes(once, HOME)["runner"] == adb_sha(plan.runner / "runner")
    device.shell(f"rm -r {HOME}")
    (tmp_path / "count").unlink()
    always = Phone(str(corrupting(device, tmp_path, 99)), SERIAL)
    receipt = verify(always, dataclasses.replace(plan, stages=("bert",), buckets=("any",)))
    assert outcomes(receipt) == ["not run"]
    assert "sha256" in receipt.stages[0].reasons[0]


def adb_sha(file: Path) -> str:
    return subprocess.run(["sha256sum", file], capture_output=True, text=True, check=True).stdout.split()[0]


def test_the_command_s_exit_status_tells(device: LinuxDevice, plan: VerifyPlan, packages: Path, monkeypatch) -> None:
    from android_test.__main__ import main

    arguments = ["verify", "--dist", str(packages), "--serial", SERIAL, "--runner", str(plan.runner), "--runs", "1"]
    arguments += ["--build", str(plan.work), "--target"]
    assert main([*arguments, "cpu"]) == 0
    assert main([*arguments, "cpu", "--stages", "decoder"]) == 1  # what was left out is not proven
    assert main([*arguments, "nnapi", "--stages", "decoder", "--buckets", "5s"]) == 1
    folder = plan.work / "android_test" / "verify" / "devices"
    stored = json.loads(next(folder.glob("nnapi-*/receipt.json")).read_text(encoding="utf-8"))
    assert "built without NNAPI" in stored["stages"][0]["reasons"][0]


def test_adb_that_never_answers_is_a_lost_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = tmp_path / "adb"
    silent.write_text("#!/bin/sh\nexec sleep 30\n")
    silent.chmod(0o755)
    monkeypatch.setattr(adb, "QUICK", 0.3)
    with pytest.raises(adb.DeviceLostError, match="no answer"):
        Phone(str(silent), "R58").shell("true", 0.3)
    assert not Phone(str(silent), "R58").wait(0.1)
    assert shutil.which(str(silent))
