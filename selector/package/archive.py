"""Writes a package folder as one `.zip`, and as an `.aar` that Gradle takes as a file; and the SDK's code as a `.jar`.

An app may hold the packages of several targets: each AAR has a namespace and an assets folder of its target (of a
chip's contexts, `qnn-sm8550`), and no Java code. The code is one JAR for all of them. The same inputs give the same
bytes.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from export_onnx.errors import PackageError
from quantize.ops.build_library import OPS_LIBRARY
from quantize.ops.platforms import ANDROID_ARM64
from selector.package.fused_schema import LIBRARIES
from selector.package.whole_files import whole_file

EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest time in a zip
NAMESPACE: Final = "io.github.kokoronpu"
ABI: Final = "arm64-v8a"  # Android's word for 64-bit ARM
ASSETS: Final = "assets/kokoro-npu"  # a folder per target below it
ENGLISH: Final = "kokoro-npu-english"  # the data of the English phonemizer
ENGLISH_ASSETS: Final = f"assets/{ENGLISH}"
MIN_SDK: Final = 24  # ONNX Runtime's own
MIN_SDK_NNAPI: Final = 27  # NNAPI begins with Android 8.1
# Without this line Android 12 and newer hide the library by which an app reaches Qualcomm's DSP. Not required, so that
# the app is installed on other chips, too.
DSP_LIBRARY: Final = '<uses-native-library android:name="libcdsprpc.so" android:required="false" />'
AAR_METADATA: Final = "aarFormatVersion=1.0\naarMetadataVersion=1.0\n"
RULES: Final = "META-INF/proguard"  # where R8 looks for a JAR's own rules
JAR_MANIFEST: Final = "Manifest-Version: 1.0\r\n\r\n"


def write_archive(final: Path, entries: Mapping[str, Path | bytes]) -> Path:
    """Writes a zip of `entries` in the order of their names, with fixed times and modes.

    Raises:
        PackageError: the disk is full or not writable.
    """
    with whole_file(final) as work, zipfile.ZipFile(work, "w") as archive:
        _fill(archive, entries)
    return final


def _fill(archive: zipfile.ZipFile, entries: Mapping[str, Path | bytes]) -> None:
    for name in sorted(entries):
        info = zipfile.ZipInfo(name, EPOCH)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o644 << 16
        info.create_system = 3  # Unix, wherever it is made
        content = entries[name]
        if isinstance(content, bytes):
            archive.writestr(info, content)
        else:
            with content.open("rb") as source, archive.open(info, "w") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)


def _files(folder: Path, prefix: str) -> dict[str, Path | bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {f"{prefix}/{path.relative_to(folder).as_posix()}": path for path in found}


def write_zip(folder: Path) -> Path:
    """Writes `<package>.zip` beside the folder, with the folder inside."""
    return write_archive(folder.with_name(folder.name + ".zip"), _files(folder, folder.name))


def write_aar(folder: Path, target: str) -> Path:
    """Writes `<package>.aar` beside the folder: the package as assets below `ASSETS/<target>`, without Java code.

    An app may run native code only from where Android unpacks an AAR's `jni/`. So the libraries of fused operators are
    no assets, and the one for Android lies there.

    Raises:
        PackageError: the disk is full or not writable.
    """
    assets = f"{ASSETS}/{target}"
    entries = {
        name: file for name, file in _files(folder, assets).items() if not name.startswith(f"{assets}/{LIBRARIES}/")
    }
    android = folder / LIBRARIES / ANDROID_ARM64 / OPS_LIBRARY
    entries |= {f"jni/{ABI}/{OPS_LIBRARY}": android} if android.is_file() else {}
    return _write_aar(folder, target, entries)


def write_english_aar(folder: Path) -> Path:
    """Writes `<folder>.aar` beside the data of the English phonemizer: assets in `ENGLISH_ASSETS`, without Java code.

    Raises:
        PackageError: the disk is full or not writable.
    """
    return _write_aar(folder, "english", _files(folder, ENGLISH_ASSETS))


def _write_aar(folder: Path, target: str, entries: Mapping[str, Path | bytes]) -> Path:
    gradles: dict[str, Path | bytes] = {
        "AndroidManifest.xml": android_manifest(target).encode(),
        "R.txt": b"",
        "META-INF/com/android/build/gradle/aar-metadata.properties": AAR_METADATA.encode(),
        "classes.jar": _jar({}),  # Gradle demands one
    }
    return write_archive(folder.with_name(folder.name + ".aar"), {**entries, **gradles})


def android_manifest(target: str) -> str:
    """The AAR's `AndroidManifest.xml`: a namespace per target, since Gradle refuses two libraries of one namespace.

    The English phonemizer's data counts as the target `english`.
    """
    name = re.sub(r"[^a-z0-9]", "_", target.lower())
    least = MIN_SDK_NNAPI if target == "nnapi" else MIN_SDK
    needs = f"    <application>\n        {DSP_LIBRARY}\n    </application>\n" if target.startswith("qnn") else ""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="{NAMESPACE}.{name}">\n'
        f'    <uses-sdk android:minSdkVersion="{least}" />\n'
        f"{needs}</manifest>\n"
    )


def write_sdk_jar(dist: Path, version: str) -> tuple[Path | None, str]:
    """Writes `kokoro-npu-sdk-<version>.jar`: the selector and the splitter for Java 8 and Kotlin.

    Returns:
        The file; or None and the reason, if there is no JDK.

    Raises:
        PackageError: the Java code does not compile, or the disk is full.
    """
    javac = shutil.which("javac")
    final = dist / f"kokoro-npu-sdk-{version}.jar"
    if javac is None:
        final.unlink(missing_ok=True)  # an earlier run's has other code
        return None, "no javac on this computer; install a JDK of version 8 to 21"
    with whole_file(final) as work:
        work.write_bytes(classes_jar(javac))
    return final, ""


def classes_jar(javac: str) -> bytes:
    """Compiles the Java code for Java 8; R8's rules about it come along.

    Raises:
        PackageError: the compiler refuses it; the error has its first lines.
    """
    with as_file(files("selector").joinpath("sdk", "java")) as source, tempfile.TemporaryDirectory() as work:
        sources = sorted(str(path) for path in source.rglob("*.java"))
        command = [javac, "--release", "8", "-g:none", "-encoding", "UTF-8", "-Xlint:-options", "-d", work, *sources]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PackageError(
                "sdk/java", expected="code that compiles", got=done.stderr[:300], todo="Use JDK 9 to 21."
            )
        root = Path(work)
        rules = {f"{RULES}/{file.name}": file for file in (source / RULES).glob("*.pro")}
        return _jar({p.relative_to(root).as_posix(): p for p in root.rglob("*.class")} | rules)


def _jar(classes: Mapping[str, Path | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        _fill(archive, {**classes, "META-INF/MANIFEST.MF": JAR_MANIFEST.encode()})
    return buffer.getvalue()
