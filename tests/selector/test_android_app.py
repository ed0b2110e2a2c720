"""The sample app's service, compiled and asked on a JVM as Android asks it: speech, stops, refusals, activities.

`android_stubs/` has the few classes of Android that the app uses, with just enough behind them; that they are like
Android's own is proven by compiling the app against Android 6's API, which Debian 11 has as a package.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from android_test.device.linux_runner import download_debian
from export_onnx.errors import DeviceError
from export_onnx.text.voice_languages import LANGUAGES
from selector.package.archive import ENGLISH, classes_jar
from selector.package.opened import Package
from selector.speak.synthesize import Phonemize, Synthesizer
from tests.selector.accent_fakes import make_few_words
from tests.selector.conftest import NAME
from tests.selector.engine_library import ROOT, Library

ANDROID = ROOT / "selector" / "sdk" / "android"
SAMPLE = ANDROID / "sample" / "src" / "main"
STUBS = Path(__file__).parent / "android_stubs"
DRILL = Path(__file__).parent / "vectors" / "ServiceDrill.kt"
TEXT = "Hello. This voice is made on this phone."
NUMBERS = "It was $3.50, and 42 dogs jumped at 7:30."
SPELLED = "It was three dollars and fifty cents, and forty two dogs jumped at seven thirty."
LONG = "The quick brown fox jumps over the lazy dog. " * 8


@dataclass(frozen=True)
class Compiled:
    """What the app is made of: the SDK's JAR, the resources' numbers, and the sources."""

    jar: Path
    numbers: Path
    work: Path

    def compile(self, framework: Path, *more: Path) -> Path:
        """The app as a JAR, compiled against a framework of Android.

        Warnings are errors, but for what Kotlin 1.3 itself warns of.
        """
        app = self.work / f"{framework.name}.app.jar"
        path = ":".join(map(str, (self.jar, self.numbers, framework)))
        sources = sorted(ANDROID.rglob("*.kt"))
        command = ["kotlinc", "-include-runtime", "-cp", path, *map(str, (*sources, *more)), "-d", str(app)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        told = [line for line in done.stderr.splitlines() if re.search(r"\.kt:\d+:\d+: warning", line)]
        assert [line for line in told if str(ANDROID) in line] == []
        return app


def javac(sources: list[Path], out: Path) -> Path:
    command = ["javac", "--release", "8", "-Xlint:-options", "-d", str(out), *map(str, sources)]
    subprocess.run(command, check=True)
    return out


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    java = shutil.which("javac")
    if java is None or shutil.which("kotlinc") is None:
        pytest.skip("no JDK or no kotlinc")
    work = tmp_path_factory.mktemp("app")
    (work / "sdk.jar").write_bytes(classes_jar(java))
    names = [e.get("name") for e in ElementTree.parse(SAMPLE / "res" / "values" / "strings.xml").getroot()]
    fields = " ".join(f"public static final int {name} = {i};" for i, name in enumerate(names))
    code = f"public final class R {{ public static final class string {{ {fields} }} }}"
    (work / "R.java").write_text(f"package io.github.kokoronpu.sample; {code}")
    return Compiled(work / "sdk.jar", javac([work / "R.java"], work / "numbers"), work)


@pytest.fixture(scope="module")
def drill(compiled: Compiled) -> list[Path]:
    stubs = javac(sorted(STUBS.rglob("*.java")), compiled.work / "stubs")
    return [compiled.compile(stubs, DRILL), compiled.jar, stubs]


@dataclass(frozen=True)
class Answers:
    """The drill's lines by their first word, its sound files, and the package that spoke."""

    lines: dict[str, str]
    out: Path
    package: Path

    def samples(self, name: str) -> bytes:
        return (self.out / f"{name}.pcm").read_bytes()


@pytest.fixture(scope="module")
def accents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_few_words(tmp_path_factory.mktemp("english"))


@pytest.fixture(scope="module", params=["fake", "demo"])
def answers(
    request: pytest.FixtureRequest,
    drill: list[Path],
    engine_folder: Path,
    dist: Path,
    accents: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Answers:
    """Of a package of tones, and of the demo voice where `make export-int8 WEIGHTS=demo` was run."""
    package = dist / NAME
    if request.param == "demo":
        made = sorted((ROOT / "dist").glob("kokoro-npu-demo-*-cpu/manifest.json"))
        if not made:
            pytest.skip("no package of the demo voice in dist/")
        package = made[-1].parent
    work = tmp_path_factory.mktemp("drill")
    shutil.copytree(package, work / "assets" / "kokoro-npu" / "cpu")
    shutil.copytree(accents, work / "assets" / ENGLISH)
    for name in ("files", "out"):
        (work / name).mkdir()
    options = [f"-Dkokoro_npu.library={engine_folder / 'libkokoro_npu.so'}", "-Xcheck:jni", "-XX:TieredStopAtLevel=1"]
    folders = [str(work / name) for name in ("assets", "files", "out")]
    command = ["java", *options, "-cp", ":".join(map(str, drill)), "ServiceDrillKt", *folders, TEXT, LONG, NUMBERS]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "WARNING in native" not in done.stdout + done.stderr
    return Answers(dict(line.split(" ", 1) for line in done.stdout.splitlines()), work / "out", package)


@pytest.fixture(scope="module")
def by_library(library: Library, accents: Path) -> Iterator[Phonemize]:
    """Phonemes of the app's phonemizer, through the C ABI."""
    english = library.phonemizer(name="english", data=accents)
    yield lambda text, language: library.phonemes(english, text, language)[0]
    library.c.kokoro_npu_close_phonemizer(english)


def in_python(package: Path, phonemize: Phonemize, voice: str, speed: float = 1.0, text: str = TEXT) -> bytes:
    """The same speech as Python says it, rounded to 16 bits."""
    opened = Package.open(package)
    language = LANGUAGES[voice[0]]
    speaker = Synthesizer(
        opened.chains, opened.manifest, voice, opened.voice(voice), speed, language=language, phonemize=phonemize
    )
    sound = np.concatenate([chunk.samples for chunk in speaker.speak(text)])
    return np.rint(sound * np.float32(32767)).astype("<i2").tobytes()


def test_android_is_given_pythons_speech(answers: Answers, by_library: Phonemize) -> None:
    first = min(Package.open(answers.package).manifest.voices.files)
    plain = answers.samples("plain")
    assert np.abs(np.frombuffer(plain, "<i2")).max() > 3000
    assert plain == in_python(answers.package, by_library, first)
    calls, pieces, largest, halves = answers.lines["plain"].split("|")
    assert (calls, largest, halves) == ("start(24000,2,1) done", "1000", "false"), "1001 bytes hold 500 samples"
    assert int(pieces) > len(plain) / 1000
    assert answers.lines["after"] == answers.lines["reopened"] == "true"


def test_numbers_and_prices_are_spoken_as_words(answers: Answers, by_library: Phonemize) -> None:
    first = min(Package.open(answers.package).manifest.voices.files)
    assert answers.lines["numbers"].startswith("start(24000,2,1) done|")
    assert answers.samples("numbers") == in_python(answers.package, by_library, first, text=SPELLED)
    other = SPELLED.replace("fifty", "sixty")
    assert answers.samples("numbers") != in_python(answers.package, by_library, first, text=other)


def test_a_rate_is_a_speed_and_a_pitch_changes_nothing(answers: Answers, by_library: Phonemize) -> None:
    voice = answers.lines["fast"].split("|")[0]
    assert answers.samples("fast") == in_python(answers.package, by_library, voice, 2.0)
    assert answers.samples("fast") != in_python(answers.package, by_library, voice, 1.9)
    assert answers.lines["speeds"] == "[0.5, 0.5, 1.0, 1.5, 2.0, 2.0]", "of 10, 50, 100, 150, 200, 600 percent"


def test_a_stop_ends_the_speech_within_a_piece(answers: Answers) -> None:
    whole = int(answers.lines["whole"].split("|")[1])
    assert whole > 100
    assert answers.lines["stopped"] == "start(24000,2,1)|3|1000|false", "stopped while it took the third piece"
    assert answers.lines["refused"] == "start(24000,2,1)|5|1000|false", "the fifth piece was answered with an error"


def test_what_cannot_be_spoken_is_an_error_of_the_callback(answers: Answers) -> None:
    invalid, not_installed = "error(-8)", "error(-9)"
    assert answers.lines["strange"] == f"{invalid}|0|0|false", "French, which no voice speaks"
    assert answers.lines["broken"] == f"{not_installed}|0|0|false"
    assert answers.lines["empty"] == f"-- [] {invalid}|0|0|false"
    assert answers.lines["mark"] == "start(24000,2,1) done|0|0|false", "a lone mark is silence"


def test_any_english_word_is_spoken(answers: Answers, by_library: Phonemize) -> None:
    assert answers.lines["unknown"].startswith("start(24000,2,1) done|"), "a word that is in no dictionary"
    assert answers.lines["words"] == by_library("zyzzyva", "en-us") != ""
    assert answers.lines["lexicon"] == "true", "a word of the app's own"


def test_a_language_without_a_phonemizer_is_refused(answers: Answers) -> None:
    refusal = "language: expected English with its file, en-us or en-gb, got "
    assert answers.lines["foreign"].startswith(f"TEXT {refusal}'fr-fr'.")
    assert answers.lines["accent"] == "start(24000,2,1) error(-8)|0|0|false", "of American English without its file"
    assert answers.lines["track-error"].startswith(f"{refusal}'en-us'.")
    assert answers.lines["no-accent"] == answers.lines["no-data"] == "error(-9)|0|0|false"


def test_languages_are_those_of_the_voices(answers: Answers) -> None:
    british = "bf_long" in Package.open(answers.package).manifest.voices.files
    asked = answers.lines["languages"].split(", ")
    assert asked == ["1", "1" if british else "0", "0", "1", "0", "-2", "-2", "-2"]
    assert answers.lines["null"] == "0"
    voices = [line.split(":") for line in answers.lines["voices"].split(", ")]
    assert [name for name, _ in voices] == sorted(Package.open(answers.package).manifest.voices.files)
    assert {locale for _, locale in voices} == ({"en_US", "en_GB"} if british else {"en_US"})
    default = answers.lines["default"].split(", ")
    assert default[0] == default[2] == voices[0][0]
    assert (default[1] == "bf_long") is british
    assert default[5:] == ["null"] * 3
    assert answers.lines["valid"] == "-1,-1, 0,0"
    assert answers.lines["load"] == ("eng-USA- -2 1 eng-GBR-" if british else "eng-USA- -2 0 eng-USA-")


def test_the_activities_answer_androids_settings(answers: Answers) -> None:
    assert answers.lines["check"].startswith("1 [[eng-USA")
    assert answers.lines["check"].endswith(", []] true")
    assert answers.lines["empty-check"] == "0"
    assert answers.lines["sample-eng"] == "0 This voice is made on this phone. true"
    assert answers.lines["sample-fra"] == "-2 null true"
    assert re.fullmatch(r"'' play (write )+stop release ?", answers.lines["track"])
    assert answers.lines["track-stopped"] == "true false", "a stopped track is released at once"
    assert '"target": "cpu"' in answers.lines["report"]


def test_assets_are_copied_once_and_whole(answers: Answers) -> None:
    assert answers.lines["again"] == "true"
    assert answers.lines["anew"] == "true", "another manifest is another package"
    assert answers.lines["left"] == "[cpu]"
    assert answers.lines["choose"] == "qnn/cpu, qnn/nnapi, null/null"
    assert answers.lines["options-cpu"] == "[null, libkokoro_npu_probe.so, files]"
    assert answers.lines["options-qnn-sm8550"].startswith("[libonnxruntime_providers_qnn.so, ")
    assert answers.lines["dsp"].startswith(";/system/lib/rfsa/adsp;")


def test_samples_become_whole_numbers(answers: Answers) -> None:
    got = np.array(answers.lines["pcm"].split(","), np.uint8).view("<i2")
    assert list(got) == [0, 32767, -32767, 32767, -32768, 0, 16384, 0], "of 0, 1, -1, 2, -2, no number, 0.5, -1e-9"
    assert answers.lines["pieces"] == "[0+6, 6+4, 0+2, 2+2]"


def test_letters_of_voices_mean_what_they_mean_in_python(answers: Answers) -> None:
    told = dict(line.split(":", 1) for line in answers.lines["letters"].split(", "))
    assert {letter: line.split(":")[0] for letter, line in told.items()} == LANGUAGES
    assert all(re.fullmatch(r"[a-z-]+:[a-z]{3}-[A-Z]{3}", line) for line in told.values())
    assert answers.lines["voiceless"] == "[AMERICAN, null, null, null, null]"
    assert answers.lines["offered"] == "[am_adam, bf_emma, ef_dora] [eng-USA, eng-GBR, spa-ESP] ef_dora"


@pytest.fixture(scope="module")
def android_6() -> Path:
    """Android 6's API: of the versions that Debian has, the newest; the app needs 7."""
    work = ROOT / "build" / "android_test" / "android-23"
    found = work / "usr" / "share" / "java" / "com.android.android-23.jar"
    if not found.is_file():
        try:
            package = download_debian(work, "bullseye", "libandroid-23-java")
        except DeviceError as error:
            pytest.skip(f"no API of Android: {error}")
        subprocess.run(["dpkg", "-x", str(package), str(work)], check=True)
    return found


def test_the_app_compiles_against_androids_own_api(compiled: Compiled, android_6: Path) -> None:
    assert compiled.compile(android_6).stat().st_size > 10_000


def test_the_stubs_numbers_are_androids(drill: list[Path], android_6: Path) -> None:
    """The compiler writes them into the app, so compiling proves nothing about them."""
    files = [file for file in STUBS.rglob("*.java") if "static final" in file.read_text()]
    classes = [file.relative_to(STUBS).with_suffix("").as_posix().replace("/", ".") for file in files]
    classes.append("android.speech.tts.TextToSpeech$Engine")
    mine, theirs = (constants(path, classes) for path in (drill[2], android_6))
    assert len(mine) > 20
    assert mine - theirs == set()
    assert mine - {line.replace("-8", "-7") for line in theirs}, "a wrong number would be seen"


def constants(path: Path, classes: list[str]) -> set[str]:
    """`class: type name = value` for each public constant."""
    command = ["javap", "-public", "-constants", "-cp", str(path), *classes]
    found, name = set(), ""
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        if head := re.match(r"(?:public )?(?:\w+ )*(?:class|interface) ([\w.$]+)", line):
            name = head[1]
        elif " = " in line and name != "android.os.Build":
            found.add(f"{name}: {line.strip()}")
    return found
