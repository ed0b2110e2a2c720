"""The `cpu` package with fused models: what it holds, what it refuses, and which operators speak."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from export_onnx.errors import PackageError
from export_onnx.provenance import read_report
from quantize.ops.build_library import OPS_LIBRARY, keep_why_not
from quantize.ops.fused_ops import OPS_VERSION
from quantize.ops.platforms import this_platform
from selector.package import make_packages
from selector.package.archive import write_aar
from selector.package.opened import Package
from selector.package.receipts import models_digest
from selector.speak.synthesize import Synthesizer
from tests.selector.conftest import COMMAND, NAME
from tests.selector.fused_fakes import (
    LOUDER,
    add_fused,
    library_without_operators,
    of_another_processor,
    with_library,
)
from tests.selector.selector_fakes import make_build

LIBRARY = f"lib/{this_platform()}/{OPS_LIBRARY}"


def spoken(package: Package) -> np.ndarray:
    """The sound of two words that are their own phonemes."""
    rows = package.voice("af_short")
    chains = package.operators.chains
    speaker = Synthesizer(chains, package.manifest, "af_short", rows, 1.0, phonemize=lambda text, _: text)
    return np.concatenate([chunk.samples for chunk in speaker.speak("bad dog")])


def test_the_package_has_both_forms_and_one_copy_of_the_weights(fused_package: Path, dist: Path) -> None:
    manifest = Package.open(fused_package).manifest
    assert manifest.fused is not None
    assert manifest.fused.models == {"any": {"decoder": "models/decoder_any_fused.onnx"}}
    assert manifest.fused.libraries == {this_platform(): LIBRARY}
    assert {LIBRARY, "models/decoder_any_fused.onnx"} <= set(manifest.files)
    weights = "models/weights.bin"
    assert manifest.files[weights] == Package.open(dist / NAME).manifest.files[weights]
    assert models_digest(manifest) == models_digest(Package.open(dist / NAME).manifest), "receipts stay valid"
    inside = onnx.load(fused_package / "models/decoder_any_fused.onnx", load_external_data=False).graph.initializer
    assert sum(len(tensor.raw_data) for tensor in inside) < 1024


def test_fused_operators_speak_where_they_can_and_stock_ones_where_they_are_asked_for(
    fused_package: Path, dist: Path
) -> None:
    plain, fused = Package.open(dist / NAME), Package.open(fused_package)
    assert (fused.operators.fused, fused.operators.reason) == (True, LIBRARY)
    asked = Package.open(fused_package, stock=True)
    assert (asked.operators.fused, asked.operators.reason) == (False, "stock operators were asked for")
    assert (plain.operators.fused, plain.operators.reason) == (False, "the package has stock operators alone")
    assert np.array_equal(spoken(asked), spoken(plain))
    assert np.allclose(spoken(fused), LOUDER * spoken(plain), atol=1e-6)
    assert not np.allclose(spoken(fused), spoken(plain), atol=1e-3)


def test_synthesize_takes_the_chosen_operators(fused_package: Path) -> None:
    heard = [
        np.concatenate([chunk.samples for chunk in package.synthesize("Two words.", "af_short", language="en-us")])
        for package in (Package.open(fused_package), Package.open(fused_package, stock=True))
    ]
    assert np.allclose(heard[0], LOUDER * heard[1], atol=1e-6)


def broken_libraries(ops: Path, work: Path) -> dict[str, bytes]:
    """What the choice says of each -> its bytes."""
    return {
        "invalid ELF header": b"a letter to the reader\n" * 99,
        "file too short": b"",
        "does not load: ": of_another_processor(ops),
        "does not say its version": library_without_operators(work),
        f"has operators of version 99, and the models need {OPS_VERSION}": library_without_operators(work, 99),
        f"ONNX Runtime refuses {LIBRARY}: .*RegisterCustomOps": library_without_operators(work, OPS_VERSION),
    }


def test_a_broken_library_is_a_reason_for_stock_operators(
    fused_package: Path, ops: Path, dist: Path, tmp_path: Path
) -> None:
    """Its hash is right, so that ONNX Runtime meets it."""
    wanted = spoken(Package.open(dist / NAME))
    broken = broken_libraries(ops, tmp_path)
    assert len(broken) == 6
    for number, (says, content) in enumerate(broken.items()):
        package = Package.open(with_library(fused_package, tmp_path / str(number), content))
        assert not package.operators.fused, says
        assert LIBRARY in package.operators.reason
        assert re.search(says, package.operators.reason), package.operators.reason
        assert np.array_equal(spoken(package), wanted), says


def test_a_library_without_the_models_operators_is_a_reason_for_stock_operators(
    ops: Path, few_texts: None, tmp_path: Path
) -> None:
    add_fused(make_build(tmp_path / "build"), ops, operator="Unheard")
    make_packages.make_packages(tmp_path / "build", tmp_path / "dist", ["cpu"], "0.1.0", COMMAND)
    package = Package.open(tmp_path / "dist" / NAME)
    assert not package.operators.fused
    assert "decoder_any_fused.onnx failed" in package.operators.reason
    assert spoken(package).size


def test_a_changed_or_missing_library_is_never_loaded(fused_package: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(fused_package, tmp_path / "package")
    whole = (folder / LIBRARY).read_bytes()
    for changed in (whole + b"\0", whole[:20_000]):  # the first would load, the second would end the process
        (folder / LIBRARY).write_bytes(changed)
        package = Package.open(folder)
        assert package.remarks == (f"{LIBRARY} is changed or missing; stages run with stock operators there",)
        assert (package.operators.fused, package.operators.reason) == (False, f"{LIBRARY} is changed")
    (folder / LIBRARY).unlink()
    assert Package.open(folder).operators.reason == f"{LIBRARY} is missing"
    (folder / "models" / "decoder_any_fused.onnx").unlink()
    with pytest.raises(PackageError, match="decoder_any_fused"):
        Package.open(folder)


def test_a_platform_without_a_library_has_stock_operators(fused_package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selector.speak.fused_choice.this_platform", lambda: "plan9-mips")
    assert Package.open(fused_package).operators.reason == "the package has no library for plan9-mips"


DAMAGE: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda fused: fused["models"]["any"].update(decoder="../decoder.onnx"), "inside"),
    (lambda fused: fused["models"]["any"].update(vocoder="models/decoder_any_fused.onnx"), "vocoder any"),
    (lambda fused: fused["models"].update({"5s": fused["models"]["any"]}), "decoder 5s"),
    (lambda fused: fused["libraries"].update(other="lib/other.so"), "named but not listed"),
    (lambda fused: fused["libraries"].update(other="models/weights.bin"), "libraries outside of lib/"),
    (lambda fused: fused.update(version=0), "greater than 0"),
    (lambda fused: fused.update(more=1), "Extra inputs"),
]


@pytest.mark.parametrize(("damage", "says"), DAMAGE)
def test_a_damaged_section_is_refused(
    fused_package: Path, tmp_path: Path, damage: Callable[[dict[str, Any]], object], says: str
) -> None:
    folder = shutil.copytree(fused_package, tmp_path / "package")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    damage(manifest["fused"])
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(PackageError, match=says):
        Package.open(folder)


def test_fused_models_of_other_stock_models_are_refused(
    fused_build: Path, ops: Path, few_texts: None, tmp_path: Path
) -> None:
    build = shutil.copytree(fused_build, tmp_path / "build", symlinks=True)
    report = build / "quantize" / "cpu-fused" / "report.json"
    whole = json.loads(report.read_text())

    def refused(changed: dict[str, Any], says: str) -> None:
        report.write_text(json.dumps(whole | changed))
        with pytest.raises(PackageError, match=says):
            make_packages.make_packages(build, tmp_path / "dist", ["cpu"], "0.1.0", COMMAND)

    refused({"made_from": {"quantize/cpu": "another"}}, "this build's quantize/cpu")
    refused({"library": "0" * 64}, "proven with, got another one")
    refused({"sound": {}}, "figures of their sound")
    refused({"files": whole["files"] | {"decoder_any.onnx": "0" * 64}}, "others in decoder_any.onnx")
    (build / "ops" / OPS_LIBRARY).unlink()
    refused({}, "proven with, got none")


def test_without_a_compiler_the_package_has_stock_operators_and_says_so(
    few_texts: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = make_build(tmp_path / "build")
    keep_why_not(build / "ops", "no c++")
    folder = build / "quantize" / "cpu-fused"
    folder.mkdir()
    (folder / "report.json").write_text(json.dumps({"made_from": {"quantize/cpu": "s"}, "why_not": "no c++"}))
    make_packages.make_packages(build, tmp_path / "dist", ["cpu"], "0.1.0", COMMAND)
    assert "cpu: stock operators alone: no c++" in capsys.readouterr().out
    report = read_report(build / "selector")
    assert report is not None
    assert report["targets"]["cpu"]["fused"] == "stock operators alone: no c++"
    package = Package.open(tmp_path / "dist" / NAME)
    assert package.manifest.fused is None
    assert not (package.folder / "lib").exists()


def test_packages_are_made_again_for_another_library(fused_build: Path, few_texts: None, tmp_path: Path) -> None:
    build = shutil.copytree(fused_build, tmp_path / "build", symlinks=True)
    for library, says in ((None, False), (None, True), ("linux-aarch64", False)):
        if library:
            (build / "ops" / library).mkdir()
            shutil.copy(build / "ops" / OPS_LIBRARY, build / "ops" / library)
        before = read_report(build / "selector")
        made = make_packages.make_packages(build, tmp_path / "dist", ["cpu"], "0.1.0", COMMAND)
        assert (made == before) is says
    assert "linux-aarch64" in made["targets"]["cpu"]["fused"]


def test_the_aar_has_androids_library_where_an_app_may_load_it(fused_package: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(fused_package, tmp_path / NAME)
    names = zipfile.ZipFile(write_aar(folder, "cpu")).namelist()
    assert not [name for name in names if name.endswith(".so")]
    (folder / "lib" / "android-arm64-v8a").mkdir()
    shutil.copy(folder / LIBRARY, folder / "lib" / "android-arm64-v8a" / OPS_LIBRARY)
    names = zipfile.ZipFile(write_aar(folder, "cpu")).namelist()
    assert [name for name in names if name.endswith(".so")] == [f"jni/arm64-v8a/{OPS_LIBRARY}"]
    assert "assets/kokoro-npu/cpu/models/decoder_any_fused.onnx" in names
