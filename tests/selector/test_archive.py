"""The package as one zip and as an AAR, read as Gradle would."""

from __future__ import annotations

import shutil
import struct
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import pytest

from export_onnx.errors import PackageError
from selector.package import archive, make_packages
from selector.package.opened import Package
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
    with zipfile.ZipFile(work / "classes.jar") as jar:
        for name in (n for n in jar.namelist() if n.endswith(".class")):
            magic, _, major = struct.unpack(">IHH", jar.read(name)[:8])
            if magic != 0xCAFEBABE or major != 52:
                faults.append(f"{name} is not of Java 8")
        if not {f"io/github/kokoronpu/{name}.class" for name in ("Selector", "Splitter")} <= set(jar.namelist()):
            faults.append("no selector")
    try:
        Package.open(work / archive.ASSETS)
    except PackageError as error:
        faults.append(str(error))
    return faults


@pytest.mark.skipif(shutil.which("javac") is None, reason="no JDK: no AAR")
def test_the_aar_is_what_gradle_takes(dist, tmp_path):
    assert read_aar(dist / f"{NAME}.aar", tmp_path / "whole") == []
    with zipfile.ZipFile(dist / f"{NAME}.aar") as whole, zipfile.ZipFile(tmp_path / "bad.aar", "w") as bad:
        for name in whole.namelist():
            if not name.endswith("tail_any.onnx"):
                bad.writestr(name, whole.read(name))
    assert any("tail_any" in fault for fault in read_aar(tmp_path / "bad.aar", tmp_path / "bad"))


def test_without_a_jdk_the_rest_is_made_and_the_report_says_so(build, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    report = make_packages.make_packages(build, tmp_path, ["cpu"], "0.1.0", COMMAND)
    assert "JDK" in report["targets"]["cpu"]["aar"]
    assert (tmp_path / f"{NAME}.zip").exists()
    assert not (tmp_path / f"{NAME}.aar").exists()


def test_a_package_beyond_the_limit_is_said_to_be(build, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_packages, "write_aar", lambda folder: (None, "left out"))
    monkeypatch.setattr(make_packages, "MOST_BYTES", 1000)
    report = make_packages.make_packages(build, tmp_path, ["cpu"], "0.1.0", COMMAND)
    assert report["targets"]["cpu"]["within_limit"] is False
    assert "over the limit" in capsys.readouterr().out
