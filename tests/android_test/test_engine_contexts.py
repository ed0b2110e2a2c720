"""The C++ engine with a package of contexts: on its chip, which is simulated here, or not at all, with the reason."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from android_test.device.linux_runner import qnn_libraries
from export_onnx.buckets import BUCKETS
from selector.package.opened import Package
from tests.android_test.unshared_contexts import CHIP, PLAIN, make_packages_of_contexts
from tests.built_once import built_once
from tests.selector.engine_library import DEVICE, EngineError, Library, build_engine, letters

NEVER, NPU, CPU = 1, 2, 1
SOC = CHIP.encode()
TEXT = "Bad dog jumps, and it runs far away over the hills. Bad dog. "
pytestmark = pytest.mark.skipif(not qnn_libraries(), reason="onnxruntime-qnn is not installed")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library.load(built_once(tmp_path_factory, "engine", build_engine) / "build")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packages of plain models and of contexts; the latter names the simulation's library and chip."""
    dist = make_packages_of_contexts(tmp_path_factory.mktemp("engine_contexts")).dist
    manifest = read(dist / f"{PLAIN}-sm8550")
    manifest["providers"]["npu"]["options"].pop("backend_type")
    told = {"backend_path": str(qnn_libraries()[1]), "soc_model": "43", "htp_arch": "73"}
    manifest["providers"]["npu"]["options"] |= told
    write(dist / f"{PLAIN}-sm8550", manifest)
    return dist


def read(package: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((package / "manifest.json").read_text(encoding="utf-8"))
    return found


def write(package: Path, manifest: dict[str, Any]) -> Path:
    (package / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return package


def refused(library: Library, package: Path, **options: Any) -> str:
    with pytest.raises(EngineError) as raised:
        library.open(package, **options)
    assert raised.value.status == DEVICE
    assert all(raised.value.facts)
    assert raised.value.facts[3] == "Open the package for cpu."
    return str(raised.value)


def test_contexts_speak_on_their_chip(library: Library, dist: Path) -> None:
    """Eight sessions and several buckets in one process; with a second thread for the vocoder, and without."""
    plugin = str(qnn_libraries()[0]).encode()
    options: dict[str, Any] = {"soc": SOC, "provider": NPU, "plugin": plugin}
    with library.open(dist / PLAIN, provider=CPU) as cpu:
        wanted = cpu.speak(text=TEXT, voice="af_short", phonemize=letters)
    with library.open(dist / f"{PLAIN}-sm8550", **options) as engine:
        heard = engine.speak(text=TEXT, voice="af_short", phonemize=letters)
        report = json.loads(engine.words("report"))
    assert (report["npu"], report["reason"]) == (True, f"the app chose the NPU; contexts for {CHIP}")
    assert [chunk.text for chunk in heard] == [chunk.text for chunk in wanted]
    for mine, theirs in zip(heard, wanted, strict=True):
        assert np.allclose(mine.samples, theirs.samples, atol=2e-3)
    assert max(float(np.abs(chunk.samples).max()) for chunk in heard) > 0.1
    with library.open(dist / f"{PLAIN}-sm8550", side_by_side=NEVER, memory_limit=1, **options) as tight:
        again = tight.speak(text=TEXT, voice="af_short", phonemize=letters)
    assert [chunk.samples.tobytes() for chunk in again] == [chunk.samples.tobytes() for chunk in heard]


def test_another_chip_or_none_or_the_cpu_is_refused(library: Library, dist: Path) -> None:
    package = dist / f"{PLAIN}-sm8550"
    for soc in (b"SM8650", b"SM85501"):
        said = refused(library, package, soc=soc, provider=NPU)
        assert f"a device with the chip {CHIP} | {soc.decode()}" in said
    assert "does not name its chip" in refused(library, package, provider=NPU)
    assert "the app's choice of the CPU" in refused(library, package, soc=SOC, provider=CPU)
    assert "a receipt of this chip, or the app's choice of the NPU | neither" in refused(library, package, soc=SOC)


def test_a_receipt_decides(library: Library, dist: Path, tmp_path: Path) -> None:
    shutil.copytree(dist / f"{PLAIN}-sm8550", tmp_path / "package")
    manifest = read(tmp_path / "package")

    def with_entry(**entry: Any) -> Path:
        devices = {"socs": {CHIP: entry}, "models": {}, "elsewhere": "cpu"}
        return write(tmp_path / "package", manifest | {"devices": devices})

    good = with_entry(verified=["qnn"], hardware={"qnn": []}, failed={}, use="qnn")
    with library.open(good, soc=SOC) as engine:
        report = json.loads(engine.words("report"))
        assert (report["npu"], report["reason"]) == (True, f"receipt of {CHIP}: use qnn; contexts for {CHIP}")
    bad = with_entry(verified=[], hardware={}, failed={"qnn": "Phone: bert 5s: crashed"}, use="cpu")
    assert "receipt of SM8550: Phone: bert 5s: crashed" in refused(library, bad, soc=SOC)


def test_a_binary_that_was_cut_is_refused_when_the_package_is_opened(
    library: Library, dist: Path, tmp_path: Path
) -> None:
    shutil.copytree(dist / f"{PLAIN}-sm8550", tmp_path / "package")
    (binary,) = (tmp_path / "package").glob(f"models/decoder_{BUCKETS[0].name}*.bin")
    binary.write_bytes(binary.read_bytes()[:-1])
    with pytest.raises(EngineError, match=r"_qnn\.bin"):
        library.open(tmp_path / "package", soc=SOC, provider=NPU)


@pytest.mark.parametrize("damage", ["garbage", "gone"])
def test_a_binary_that_does_not_load_is_an_error_with_its_reason(
    library: Library, dist: Path, tmp_path: Path, damage: str
) -> None:
    package = tmp_path / "package"
    shutil.copytree(dist / f"{PLAIN}-sm8550", package)
    (binary,) = package.glob(f"models/decoder_{BUCKETS[0].name}*.bin")
    binary.write_bytes(np.random.default_rng(0).bytes(binary.stat().st_size))
    plugin = str(qnn_libraries()[0]).encode()
    with library.open(package, soc=SOC, provider=NPU, plugin=plugin, skip_hashes=1) as engine:
        if damage == "gone":
            binary.unlink()
        with pytest.raises(EngineError) as raised:
            engine.speak(phonemes="bad dog", voice="af_short")
        assert raised.value.status == DEVICE
        assert f"that the NPU of {CHIP} runs it" in raised.value.facts[1]
        report = json.loads(engine.words("report"))
        assert report["reason"].startswith(f"decoder {BUCKETS[0].name}: ")
    assert Package.open(dist / f"{PLAIN}-sm8550").manifest.contexts is not None
