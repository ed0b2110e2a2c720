"""Parts of the way to a device that need none: what adb says, what a device is, how a run ended, what a page shows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from android_test.device import linux_runner
from android_test.device.adb import Phone, choose_phone, find_adb, parse_devices
from android_test.device.device_facts import DeviceFacts, parse_free
from android_test.device.device_run import DeviceRun
from android_test.device.device_session import libraries, session_of
from android_test.device.goldens import compare_goldens
from android_test.device.probe import StageResult, keep_result, kept
from android_test.device.receipt import not_proven
from android_test.device.receipt_page import chain_line, page_of, receipt_summary
from android_test.device.runner_result import RunnerResult
from android_test.device.verify_device import resume
from export_onnx.errors import DeviceError
from export_onnx.provenance import sha256
from selector.package.device_verdict import EMULATORS, why_never
from selector.package.manifest import PortContract, ProviderOptions, StageContract
from selector.package.receipts import misses
from tests.selector.receipt_fakes import BUCKETS, chain, device, packaged, receipt, stage, stages

LOGS = Path(__file__).parent / "device_logs"
RESULT: dict[str, Any] = json.loads((LOGS / "holds.json").read_text(encoding="utf-8"))["run"]["result"]
LISTING = """* daemon started successfully
List of devices attached
R58\tdevice
2A11\tunauthorized
emulator-5554\toffline
99\tno permissions (user in plugdev group; are your udev rules wrong?); see [http://developer.android.com/]

"""


def fake_adb(folder: Path, listing: str) -> str:
    """Where the real one cannot be brought to say it: without a phone nothing is unauthorized."""
    file = folder / "adb"
    file.write_text(f"#!/bin/sh\ncat <<'END'\n{listing}\nEND\n")
    file.chmod(0o755)
    return str(file)


def test_states_are_read() -> None:
    found = parse_devices(LISTING)
    assert found == {"R58": "device", "2A11": "unauthorized", "emulator-5554": "offline", "99": "no permissions"}


@pytest.mark.parametrize(
    ("listing", "serial", "said"),
    [
        ("List of devices attached", "", "expected a device, got none. Plug in a phone"),
        ("List of devices attached", "10.0.0.2:5555", "`adb connect 10.0.0.2:5555`"),
        (LISTING, "", "got R58 (device), 2A11 (unauthorized)"),
        (LISTING, "2A11", "got unauthorized. Unlock the phone"),
        (LISTING, "emulator-5554", "got offline"),
        (LISTING, "99", "udev"),
        (LISTING, "R59", "expected device R59"),
        ("R58\trecovery", "", "got recovery"),
        ("R58\tsomething new", "", "got something new"),
    ],
)
def test_a_device_that_cannot_be_used_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listing: str, serial: str, said: str
) -> None:
    monkeypatch.setenv("ADB", fake_adb(tmp_path, listing))
    with pytest.raises(DeviceError) as refused:
        Phone.find(serial)
    assert said in str(refused.value)


def test_the_right_device_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_phone({"R58": "device"}) == "R58"
    assert choose_phone({"R58": "device", "2A11": "unauthorized"}, "R58") == "R58"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceError, match="platform-tools"):
        find_adb({"ADB": "/nothing/adb"})


PHONE = {
    "ro.build.version.sdk": "34",
    "ro.product.cpu.abi": "arm64-v8a",
    "ro.soc.model": "SM8550",
    "ro.hardware": "qcom",
}


def never(properties: dict[str, str], machine: str = "aarch64") -> str:
    return why_never(DeviceFacts(properties, machine, "Linux 6", 1).device())


def test_a_phone_can_be_verified_and_nothing_else() -> None:
    assert never(PHONE) == ""
    assert "no Android" in never({}, "x86_64")
    assert "no Android" in never(PHONE | {"ro.build.version.sdk": "none"})
    for hardware in EMULATORS:
        assert "emulator" in never(PHONE | {"ro.hardware": hardware})
    assert "emulator" in never(PHONE | {"ro.hardware": "ranchu64"})
    assert "emulator" in never(PHONE | {"ro.kernel.qemu": "1"})
    assert "emulator" in never(PHONE | {"ro.boot.qemu": "1"})
    assert "x86_64" in never(PHONE | {"ro.product.cpu.abi": "x86_64"}, "x86_64")
    assert "arm64-v8a on x86_64" in never(PHONE, "x86_64"), "an ABI that is translated"


def test_a_chip_is_named_by_its_own_property_alone() -> None:
    """A board's name is another name space: two phones of one board may have different chips."""
    unnamed = {name: value for name, value in PHONE.items() if name != "ro.soc.model"}
    made = DeviceFacts(unnamed | {"ro.board.platform": "kalama", "ro.product.model": "A phone"}, "aarch64", "L", 1)
    assert (made.device().soc, made.device().model, made.device().label) == ("", "A phone", "A phone")


def test_free_space_is_read_from_both_forms() -> None:
    head = "Filesystem 1K-blocks Used Available Use% Mounted on\n"
    assert parse_free(head + "/dev/block/dm-5 100 40 60 40% /data\n") == 60 * 1024
    assert parse_free(head + "/dev/block/by-name/userdata\n   100 30 70 30% /data\n") == 70 * 1024
    assert parse_free("df: nothing") == 0


def port(name: str, dtype: Literal["float32", "int32"] = "float32") -> PortContract:
    return PortContract(name=name, dtype=dtype, shape=[1, 4], meaning=name)


def test_outputs_are_compared_by_what_they_mean() -> None:
    made = StageContract(name="s", runs_on="npu", inputs=[], outputs=[port("y"), port("n", "int32"), port("har")])
    y = np.array([[1, 2, 3, 4]], np.float32)
    n = np.array([[1, 2, 3, 4]], np.int32)
    har = np.array([[[1.0], [0.0], [3.0], [np.pi]]], np.float32)
    wanted = {"y": y, "n": n, "har": har}
    turned = har + np.array([[[0], [0], [0], [2 * np.pi]]], np.float32)
    assert min(compare_goldens(made, wanted, {"y": y, "n": n, "har": turned}).values()) > 100
    louder = compare_goldens(made, wanted, {"y": y * 1.5, "n": n + 1, "har": har})
    assert louder["y"] == pytest.approx(6.02, abs=0.01)
    assert louder["n"] == -200
    assert compare_goldens(made, wanted, {"y": y[:, :3]}) == {"y": -200, "n": -200, "har": -200}


def test_sessions_are_the_manifest_s() -> None:
    options = ProviderOptions(
        name="QNNExecutionProvider",
        options={"backend_type": "htp", "offload_graph_io_quantization": "0"},
        session={"session.disable_cpu_ep_fallback": "1"},
        optimization="disable_all",
    )
    parts = frozenset({"libonnxruntime_providers_qnn.so", "libQnnHtp.so"})
    phone = session_of(options, parts, "/data/x", "aarch64")
    assert phone.plugin == "/data/x/libonnxruntime_providers_qnn.so"
    assert phone.options["backend_path"] == "/data/x/libQnnHtp.so"
    assert "soc_model" not in phone.options
    assert phone.session["session.disable_cpu_ep_fallback"] == "1"
    assert session_of(options, parts, "/data/x", "x86_64").options["soc_model"] == "43"
    built_in = session_of(options, frozenset(), "/data/x", "aarch64")
    assert (built_in.plugin, built_in.options["backend_type"]) == ("", "htp")


def test_without_a_runner_the_way_to_one_is_said(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="make runner-android"):
        libraries(tmp_path)


def test_evidence_is_kept_and_only_what_is_conclusive_counts(tmp_path: Path) -> None:
    file = tmp_path / "probe_bert_5s.json"
    found = StageResult(
        DeviceRun("crashed", "SIGABRT", 134, log="l"),
        DeviceRun("finished", result=RunnerResult.model_validate(RESULT)),
        {"y": 50.0},
        "thermal status 0",
    )
    keep_result(found, file)
    assert kept(file) == found
    assert found.conclusive
    assert not StageResult(DeviceRun("finished"), DeviceRun("lost"), {}).conclusive
    file.write_text(file.read_text()[:40])
    assert kept(file) is None


def test_what_was_made_with_other_things_is_forgotten(tmp_path: Path) -> None:
    probe = tmp_path / "probe_bert_5s.json"
    for key, again, stays in (("a", False, False), ("a", False, True), ("b", False, False), ("b", True, False)):
        probe.write_text("{}")
        resume(tmp_path, key, again)
        assert probe.exists() is stays


def test_the_page_says_no_more_than_the_receipt() -> None:
    page = page_of(receipt())
    assert "4 of 4 NPU stages verified on SM8550" in page
    assert "<script" not in page
    assert "http" not in page
    nothing = receipt(device=device(hardware="ranchu", kernel="<kernel>", build=""))
    assert receipt_summary(nothing).startswith("Not an NPU: this device is an emulator (ranchu)")
    assert "verified on" not in page_of(nothing)
    assert "&lt;kernel&gt;" in page_of(nothing)
    mixed = receipt(stages=[stage("decoder", "5s"), stage("generator", "5s", outcome="crashed", runs_ms=[])])
    assert receipt_summary(mixed) == "1 of 2 NPU stages verified on SM8550. 1 of 2 probes failed."
    assert receipt_summary(receipt("cpu")).startswith("Not an NPU: every stage of this package runs on the CPU")
    assert chain_line(receipt()).endswith("31.0 dB against a computer, frames_per_token equal, n_frames equal.")
    assert "n_frames different" in chain_line(receipt(chain=chain(decibels={"waveform": 50.0})))


def test_a_partial_receipt_is_shown_as_one_and_fails_the_command() -> None:
    rows = [stage("generator", bucket) for bucket in BUCKETS]
    partial = receipt(stages=rows, left_out=packaged().left_out(rows))
    assert len(partial.left_out) == 14
    assert receipt_summary(partial).endswith("Partial: 14 of 16 stages and buckets were left out.")
    assert any(line.startswith("what was left out of this run: bert 5s") for line in not_proven(partial, packaged()))
    assert misses(partial, packaged())


def test_what_fails_the_command() -> None:
    below = stages("cpu", planted="tail 5s", decibels={"waveform": 3.0})
    assert not misses(receipt(), packaged())
    assert not misses(receipt("cpu"), packaged(()))
    assert not misses(receipt("cpu", device=device(api_level=0)), packaged(()))
    assert misses(receipt("cpu", stages=below), packaged(()))
    assert misses(receipt(device=device(api_level=0)), packaged())
    assert misses(receipt(stages=stages(planted="generator 5s", devices=[])), packaged())
    assert misses(receipt(stages=stages(planted="generator 5s", outcome="lost")), packaged())
    assert misses(receipt(chain=chain(outcome="tail: crashed")), packaged())


def test_what_was_not_proven_is_listed() -> None:
    lines = not_proven(receipt(device=device(api_level=0), chain=None), packaged())
    assert lines[0].startswith("that any NPU runs it: this device is no Android")
    assert "the whole chain: it was not run" in lines
    assert any("power" in line for line in lines)
    assert not any("which device" in line for line in lines)


def test_several_devices_are_named_since_nnapi_does_not_say_which_ran_a_node() -> None:
    both = [{"name": "mtk-mdla", "type": "accelerator"}, {"name": "mtk-gpu", "type": "GPU"}]
    made = receipt(stages=stages(planted="generator 10s", devices=both))
    assert misses(made, packaged()) == []  # a GPU beside an NPU is no fault of the package
    said = [line for line in not_proven(made, packaged()) if line.startswith("which device")]
    assert said == [
        "which device ran generator 10s: NNAPI was given mtk-mdla (accelerator), mtk-gpu (GPU), and does not say which "
        "of them ran a node"
    ]


def test_what_a_registry_serves_is_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another archive is refused before anything is taken out of it, and is not found by the next run."""

    def serve(command: Sequence[str], todo: str, where: Path | None = None) -> str:
        assert where is not None
        assert "-x" not in command, "not unpacked"
        if command[0] == "npm":
            (where / "library.tgz").write_bytes(b"something else")
            return "library.tgz\n"
        if "download" in command:
            (where / f"{linux_runner.HEADERS}_9_amd64.deb").write_bytes(b"something else")
        return "Debian Debian http://a.mirror/debian"

    monkeypatch.setattr(linux_runner, "run_tool", lambda command, todo, where=tmp_path: serve(command, todo, where))
    with pytest.raises(
        DeviceError, match=rf"deb: expected sha256 {linux_runner.HEADERS_SHA256}, got [0-9a-f]{{64}}\. The"
    ):
        linux_runner.fetch_headers(tmp_path)
    assert not list(tmp_path.glob("*.deb"))
    (tmp_path / "libonnxruntime.so.1").write_bytes(b"changed on disk")
    with pytest.raises(DeviceError, match=f"library.tgz: expected sha256 {linux_runner.ARCHIVE_SHA256}"):
        linux_runner.fetch_library(tmp_path)
    assert not list(tmp_path.glob("*.tgz"))
    kept = tmp_path / "kept"
    kept.write_bytes(b"as written")
    assert linux_runner.pinned(kept, sha256(kept)) == kept
