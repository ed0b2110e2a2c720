"""`python -m selector maven`: the AARs and the JAR of `dist/` as a Maven repository in a folder, without Gradle.

    <out>/io/github/kokoronpu/<artifact>/<version>/<artifact>-<version>.{aar,jar,pom}   and their checksums
    <out>/io/github/kokoronpu/<artifact>/maven-metadata.xml                             the versions that are there
    <out>/artifacts.json                                                                what was written, last

    kokoro-npu-sdk                       the code for the JVM; R8's rules about it are inside
    kokoro-npu-model-<weights>-<target>  a package as assets, without code; an app may take several
    kokoro-npu-english                   the data of the English phonemizer as assets, where `english` has made it

Gradle and Maven read it as `maven { url = uri("…") }`; in `~/.m2/repository`, as `mavenLocal()`. The engine with its
native libraries is an artifact of the Gradle project in `selector/sdk/android`, which needs Android's NDK. Packages of
single chips have no artifact: Google Play delivers them, see `ai_pack.py`.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from export_onnx import console
from export_onnx.errors import PackageError
from export_onnx.provenance import sha256
from selector.package.ai_pack import link_or_copy
from selector.package.archive import ASSETS, ENGLISH, ENGLISH_ASSETS, NAMESPACE
from selector.package.manifest import MANIFEST
from selector.package.whole_files import whole_file, whole_folder

LAYOUT: Final = "kokoro-npu-maven"  # in `dist`, unless another folder is named
LISTING: Final = "artifacts.json"
CODE: Final = "kokoro-npu-sdk"
CHECKSUMS: Final = ("md5", "sha1", "sha256", "sha512")
NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")  # what Maven takes in an artifact's name
APACHE: Final = ("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0.txt")


@dataclass(frozen=True)
class MavenArtifact:
    """One file with its coordinates; the group is `NAMESPACE`."""

    name: str
    version: str
    packaging: str  # aar or jar
    description: str
    file: Path

    @property
    def stem(self) -> str:
        """The name of its files, without an ending."""
        return f"{self.name}-{self.version}"


def write_maven_layout(dist: Path, out: Path) -> list[MavenArtifact]:
    """Writes every package, the JAR and the English data of `dist` into the repository `out`; what else is there stays.

    Raises:
        PackageError: `dist` has no package, an AAR is none of ours, or `out` cannot be written.
    """
    found = find_artifacts(dist)
    root = out.joinpath(*NAMESPACE.split("."))
    for artifact in found:
        with whole_folder(root / artifact.name / artifact.version) as folder:
            target = folder / f"{artifact.stem}.{artifact.packaging}"
            link_or_copy(str(artifact.file), str(target))
            pom = folder / f"{artifact.stem}.pom"
            pom.write_text(pom_of(artifact), encoding="utf-8")
            for file in (target, pom):
                write_checksums(file)
        write_metadata(root / artifact.name, artifact.name)
        console.say(f"{out}: {NAMESPACE}:{artifact.name}:{artifact.version}")
    if not any(artifact.name == ENGLISH for artifact in found):
        console.say(f"{dist} has no {ENGLISH}, which the sample app needs; `make english` makes it.")
    listing = {f"{NAMESPACE}:{a.name}:{a.version}": sha256(a.file) for a in found}
    with whole_file(out / LISTING) as work:
        work.write_text(json.dumps(listing, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return found


def find_artifacts(dist: Path) -> list[MavenArtifact]:
    """The packages of `dist` by name, the JAR that has their version, and the English phonemizer's data.

    Raises:
        PackageError: there is no package, or an AAR holds no manifest of ours.
    """
    english = [file for file in sorted(dist.glob(f"{ENGLISH}-*.aar")) if holds_english(file)]
    models = [model_artifact(file) for file in sorted(dist.glob("kokoro-npu-*.aar")) if file not in english]
    if not models:
        raise PackageError(str(dist), expected="packages as .aar", got="none", todo="Run `make package` first.")
    jars = [(dist / f"{CODE}-{version}.jar", version) for version in sorted({one.version for one in models})]
    what = "Kokoro's engine, selector and splitter for the JVM; on Android, with the artifact kokoro-npu."
    code = [MavenArtifact(CODE, version, "jar", what, file) for file, version in jars if file.is_file()]
    return [*code, *map(english_artifact, english), *models]


def holds_english(file: Path) -> bool:
    """Whether an AAR holds the English phonemizer's data; weights named `english` make AARs of a like name."""
    with zipfile.ZipFile(file) as aar:
        return any(name.startswith(f"{ENGLISH_ASSETS}/") for name in aar.namelist())


def english_artifact(file: Path) -> MavenArtifact:
    """The artifact of the English phonemizer's data; its version is that of the file's name."""
    what = "Dictionaries and a model of unknown words for the engine's English phonemizer; assets without code."
    return MavenArtifact(ENGLISH, file.stem.removeprefix(f"{ENGLISH}-"), "aar", what, file)


def model_artifact(file: Path) -> MavenArtifact:
    """The artifact of one AAR, named by the manifest inside.

    Raises:
        PackageError: it holds no manifest of one target, or a name that Maven does not take.
    """
    with zipfile.ZipFile(file) as aar:
        inside = [name for name in aar.namelist() if re.fullmatch(rf"{ASSETS}/[^/]+/{MANIFEST}", name)]
        manifests: list[dict[str, Any]] = [json.loads(aar.read(name)) for name in inside]
    names = [f"kokoro-npu-model-{m['weights']['name']}-{m['target']}" for m in manifests]
    if len(names) != 1 or not NAME.fullmatch(names[0]):
        got = ", ".join(names) or "none"
        raise PackageError(
            str(file), expected="a package of one target", got=got, todo="Make it with `make package`; see weights.md."
        )
    manifest = manifests[0]
    what = f"The voices of {manifest['weights']['name']} as INT8 models for {manifest['target']}; assets without code."
    return MavenArtifact(names[0], manifest["version"], "aar", what, file)


def pom_of(artifact: MavenArtifact) -> str:
    """The artifact's POM. It names no dependency: what runs the models is the app's choice."""
    licence, address = APACHE
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<project xmlns="http://maven.apache.org/POM/4.0.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xsi:schemaLocation="http://maven.apache.org/POM/4.0.0 https://maven.apache.org/xsd/maven-4.0.0.xsd">\n'
        "  <modelVersion>4.0.0</modelVersion>\n"
        f"  <groupId>{NAMESPACE}</groupId>\n"
        f"  <artifactId>{escape(artifact.name)}</artifactId>\n"
        f"  <version>{escape(artifact.version)}</version>\n"
        f"  <packaging>{artifact.packaging}</packaging>\n"
        f"  <name>{escape(artifact.name)}</name>\n"
        f"  <description>{escape(artifact.description)}</description>\n"
        f"  <licenses>\n    <license>\n      <name>{licence}</name>\n      <url>{address}</url>\n    </license>\n"
        "  </licenses>\n</project>\n"
    )


def write_metadata(folder: Path, name: str) -> None:
    """Writes `maven-metadata.xml` of an artifact's versions that are there. It has no date, so it is reproducible."""
    versions = by_number([pom.parent.name for pom in folder.glob(f"*/{name}-*.pom")])
    listed = "".join(f"      <version>{escape(version)}</version>\n" for version in versions)
    newest = escape(versions[-1])
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<metadata>\n'
        f"  <groupId>{NAMESPACE}</groupId>\n  <artifactId>{escape(name)}</artifactId>\n  <versioning>\n"
        f"    <latest>{newest}</latest>\n    <release>{newest}</release>\n    <versions>\n{listed}    </versions>\n"
        "  </versioning>\n</metadata>\n"
    )
    file = folder / "maven-metadata.xml"
    with whole_file(file) as work:
        work.write_text(text, encoding="utf-8")
    write_checksums(file)


def by_number(versions: Sequence[str]) -> list[str]:
    """Versions from the oldest to the newest: 0.10.0 is newer than 0.9.0."""
    return sorted(versions, key=lambda version: [int(part) for part in re.findall(r"\d+", version)])


def write_checksums(file: Path) -> None:
    """Writes the checksums that Maven's clients ask for, each into a file beside."""
    for kind in CHECKSUMS:
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, kind).hexdigest()
        file.with_name(f"{file.name}.{kind}").write_text(digest, encoding="utf-8")
