"""R8's rules keep every name that C++ looks up; a program that ProGuard shrank by the same rules speaks."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from selector.package.archive import classes_jar
from tests.selector.conftest import NAME
from tests.selector.engine_library import ROOT, SOURCES, Library

RULES = ROOT / "selector" / "sdk" / "java" / "META-INF" / "proguard" / "kokoro-npu-sdk.pro"
TYPES = {"B": "byte", "I": "int", "J": "long", "F": "float", "Z": "boolean", "V": "void", "D": "double"}
APP = """
import io.github.kokoronpu.*;
import java.util.Arrays;
class App {
    public static void main(String[] arguments) {
        try (KokoroNpu npu = KokoroNpu.open(arguments[0], (text, language) -> text)) {
            int samples = 0;
            for (Spoken chunk : npu.speak("bad dog")) samples += chunk.samples.length;
            for (Spoken chunk : npu.speak(SpeechRequest.ofPieces(Arrays.asList("bad ", "dog.").iterator())))
                samples += chunk.samples.length;
            System.out.println("samples " + samples + " " + npu.voices());
            for (Spoken chunk : npu.speak(SpeechRequest.ofText("bad").withVoice("nobody"))) System.out.println(chunk);
        } catch (KokoroNpuException error) {
            System.out.println(error.kind + " " + error.getMessage());
        }
        System.out.println(Speech.class.getName());
    }
}
"""


def looked_up(text: str) -> set[str]:
    """What C++ looks up by name in Java: `class`, `member signature`, or `native class` for one that it implements."""
    found = set(re.findall(r'FindClass\("([\w/$]+)"\)', text))
    members = re.findall(r'Get(?:Static)?(?:Method|Field)ID\([\w.]+, "([^"]+)", "([^"]+)"', text)
    natives = re.findall(r"\bJava_((?:[a-z0-9]+_)+[A-Z]\w*?)_[a-z]\w*\(", text)
    return found | {" ".join(member) for member in members} | {f"native {name.replace('_', '/')}" for name in natives}


def in_words(signature: str) -> tuple[str, str]:
    """The types of a JNI signature as a rule writes them: result, and arguments in parentheses."""
    arguments, _, result = signature[1:].partition(")")
    each = [
        (object_ or TYPES[letter]).replace("/", ".") + "[]" * len(depth)
        for depth, object_, letter in re.findall(r"(\[*)(?:L([\w/$]+);|([BIJFZVD]))", arguments + result)
    ]
    return each[-1], f"({', '.join(each[:-1])})"


def unkept(text: str, rules: str) -> set[str]:
    """What C++ looks up and no rule keeps."""
    missing = set()
    for one in looked_up(text):
        name, _, signature = one.partition(" ")
        if name == "native":
            kept = f"class {signature.replace('/', '.').rpartition('.')[0]}.* {{ native <methods>; }}"
        elif signature:
            result, arguments = in_words(signature)
            kept = f"{name}{arguments};" if name == "<init>" else f"{result} {name}{arguments};"
        else:
            kept = f"class {one.replace('/', '.')} "
        if kept not in rules:
            missing.add(one)
    return missing


def test_r8_keeps_whatever_cpp_looks_up_by_name() -> None:
    text, rules = (SOURCES / "jni.cpp").read_text(encoding="utf-8"), RULES.read_text(encoding="utf-8")
    exception, native = "io/github/kokoronpu/KokoroNpuException", "native io/github/kokoronpu/KokoroNpu"
    assert {exception, native, "isClosed ()Z"} <= looked_up(text)
    assert unkept(text, rules) == set()
    assert native in unkept(text, rules.replace("native <methods>;", ""))
    assert unkept(text, rules.replace("isClosed", "isClose")) == {"isClosed ()Z"}
    assert unkept(text, rules.replace("int, byte[]", "long, byte[]")) == {"<init> (I[B[B[B[B)V"}
    planted = f'{text} FindClass("io/github/kokoronpu/Spoken"); GetMethodID(kind, "words", "()Ljava/util/List;");'
    assert unkept(planted, rules) == {"io/github/kokoronpu/Spoken", "words ()Ljava/util/List;"}


def java_8(work: Path) -> Path:
    """The API of Java 8 as a library for ProGuard, out of what this JDK has for `--release 8`."""
    symbols = Path(str(shutil.which("javac"))).resolve().parent.parent / "lib" / "ct.sym"
    with zipfile.ZipFile(symbols) as old, zipfile.ZipFile(work / "java8.jar", "w") as new:
        for name in old.namelist():
            versions, _, path = name.partition("/")
            if "8" in versions and path.startswith("java.base/") and path.endswith(".sig"):
                content = bytearray(old.read(name))
                content[6:8] = (52).to_bytes(2, "big")  # Java 8; ProGuard 6 refuses files of newer compilers
                new.writestr(path.removeprefix("java.base/").replace(".sig", ".class"), bytes(content))
    return work / "java8.jar"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with app.jar, sdk.jar and java8.jar."""
    java = shutil.which("javac")
    if java is None or shutil.which("proguard") is None:
        pytest.skip("no JDK or no ProGuard")
    work = tmp_path_factory.mktemp("shrunk")
    (work / "sdk.jar").write_bytes(classes_jar(java))
    (work / "App.java").write_text(APP)
    command = [java, "--release", "8", "-Xlint:-options", "-cp", str(work / "sdk.jar"), "-d", str(work / "classes")]
    subprocess.run([*command, str(work / "App.java")], check=True)
    with zipfile.ZipFile(work / "app.jar", "w") as jar:
        for file in (work / "classes").glob("*.class"):
            jar.write(file, file.name)
    java_8(work)
    return work


def shrunk_and_run(app: Path, rules: str, engine_folder: Path, package: Path) -> subprocess.CompletedProcess[str]:
    """What the program says after ProGuard shrank it, renamed what it could, and threw the rest away."""
    (app / "rules.pro").write_text(rules + "\n-keep class App { public static void main(java.lang.String[]); }\n")
    jars = ["-injars", f"{app / 'app.jar'}:{app / 'sdk.jar'}(!META-INF/**)", "-outjars", str(app / "out.jar")]
    done = subprocess.run(
        ["proguard", *jars, "-libraryjars", str(app / "java8.jar"), "-include", str(app / "rules.pro")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    options = [f"-Dkokoro_npu.library={engine_folder / 'libkokoro_npu.so'}", "-XX:TieredStopAtLevel=1"]
    command = ["java", *options, "-cp", str(app / "out.jar"), "App", str(package)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_shrunk_program_speaks(app: Path, library: Library, engine_folder: Path, dist: Path) -> None:
    rules = RULES.read_text(encoding="utf-8")
    done = shrunk_and_run(app, rules, engine_folder, dist / NAME)
    said = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"samples \d{5,} \[af_short, bf_long\]", said[0])
    assert said[1].startswith("PACKAGE voice")
    assert said[2] != "io.github.kokoronpu.Speech", "names that C++ does not look up are renamed"
    assert (app / "out.jar").stat().st_size < (app / "sdk.jar").stat().st_size / 2


def test_without_a_rule_the_shrunk_program_fails(app: Path, library: Library, engine_folder: Path, dist: Path) -> None:
    rules = RULES.read_text(encoding="utf-8")
    for kept in ("boolean isClosed();", "<init>(int, byte[], byte[], byte[], byte[]);", "native <methods>;"):
        planted = rules.replace(kept, "")
        assert planted != rules
        done = shrunk_and_run(app, planted, engine_folder, dist / NAME)
        assert done.returncode != 0 or "PACKAGE voice" not in done.stdout, kept
