"""Where the engine runs the NPU stages, and why: receipts, a probe in its own process, the way back to the CPU."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from export_onnx.buckets import BUCKETS
from export_onnx.contracts import NPU_STAGES
from selector.choose import measured_texts
from selector.package import make_packages
from tests.selector.coverage_fakes import fake_coverage
from tests.selector.engine_library import Library
from tests.selector.selector_fakes import make_build

COMMAND = "python -m selector package"
CPU_PROVIDER = {"name": "CPUExecutionProvider", "options": {}, "session": {}, "optimization": "all"}
RIGHT = "echo PROBED decoder 60 40 1 2\necho PROBED generator 60 40 1 2\n"  # `bert` stays on the CPU


@pytest.fixture(scope="module")
def nnapi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package whose heavy stages run on NNAPI, which no computer has."""
    work = tmp_path_factory.mktemp("nnapi")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measured_texts, "RUNS", 0)
        build = make_build(work / "build", ("nnapi",))
        fake_coverage(build, {name: {bucket.name: ["rules"] for bucket in BUCKETS} for name in NPU_STAGES})
        make_packages.make_packages(build, work / "dist", ["nnapi"], "0.1.0", COMMAND)
    return work / "dist" / "kokoro-npu-fake-0.1.0-nnapi"


def with_manifest(package: Path, folder: Path, **changed: Any) -> Path:
    """A copy of a package whose manifest has other values."""
    shutil.copytree(package, folder)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    (folder / "manifest.json").write_text(json.dumps(manifest | changed), encoding="utf-8")
    return folder


def script(file: Path, commands: str) -> bytes:
    """A program that stands for the probe: it counts its runs."""
    file.write_text(f"#!/bin/sh\necho run >> {file}.runs\n{commands}\n")
    file.chmod(0o755)
    return str(file).encode()


def chosen(library: Library, package: Path, **options: Any) -> tuple[bool, str]:
    with library.open(package, **options) as engine:
        report = json.loads(engine.words("report"))
        return report["npu"], report["reason"]


def test_the_cpu_speaks_where_nothing_is_proven(library: Library, nnapi: Path) -> None:
    assert chosen(library, nnapi) == (False, "no receipt of this device, and no program to probe it")
    assert chosen(library, nnapi, provider=1) == (False, "the app chose the CPU")


def test_an_npu_that_is_not_there_falls_back_with_the_reason_and_the_same_sound(library: Library, nnapi: Path) -> None:
    with library.open(nnapi, provider=1) as cpu, library.open(nnapi, provider=2) as npu:
        assert json.loads(npu.words("report"))["npu"] is True
        wanted = [chunk.samples.tobytes() for chunk in cpu.speak(phonemes="bad dog")]
        assert [chunk.samples.tobytes() for chunk in npu.speak(phonemes="bad dog")] == wanted
        report = json.loads(npu.words("report"))
        assert report["npu"] is False
        assert report["reason"] == "decoder 3s: a system that is not Android"


PROBES = [
    (RIGHT, True, "probe: 2.0 ms against 4.0 ms on the CPU"),
    (RIGHT.replace("60", "39.9", 1), False, "probe: decoder disagrees with the CPU, 39.9 dB of 40.0"),
    (RIGHT.replace("1 2", "4 2"), False, "probe: not faster, 8.0 ms against 4.0 ms on the CPU"),
    (RIGHT.replace("60", "nan", 1), False, "probe: decoder did not finish"),
    ("echo PROBED decoder 60 40 1 2", False, "probe: generator did not finish"),
    ("echo PROBED decoder 60 40 1 2; kill -SEGV $$", False, "probe: generator crashed by signal 11"),
    ("kill -ABRT $$", False, "probe: decoder crashed by signal 6"),
    (f"{RIGHT} exit 3", False, "probe: end ended with status 3"),
    ("echo REFUSED no such driver; exit 1", False, "probe: decoder ended with status 1: no such driver "),
    ("exec sleep 60", False, "probe: decoder no answer within 1 s"),
]


@pytest.mark.parametrize(("commands", "npu", "reason"), PROBES)
def test_a_probe_decides_once(
    library: Library, nnapi: Path, tmp_path: Path, commands: str, npu: bool, reason: str
) -> None:
    options = {"probe_program": script(tmp_path / "probe", commands), "cache_folder": str(tmp_path).encode()}
    assert chosen(library, nnapi, probe_seconds=1, **options) == (npu, reason)
    assert chosen(library, nnapi, probe_seconds=1, **options) == (npu, reason + " (kept from before)")
    assert (tmp_path / "probe.runs").read_text() == "run\n"
    chosen(library, nnapi, probe_seconds=1, soc=b"another", **options)
    assert (tmp_path / "probe.runs").read_text() == "run\n" * 2, "a result holds for one device"


def test_a_probe_that_cannot_be_started_is_a_reason(library: Library, nnapi: Path, tmp_path: Path) -> None:
    npu, reason = chosen(library, nnapi, probe_program=str(tmp_path / "nowhere").encode())
    assert not npu
    assert "cannot be started" in reason


def test_the_probe_runs_the_golden_sentence_on_both_providers(
    library: Library, engine_folder: Path, nnapi: Path, tmp_path: Path
) -> None:
    """With the CPU's provider as the NPU's: both give the same, and one of them is faster by chance."""
    program = str(engine_folder / "kokoro_npu_probe").encode()
    manifest = json.loads((nnapi / "manifest.json").read_text(encoding="utf-8"))
    providers = manifest["providers"] | {"npu": CPU_PROVIDER}
    _, reason = chosen(library, with_manifest(nnapi, tmp_path / "cpu", providers=providers), probe_program=program)
    assert reason.startswith("probe: ")
    assert " ms against " in reason
    golden = manifest["golden"] | {"floors": dict.fromkeys(manifest["golden"]["floors"], 201)}
    strict = with_manifest(nnapi, tmp_path / "strict", providers=providers, golden=golden)
    assert chosen(library, strict, probe_program=program) == (
        False,
        "probe: decoder disagrees with the CPU, 200.0 dB of 201.0",
    )
    npu, reason = chosen(library, nnapi, probe_program=program)
    assert not npu
    assert reason.startswith("probe: decoder ended with status 1: ")
    assert "a system that is not Android" in reason


DEVICES = {
    "socs": {
        "good": {"verified": ["nnapi"], "failed": {}, "use": "nnapi"},
        "slow": {"verified": ["nnapi"], "failed": {}, "use": "cpu"},
        "bad": {"verified": [], "failed": {"nnapi": "Phone: decoder 5s: crashed"}, "use": "cpu"},
    },
    "models": {"Old Phone": {"verified": ["nnapi"], "failed": {}, "use": "nnapi"}},
    "elsewhere": "cpu",
}
RECEIPTS = [
    ({"soc": b"good"}, (True, "receipt of good: use nnapi")),
    ({"soc": b"slow"}, (False, "receipt of slow: use cpu")),
    ({"soc": b"bad"}, (False, "receipt of bad: Phone: decoder 5s: crashed")),
    ({"model": b"Old Phone"}, (True, "receipt of Old Phone: use nnapi")),
    ({"soc": b"unknown", "model": b"Old Phone"}, (False, "probe: not faster, 8.0 ms against 4.0 ms on the CPU")),
]


@pytest.mark.parametrize(("device", "wanted"), RECEIPTS)
def test_receipts_go_before_a_probe(
    library: Library, nnapi: Path, tmp_path: Path, device: dict[str, bytes], wanted: tuple[bool, str]
) -> None:
    package = with_manifest(nnapi, tmp_path / "package", devices=DEVICES)
    slow = script(tmp_path / "probe", RIGHT.replace("1 2", "4 2"))
    assert chosen(library, package, probe_program=slow, **device) == wanted
