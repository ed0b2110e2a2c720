"""The archives of `dist/` as a Maven repository: resolved as Gradle would, and refused where a file was changed."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from export_onnx.clean import packages_to_delete
from export_onnx.errors import PackageError
from selector.__main__ import main
from selector.package.archive import NAMESPACE
from selector.package.maven_layout import LAYOUT, by_number, find_artifacts, write_maven_layout
from tests.selector.accent_fakes import make_few_words
from tests.selector.conftest import NAME

MODEL = "kokoro-npu-model-fake-cpu"
POM = "{http://maven.apache.org/POM/4.0.0}"


def resolve(repository: Path, name: str, version: str) -> Path:
    """The file of an artifact, found by Maven's rules: the POM at its place, its packaging, and the checksums beside.

    Raises:
        ValueError: what a client of Maven would stop at.
    """
    folder = repository.joinpath(*NAMESPACE.split("."), name, version)
    root = ElementTree.parse(folder / f"{name}-{version}.pom").getroot()
    told = {
        tag: root.findtext(f"{POM}{tag}") for tag in ("modelVersion", "groupId", "artifactId", "version", "packaging")
    }
    if (told["modelVersion"], told["groupId"], told["artifactId"], told["version"]) != (
        "4.0.0",
        NAMESPACE,
        name,
        version,
    ):
        raise ValueError(f"the POM is of another artifact: {told}")
    file = folder / f"{name}-{version}.{told['packaging']}"
    for part in (file, folder / f"{name}-{version}.pom", folder.parent / "maven-metadata.xml"):
        for kind in ("md5", "sha1", "sha256", "sha512"):
            if hashlib.new(kind, part.read_bytes()).hexdigest() != part.with_name(f"{part.name}.{kind}").read_text():
                raise ValueError(f"{part.name} has another {kind}")
    listed = ElementTree.parse(folder.parent / "maven-metadata.xml").getroot()
    if version not in [one.text for one in listed.iter("version")]:
        raise ValueError(f"maven-metadata.xml has no version {version}")
    return file


@pytest.fixture
def repository(dist: Path, tmp_path: Path) -> Path:
    write_maven_layout(dist, tmp_path / "maven")
    return tmp_path / "maven"


def test_a_package_is_an_artifact_of_its_weights_and_target(repository: Path, dist: Path) -> None:
    assert resolve(repository, MODEL, "0.1.0").read_bytes() == (dist / f"{NAME}.aar").read_bytes()
    listing = json.loads((repository / "artifacts.json").read_text())
    digest = hashlib.sha256((dist / f"{NAME}.aar").read_bytes()).hexdigest()
    assert listing[f"{NAMESPACE}:{MODEL}:0.1.0"] == digest


@pytest.mark.skipif(shutil.which("javac") is None, reason="no JDK: no JAR")
def test_the_code_is_an_artifact_of_its_own(repository: Path) -> None:
    jar = resolve(repository, "kokoro-npu-sdk", "0.1.0")
    with zipfile.ZipFile(jar) as classes:
        assert "io/github/kokoronpu/KokoroNpu.class" in classes.namelist()
        assert "META-INF/proguard/kokoro-npu-sdk.pro" in classes.namelist()


def test_the_english_data_is_an_artifact_of_its_own(
    dist: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = another(dist, tmp_path / "dist", weights="english")
    (copy / f"{NAME}.aar").rename(copy / "kokoro-npu-english-0.1.0-cpu.aar")
    write_maven_layout(copy, tmp_path / "without")
    assert "no kokoro-npu-english, which the sample app needs" in " ".join(capsys.readouterr().out.split())
    made = make_few_words(copy, "0.2.0")
    write_maven_layout(copy, tmp_path / "maven")
    assert "which the sample app needs" not in " ".join(capsys.readouterr().out.split())
    assert resolve(tmp_path / "maven", "kokoro-npu-model-english-cpu", "0.1.0").is_file()
    with zipfile.ZipFile(resolve(tmp_path / "maven", "kokoro-npu-english", "0.2.0")) as aar:
        for file in made.iterdir():
            assert aar.read(f"assets/kokoro-npu-english/{file.name}") == file.read_bytes()
    gone = packages_to_delete(str(copy))
    assert {made, made.with_name(f"{made.name}.aar")} <= set(gone)
    (made / "en-gb.bin").unlink()
    assert made not in packages_to_delete(str(copy)), "a folder of that name that no step wrote"


def test_a_changed_file_is_refused_by_its_checksum(repository: Path) -> None:
    file = resolve(repository, MODEL, "0.1.0")
    whole = file.read_bytes()
    file.unlink()  # it may be a link to the file in dist
    file.write_bytes(whole[:-1] + b"x")
    with pytest.raises(ValueError, match="has another md5"):
        resolve(repository, MODEL, "0.1.0")
    file.write_bytes(whole)
    pom = file.with_suffix(".pom")
    pom.write_text(pom.read_text().replace("-cpu<", "-qnn<", 1))
    with pytest.raises(ValueError, match="of another artifact"):
        resolve(repository, MODEL, "0.1.0")


def another(dist: Path, folder: Path, **changed: str) -> Path:
    """A `dist` whose one AAR has a manifest with other values."""
    folder.mkdir()
    with zipfile.ZipFile(dist / f"{NAME}.aar") as old, zipfile.ZipFile(folder / f"{NAME}.aar", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("/manifest.json"):
                value = json.loads(content)
                value["weights"]["name"] = changed.get("weights", value["weights"]["name"])
                content = json.dumps(value | {k: v for k, v in changed.items() if k != "weights"}).encode()
            new.writestr(name, content)
    return folder


def test_other_versions_and_artifacts_stay(repository: Path, dist: Path, tmp_path: Path) -> None:
    for version in ("0.10.0", "0.9.0"):
        write_maven_layout(another(dist, tmp_path / version, version=version), repository)
    write_maven_layout(another(dist, tmp_path / "qnn", target="qnn"), repository)
    for version in ("0.1.0", "0.9.0", "0.10.0"):
        assert resolve(repository, MODEL, version).suffix == ".aar"
    assert resolve(repository, "kokoro-npu-model-fake-qnn", "0.1.0").is_file()
    metadata = ElementTree.parse(repository.joinpath(*NAMESPACE.split("."), MODEL, "maven-metadata.xml")).getroot()
    assert metadata.findtext("versioning/latest") == "0.10.0"
    assert [one.text for one in metadata.iter("version")] == ["0.1.0", "0.9.0", "0.10.0"]
    assert by_number(["1.0.0", "0.10.0"]) == ["0.10.0", "1.0.0"]


def test_the_same_packages_give_the_same_bytes(repository: Path, dist: Path, tmp_path: Path) -> None:
    write_maven_layout(dist, tmp_path / "again")
    files = sorted(file.relative_to(repository) for file in repository.rglob("*") if file.is_file())
    assert len(files) > 10
    assert [
        file for file in files if (repository / file).read_bytes() != (tmp_path / "again" / file).read_bytes()
    ] == []
    write_maven_layout(dist, repository)
    assert sorted(file.relative_to(repository) for file in repository.rglob("*") if file.is_file()) == files


def test_what_is_no_package_is_refused(dist: Path, tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"packages as \.aar, got none"):
        find_artifacts(tmp_path)
    with pytest.raises(PackageError, match="a package of one target, got kokoro-npu-model-my voice-cpu"):
        find_artifacts(another(dist, tmp_path / "odd", weights="my voice"))
    with zipfile.ZipFile(tmp_path / "kokoro-npu-other.aar", "w") as aar:
        aar.writestr("AndroidManifest.xml", "<manifest/>")
    with pytest.raises(PackageError, match="a package of one target, got none"):
        find_artifacts(tmp_path)


def test_the_command_writes_beside_the_packages_and_clean_takes_it_away(dist: Path, tmp_path: Path) -> None:
    copy = tmp_path / "dist"
    copy.mkdir()
    shutil.copy(dist / f"{NAME}.aar", copy)
    assert main(["maven", "--dist", str(copy)]) == 0
    assert resolve(copy / LAYOUT, MODEL, "0.1.0").is_file()
    assert copy / LAYOUT in packages_to_delete(str(copy))
    (copy / LAYOUT / "artifacts.json").unlink()
    assert copy / LAYOUT not in packages_to_delete(str(copy)), "a folder of that name that no step wrote"
