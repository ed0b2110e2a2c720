"""The package as one zip and as an AAR, read as Gradle would."""

from __future__ import annotations

import io
import re
import shutil
import struct
import xml.etree.ElementTree as ElementTree
import zipfile
from itertools import combinations
from pathlib import Path

import pytest

from export_onnx.errors import PackageError
from selector.package import archive, make_packages
from selector.package.opened import Package
from selector.package.providers import TARGETS
from tests.selector.conftest import COMMAND, NAME

pytestmark = pytest.mark.usefixtures("few_texts")


def test_the_zip_holds_the_package(dist, tmp_path):
    with zipfile.ZipFile(dist / f"{NAME}.zip") as zipped:
        assert zipped.testzip() is None
        assert {info.date_time for info in zipped.infolist()} == {archive.EPOCH}
        zipped.extractall(tmp_path)
    assert Package.open(tmp_path / NAME).manifest.package == NAME


def read_aar(file: Path, work: Path) -> list[str]:
    """What Gradle does with an AAR that it is given as a file; the faults it would stop at."""
    faults = []
    with zipfile.ZipFile(file) as aar:
        names = set(aar.namelist())
        if missing := {"AndroidManifest.xml", "classes.jar"} - names:
            return [f"missing {sorted(missing)}"]
        root = ElementTree.fromstring(aar.read("AndroidManifest.xml"))
        if root.tag != "manifest" or not root.get("package", "").count("."):
            faults.append("AndroidManifest.xml has no package")
        metadata = dict(
            line.split("=")
            for line in aar.read("META-INF/com/android/build/gradle/aar-metadata.properties").decode().split()
        )
        if metadata.get("aarFormatVersion") != "1.0" or metadata.get("aarMetadataVersion") != "1.0":
            faults.append("aar-metadata.properties")
        aar.extractall(work)
    (assets,) = (work / archive.ASSETS).iterdir()
    try:
        Package.open(assets)
    except PackageError as error:
        faults.append(str(error))
    return faults


def clashes(first: Path, second: Path) -> list[str]:
    """What Gradle's merge of two AARs stops at: one namespace, or one path or class in both."""
    found: list[str] = []
    seen: list[tuple[str, set[str]]] = []
    for file in (first, second):
        with zipfile.ZipFile(file) as aar:
            space = ElementTree.fromstring(aar.read("AndroidManifest.xml")).get("package", "")
            with zipfile.ZipFile(io.BytesIO(aar.read("classes.jar"))) as jar:
                classes = {name for name in jar.namelist() if name.endswith(".class")}
            seen.append((space, classes | {name for name in aar.namelist() if name.startswith("assets/")}))
    (one, mine), (other, theirs) = seen
    found += [f"namespace {one}"] if one == other else []
    return found + sorted(mine & theirs)


def test_the_aar_is_what_gradle_takes(dist, tmp_path):
    assert read_aar(dist / f"{NAME}.aar", tmp_path / "whole") == []
    with zipfile.ZipFile(dist / f"{NAME}.aar") as whole, zipfile.ZipFile(tmp_path / "bad.aar", "w") as bad:
        for name in whole.namelist():
            if not name.endswith("tail_any.onnx"):
                bad.writestr(name, whole.read(name))
    assert any("tail_any" in fault for fault in read_aar(tmp_path / "bad.aar", tmp_path / "bad"))


def test_an_app_may_hold_the_packages_of_all_targets(dist, tmp_path):
    made = []
    for target in TARGETS:
        folder = tmp_path / f"package-{target}"
        shutil.copytree(dist / NAME, folder)
        made.append(archive.write_aar(folder, target))
    for one, other in combinations(made, 2):
        assert clashes(one, other) == []
    planted = clashes(made[0], made[0])
    assert planted[0] == "namespace io.github.kokoronpu.nnapi"
    assert len(planted) > 10


def test_the_manifest_asks_for_no_more_than_its_target_needs():
    android = "{http://schemas.android.com/apk/res/android}"
    least, needed = {}, {}
    for target in (*TARGETS, "qnn-SM8550"):
        root = ElementTree.fromstring(archive.android_manifest(target))
        (sdk,) = root.iter("uses-sdk")
        least[target] = sdk.get(f"{android}minSdkVersion")
        needed[target] = [
            (e.get(f"{android}name"), e.get(f"{android}required")) for e in root.iter("uses-native-library")
        ]
        assert re.fullmatch(r"[a-z]+(\.[a-z0-9_]+)+", root.get("package", ""))
    assert least == {"nnapi": "27", "qnn": "24", "cpu": "24", "qnn-SM8550": "24"}
    dsp = [("libcdsprpc.so", "false")]
    assert needed == {"nnapi": [], "qnn": dsp, "cpu": [], "qnn-SM8550": dsp}


@pytest.mark.skipif(shutil.which("javac") is None, reason="no JDK: no JAR")
def test_the_jar_holds_the_code_for_java_8(dist):
    with zipfile.ZipFile(dist / "kokoro-npu-sdk-0.1.0.jar") as jar:
        classes = [name for name in jar.namelist() if name.endswith(".class")]
        assert {f"io/github/kokoronpu/{name}.class" for name in ("Selector", "Splitter")} <= set(classes)
        for name in classes:
            assert struct.unpack(">IHH", jar.read(name)[:8])[::2] == (0xCAFEBABE, 52), name


def test_without_a_jdk_the_rest_is_made_and_the_report_says_so(build, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    (tmp_path / "kokoro-npu-sdk-0.1.0.jar").write_bytes(b"of an earlier run")
    report = make_packages.make_packages(build, tmp_path, ["cpu"], "0.1.0", COMMAND)
    assert "JDK" in report["sdk"]["why_not"]
    assert sorted(file.name for file in tmp_path.iterdir()) == [NAME, f"{NAME}.aar", f"{NAME}.zip"]


def test_a_package_beyond_the_limit_is_said_to_be(build, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_packages, "write_sdk_jar", lambda dist, version: (None, "left out"))
    monkeypatch.setattr(make_packages, "MOST_BYTES", 1000)
    report = make_packages.make_packages(build, tmp_path, ["cpu"], "0.1.0", COMMAND)
    assert report["targets"]["cpu"]["within_limit"] is False
    assert "over the limit" in capsys.readouterr().out
