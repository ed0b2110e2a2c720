"""The Gradle project's files, as far as they can be read without Gradle and the Android SDK.

What Android asks of a text-to-speech engine's manifest, resources that exist, coordinates with pins, and the C++ module
configured with this computer's compiler.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from android_test.device.page_size import LARGE_PAGE, load_alignment
from selector.package import archive
from selector.package.maven_layout import LAYOUT, find_artifacts
from selector.package.providers import TARGETS
from tests.selector.accent_fakes import make_few_words
from tests.selector.conftest import NAME
from tests.selector.engine_library import ROOT

ANDROID = ROOT / "selector" / "sdk" / "android"
SAMPLE = ANDROID / "sample" / "src" / "main"
MODULE = ANDROID / "kokoro-npu"
KEY = "{http://schemas.android.com/apk/res/android}"
FRAMEWORK = Path("/usr/share/android-framework-res/framework-res.apk")  # Debian's, of Android 10


def gradle(name: str) -> str:
    return (ANDROID / name).read_text(encoding="utf-8")


def attribute(element: ElementTree.Element, name: str) -> str:
    return element.get(f"{KEY}{name}", "")


def manifest_faults(text: str, classes: set[str]) -> list[str]:
    """What Android, or a user of its settings, would miss in the manifest of a text-to-speech engine."""
    root, faults = ElementTree.fromstring(text), []
    actions = {
        action: (kind, element)
        for kind in ("service", "activity")
        for element in root.iter(kind)
        for action in (attribute(one, "name") for one in element.iter("action"))
    }
    asked = {
        "android.intent.action.TTS_SERVICE": "service",
        "android.speech.tts.engine.CHECK_TTS_DATA": "activity",
        "android.speech.tts.engine.GET_SAMPLE_TEXT": "activity",
        "android.intent.action.MAIN": "activity",
    }
    for action, kind in asked.items():
        if action not in actions or actions[action][0] != kind:
            faults.append(f"no {kind} for {action}")
            continue
        element = actions[action][1]
        categories = {attribute(one, "name").rpartition(".")[2] for one in element.iter("category")}
        if attribute(element, "exported") != "true":
            faults.append(f"{action} is not exported")
        if attribute(element, "permission"):
            faults.append(f"{action} asks for a permission, which Android's own services lack")
        if not categories & {"DEFAULT", "LAUNCHER"}:
            faults.append(f"{action} has no category")
    for element in (*root.iter("service"), *root.iter("activity")):
        if attribute(element, "name").lstrip(".") not in classes:
            faults.append(f"no class {attribute(element, 'name')}")
    described = [one for one in root.iter("meta-data") if attribute(one, "name") == "android.speech.tts"]
    if [attribute(one, "resource") for one in described] != ["@xml/tts_engine"]:
        faults.append("the service has no android.speech.tts")
    return faults


def kotlin_classes() -> set[str]:
    sources = "\n".join(file.read_text(encoding="utf-8") for file in SAMPLE.rglob("*.kt"))
    return set(re.findall(r"^class (\w+)", sources, re.MULTILINE))


def test_the_manifest_is_a_text_to_speech_engines() -> None:
    text = (SAMPLE / "AndroidManifest.xml").read_text(encoding="utf-8")
    assert manifest_faults(text, kotlin_classes()) == []
    planted = {
        'android:name=".KokoroTtsService"': ("no class .Nothing", 'android:name=".Nothing"'),
        "TTS_SERVICE": ("no service for android.intent.action.TTS_SERVICE", "TTS_SERVICES"),
        "GET_SAMPLE_TEXT": ("no activity for android.speech.tts.engine.GET_SAMPLE_TEXT", "SAMPLE_TEXT"),
        "@xml/tts_engine": ("the service has no android.speech.tts", "@xml/other"),
    }
    for find, (fault, put) in planted.items():
        assert fault in manifest_faults(text.replace(find, put), kotlin_classes())
    hidden = text.replace('android:exported="true"', 'android:exported="false"')
    assert len(manifest_faults(hidden, kotlin_classes())) == 4


def test_the_settings_activity_exists() -> None:
    root = ElementTree.parse(SAMPLE / "res" / "xml" / "tts_engine.xml").getroot()
    assert root.tag == "tts-engine"
    package, _, name = attribute(root, "settingsActivity").rpartition(".")
    assert f'namespace = "{package}"' in gradle("sample/build.gradle.kts")
    assert name in kotlin_classes()


def missing_resources(texts: list[str], resources: Path) -> set[str]:
    """The names that code and XML use and no resource has."""
    strings = {e.get("name", "") for e in ElementTree.parse(resources / "values" / "strings.xml").getroot()}
    there = {f"string/{name}" for name in strings}
    there |= {f"{file.parent.name}/{file.stem}" for file in resources.rglob("*.xml") if file.parent.name != "values"}
    used = {f"{kind}/{name}" for text in texts for kind, name in re.findall(r"@(\w+)/(\w+)", text)}
    used |= {f"{kind}/{name}" for text in texts for kind, name in re.findall(r"\bR\.(\w+)\.(\w+)", text)}
    return {name for name in used if not name.startswith("style/")} - there


def test_every_resource_that_is_named_exists() -> None:
    files = [*SAMPLE.rglob("*.kt"), *SAMPLE.rglob("*.xml")]
    texts = [file.read_text(encoding="utf-8") for file in files]
    assert missing_resources(texts, SAMPLE / "res") == set()
    assert missing_resources(["R.string.nothing", "@xml/tts_engines"], SAMPLE / "res") == {
        "string/nothing",
        "xml/tts_engines",
    }


def test_androids_own_packager_takes_the_sample(tmp_path: Path) -> None:
    """aapt refuses unknown attributes, resources that are missing, and XML that is none."""
    if shutil.which("aapt") is None or not FRAMEWORK.is_file():
        pytest.skip("no aapt or no android-framework-res")
    shutil.copytree(SAMPLE, tmp_path / "main")
    manifest = tmp_path / "main" / "AndroidManifest.xml"
    named = manifest.read_text(encoding="utf-8").replace(
        "<manifest ", '<manifest package="io.github.kokoronpu.sample" ', 1
    )
    manifest.write_text(named, encoding="utf-8")  # Gradle adds the name, and the rest of what `aapt` is told here
    command = ["aapt", "package", "-M", manifest, "-S", tmp_path / "main" / "res"]
    command += [
        "-I",
        FRAMEWORK,
        "--min-sdk-version",
        "24",
        "--target-sdk-version",
        "29",
        "-F",
        tmp_path / "sample.apk",
        "-f",
    ]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    dump = ["aapt", "dump", "xmltree", str(tmp_path / "sample.apk"), "AndroidManifest.xml"]
    assert "TTS_SERVICE" in subprocess.run(dump, capture_output=True, text=True, check=True).stdout
    manifest.write_text(named.replace("@xml/tts_engine", "@xml/nothing"), encoding="utf-8")
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "nothing" in done.stderr


def test_the_module_asks_for_the_dsps_library_and_does_not_require_it() -> None:
    root = ElementTree.parse(MODULE / "src" / "main" / "AndroidManifest.xml").getroot()
    asked = [(attribute(e, "name"), attribute(e, "required")) for e in root.iter("uses-native-library")]
    assert asked == [("libcdsprpc.so", "false")]


def test_every_pin_of_gradle_is_exact_and_has_a_reason() -> None:
    text = gradle("gradle/libs.versions.toml")
    catalog = tomllib.loads(text)
    assert {"agp", "kotlin", "onnxruntime", "onnxruntime-qnn"} == set(catalog["versions"])
    for name, version in catalog["versions"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name
        assert re.search(rf'^{name} = "{version}" +# \w.{{20,}}', text, re.MULTILINE), f"{name} has no reason"
    pinned = [*catalog["libraries"].values(), *catalog["plugins"].values()]
    assert all(one["version"]["ref"] in catalog["versions"] for one in pinned)
    assert catalog["libraries"]["onnxruntime"]["module"] == "com.microsoft.onnxruntime:onnxruntime-android"
    assert tuple(map(int, catalog["versions"]["onnxruntime"].split("."))) >= (1, 24, 0)
    scripts = {file: file.read_text(encoding="utf-8") for file in ANDROID.rglob("*.gradle.kts")}
    assert len(scripts) == 5
    for file, script in scripts.items():
        used = re.findall(r"libs\.(?!plugins\b)([\w.]+)", script)
        plugins = re.findall(r"libs\.plugins\.([\w.]+)", script)
        assert {name.replace(".", "-") for name in used} <= set(catalog["libraries"]), file
        assert {name.replace(".", "-") for name in plugins} <= set(catalog["plugins"]), file


def test_gradle_and_the_packages_name_the_same_things(dist: Path, tmp_path: Path) -> None:
    sample, module, settings = (
        gradle(name) for name in ("sample/build.gradle.kts", "kokoro-npu/build.gradle.kts", "settings.gradle.kts")
    )
    wanted = re.findall(r'"(io\.github\.kokoronpu:[^"]+)"', sample)
    shutil.copytree(dist, tmp_path / "dist")
    make_few_words(tmp_path / "dist", "0.1.0")
    made = [one for one in find_artifacts(tmp_path / "dist") if one.packaging == "aar"]
    assert [
        one.replace("$weights", "fake").replace("$target", "cpu").replace("$version", "0.1.0") for one in wanted
    ] == [f"{archive.NAMESPACE}:{one.name}:{one.version}" for one in made]
    engine = next(MODULE.rglob("AndroidEngine.kt")).read_text(encoding="utf-8")
    assert f'ENGLISH = "{archive.ENGLISH_ASSETS.rpartition("/")[2]}"' in engine
    assert NAME.rpartition("-")[2] in TARGETS
    assert f"dist/{LAYOUT}" in settings
    assert f"minSdk = {archive.MIN_SDK} " in module
    assert f"{archive.MIN_SDK_NNAPI} else {archive.MIN_SDK} " in sample
    assert f'ROOT = "{archive.ASSETS.rpartition("/")[2]}"' in (
        next(MODULE.rglob("AssetPackage.kt")).read_text(encoding="utf-8")
    )
    root = gradle("build.gradle.kts")
    (pattern,) = re.findall(r'Regex\("""(.*?)"""\)', root)
    found = re.search(pattern.replace("(?m)", ""), (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert found[1] == project["version"]
    for path in re.findall(
        r'"((?:\.\./)+[\w/.-]+)"', root + settings + module + gradle("kokoro-npu-sdk/build.gradle.kts")
    ):
        base = ANDROID if path.startswith("../../../") else MODULE
        assert (base / path).exists() or path.endswith(f"/dist/{LAYOUT}"), path


def test_cmake_takes_the_module_and_links_for_large_pages(engine_folder: Path, tmp_path: Path) -> None:
    """With this computer's compiler, and ONNX Runtime laid out as in the AAR for Android."""
    ort = tmp_path / "ort" / "jni" / "x86_64"
    ort.mkdir(parents=True)
    (ort / "libonnxruntime.so").symlink_to((engine_folder / "libonnxruntime.so.1").resolve())
    cache = (engine_folder / "CMakeCache.txt").read_text()
    (headers,) = re.findall(r"^ORT_INCLUDE:PATH=(.*)$", cache, re.MULTILINE)
    (tmp_path / "ort" / "headers").symlink_to(headers)
    out, made = tmp_path / "lib", tmp_path / "build"
    command = ["cmake", "-S", MODULE, "-B", made, f"-DORT_ANDROID={tmp_path / 'ort'}", "-DANDROID_ABI=x86_64"]
    command += [f"-DCMAKE_LIBRARY_OUTPUT_DIRECTORY={out}", "-GUnix Makefiles"]
    subprocess.run(list(map(str, command)), capture_output=True, check=True)
    links = {file.parent.stem: shlex.split(file.read_text()) for file in made.rglob("link.txt")}
    named = {Path(words[words.index("-o") + 1]).name for name, words in links.items() if name != "engine"}
    assert named == {"libkokoro_npu.so", "libkokoro_npu_probe.so"}
    for name in ("kokoro_npu", "kokoro_npu_probe"):
        assert f"-Wl,-z,max-page-size={LARGE_PAGE}" in links[name]
        assert any(word.endswith("jni/x86_64/libonnxruntime.so") for word in links[name])
    probe = (made / links["kokoro_npu_probe"][links["kokoro_npu_probe"].index("-o") + 1]).resolve()
    assert probe.parent == out, "beside the libraries, from where Gradle packs them"
    for file in ("libkokoro_npu.so", "kokoro_npu_probe"):
        assert load_alignment(engine_folder / file) == LARGE_PAGE
    command[5] = f"-DORT_ANDROID={tmp_path / 'nothing'}"
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "does not exist" in done.stderr
