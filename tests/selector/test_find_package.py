"""Which package speaks: never that of other weights than are meant."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from android_test.__main__ import parse as android_options
from export_onnx.errors import PackageError
from selector.__main__ import parse as selector_options
from selector.speak.to_wav import find_package


def package(dist: Path, weights: str, version: str = "0.2.0", target: str = "cpu", age: int = 0) -> Path:
    folder = dist / f"kokoro-npu-{weights}-{version}-{target}"
    folder.mkdir(parents=True)
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"weights": {"name": weights}}), encoding="utf-8")
    os.utime(manifest, (1_000_000 - age, 1_000_000 - age))
    return folder


def build_of(folder: Path, weights: str) -> Path:
    (folder / "export_onnx").mkdir(parents=True, exist_ok=True)
    (folder / "export_onnx" / "report.json").write_text(json.dumps({"weights": {"name": weights}}), encoding="utf-8")
    return folder


def test_of_several_weights_the_named_or_the_builds_are_taken(tmp_path: Path) -> None:
    dist, build = tmp_path / "dist", tmp_path / "build"
    package(dist, "demo")
    assert find_package(dist, "cpu", build=build) == find_package(dist, "cpu") == dist / "kokoro-npu-demo-0.2.0-cpu"
    kokoro = package(dist, "kokoro-82m-int8", age=500)
    package(dist, "demo-b", target="nnapi")
    with pytest.raises(
        PackageError, match=r"one package for cpu, .* got packages of demo, kokoro-82m-int8\. .*--weights"
    ):
        find_package(dist, "cpu")
    with pytest.raises(PackageError, match="packages of demo, kokoro-82m-int8"):
        find_package(dist, "cpu", build=build)
    assert find_package(dist, "cpu", build=build_of(build, "kokoro-82m-int8")) == kokoro, "not the newest"
    assert find_package(dist, "cpu", "demo", build).name == "kokoro-npu-demo-0.2.0-cpu", "who names one is heard first"
    with pytest.raises(PackageError, match="packages of demo, kokoro-82m-int8, and a build of random"):
        find_package(dist, "cpu", build=build_of(build, "random"))
    assert find_package(dist / "kokoro-npu-demo-0.2.0-cpu", "cpu", build=build).name == "kokoro-npu-demo-0.2.0-cpu"


def test_named_weights_are_those_and_no_others(tmp_path: Path) -> None:
    package(tmp_path, "demo-b")
    with pytest.raises(PackageError, match="a package for cpu of the weights demo, got demo-b"):
        find_package(tmp_path, "cpu", "demo")
    with pytest.raises(PackageError, match="a package for qnn, got none"):
        find_package(tmp_path, "qnn")


def test_of_several_versions_the_newest_is_taken(tmp_path: Path) -> None:
    package(tmp_path, "demo", "0.2.0", age=10)
    newer = package(tmp_path, "demo", "0.3.0")
    package(tmp_path, "demo", "0.1.0", age=20)
    assert find_package(tmp_path, "cpu") == newer


def test_what_is_no_manifest_counts_as_other_weights(tmp_path: Path) -> None:
    package(tmp_path, "demo")
    (package(tmp_path, "broken") / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(PackageError, match=r"packages of demo, kokoro-npu-broken-0\.2\.0-cpu"):
        find_package(tmp_path, "cpu")


def test_commands_pass_the_build_and_the_weights() -> None:
    for options in (selector_options(["speak", "--text", "x"]), android_options(["verify"])):
        assert (options.weights, options.build) == ("", Path("build"))
