"""A package is whole or not at all, the same from the same inputs, and refused when anything in it changed."""

from __future__ import annotations

import errno
import json
import shutil
import struct
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest

from export_onnx.errors import PackageError, WeightsError
from selector import archive, corpus, manifest, release, write
from selector.assemble import read_inputs, read_model
from selector.package import Package, sha256
from tests.selector_fakes import CONFIG, STRETCH, make_build

NAME = "kokoro-npu-fake-0.1.0-cpu"
COMMAND = "python -m selector package"


@pytest.fixture(scope="module", autouse=True)
def few_texts():
    """The table itself is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "MOST_TEXTS", 32)
        yield


@pytest.fixture(scope="module")
def build(tmp_path_factory) -> Path:
    return make_build(tmp_path_factory.mktemp("fake") / "build")


@pytest.fixture(scope="module")
def dist(build, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    release.release(build, folder, ["cpu"], "0.1.0", COMMAND)
    return folder


@pytest.fixture
def copy(dist, tmp_path) -> Path:
    """A package somewhere else: opening it also shows that it may be moved."""
    return Path(shutil.copytree(dist / NAME, tmp_path / "moved"))


def test_a_moved_package_opens_and_knows_itself(copy):
    package = Package.open(copy)
    assert package.manifest.package == NAME
    assert package.manifest.weights.name == "fake"
    assert [b.name for b in package.manifest.buckets] == ["5s", "10s", "15s"]
    assert package.manifest.quality == {"snr_db": 31.5}
    assert package.manifest.coverage is None
    assert package.manifest.vocabulary == CONFIG["vocab"]
    assert sum(name.endswith("weights.bin") for name in package.manifest.files) == 1
    assert {"LICENSE", "NOTICE", "tokenizer.onnx", "manifest.schema.json"} <= set(package.manifest.files)


def test_voices_are_what_the_export_wrote(copy):
    package = Package.open(copy)
    for name, stretch in STRETCH.items():
        voice = package.voice(name)
        assert voice.shape == (510, 256)
        assert voice[0, 128] == np.float32(stretch)
    raw = (copy / package.manifest.voices.files["bf_long"]).read_bytes()
    assert struct.unpack_from("<f", raw, 4 * 128) == (0.5,)  # as the layout says: row 0, prosody's first number


def test_the_same_inputs_give_the_same_bytes(build, dist, tmp_path):
    release.release(build, tmp_path, ["cpu"], "0.1.0", COMMAND)
    files = sorted(p.relative_to(dist) for p in dist.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    assert [f for f in files if sha256(dist / f) != sha256(tmp_path / f)] == []


def test_a_second_run_does_nothing_and_a_changed_input_is_seen(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(release, "write_aar", lambda folder: (None, "left out"))
    build = make_build(tmp_path / "build")
    release.release(build, tmp_path / "dist", ["cpu"], "0.1.0", COMMAND)
    capsys.readouterr()
    release.release(build, tmp_path / "dist", ["cpu"], "0.1.0", COMMAND)
    assert "up to date" in capsys.readouterr().out
    (tmp_path / "dist" / f"{NAME}.zip").unlink()
    release.release(build, tmp_path / "dist", ["cpu"], "0.1.0", COMMAND)
    assert "up to date" not in capsys.readouterr().out
    report = build / "quantize" / "cpu" / "report.json"
    report.write_text(json.dumps(json.loads(report.read_text()) | {"quality": {"snr_db": 12.5}}))
    release.release(build, tmp_path / "dist", ["cpu"], "0.1.0", COMMAND)
    assert Package.open(tmp_path / "dist" / NAME).manifest.quality == {"snr_db": 12.5}


def test_nothing_of_this_computer_is_in_the_manifest(dist, build):
    text = (dist / NAME / "manifest.json").read_text(encoding="utf-8")
    assert str(build) not in text
    assert str(Path.home()) not in text


def damage(copy: Path, kind: str) -> None:
    vocoder, weights = copy / "models" / "vocoder_5s.onnx", copy / "models" / "weights.bin"
    listed = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    if kind == "truncated model":
        vocoder.write_bytes(vocoder.read_bytes()[:-100])
    elif kind == "one bit":
        raw = bytearray(weights.read_bytes())
        raw[len(raw) // 2] ^= 1
        weights.write_bytes(raw)
    elif kind == "missing":
        vocoder.unlink()
    elif kind == "extra":
        (copy / "models" / "extra.bin").write_bytes(b"x")
    elif kind == "link":
        weights.rename(copy.parent / "outside.bin")
        weights.symlink_to(copy.parent / "outside.bin")
    elif kind == "linked folder":
        (copy / "voices").rename(copy.parent / "voices")
        (copy / "voices").symlink_to(copy.parent / "voices")
    elif kind == "short voice":
        (copy / "voices" / "af_short.f32").write_bytes(b"\0" * 1000)
    elif kind == "no manifest":
        (copy / "manifest.json").unlink()
    elif kind == "half a manifest":
        text = (copy / "manifest.json").read_text(encoding="utf-8")
        (copy / "manifest.json").write_text(text[: len(text) // 2], encoding="utf-8")
    else:
        _, path, value = kind.split(" ", 2)
        *parents, last = path.split(">")
        place = listed
        for key in parents:
            place = place[int(key)] if isinstance(place, list) else place[key]
        place[last] = json.loads(value)
        (copy / "manifest.json").write_text(json.dumps(listed), encoding="utf-8")


SOME_FILE = json.dumps({"size": 1, "sha256": "0" * 64})
DAMAGES = (
    "truncated model",
    "one bit",
    "missing",
    "extra",
    "link",
    "linked folder",
    "short voice",
    "no manifest",
    "half a manifest",
    "set schema_version 2",
    'set surprise "key"',
    'set buckets>0>surprise "key"',
    'set target "tpu"',
    'set buckets>0>tokens "128"',
    "set buckets>0>tokens true",
    "set buckets []",
    'set buckets>0>models>tail "../../etc/passwd"',
    'set buckets>0>models>tail "/etc/passwd"',
    f"set files>/etc/passwd {SOME_FILE}",
    f"set files>a/../../b {SOME_FILE}",
    'set voices>files>af_short "C:voice.f32"',
    'set voices>files>new "voices/af_short.f32"',
    "set selector>voices>af_short>frames [[1]]",
)


@pytest.mark.parametrize("kind", DAMAGES)
def test_what_is_not_as_it_was_made_is_refused(copy, kind):
    damage(copy, kind)
    with pytest.raises(PackageError) as raised:
        Package.open(copy)
    for fact in (raised.value.where, raised.value.expected, raised.value.got, raised.value.todo):
        assert fact


@pytest.mark.parametrize("path", ["../a", "a/../b", "/a", "", "a//b", "./a", "a\\b", "c:a", "a\0b", "a/"])
def test_paths_stay_inside(path):
    assert manifest._inside("a/b.onnx") == "a/b.onnx"
    with pytest.raises(ValueError, match="inside"):
        manifest._inside(path)


def test_an_unknown_voice_names_the_nearest(copy):
    with pytest.raises(PackageError, match="Did you mean af_short"):
        Package.open(copy).voice("AF_Shrot")
    with pytest.raises(PackageError, match="one of af_short, bf_long"):
        Package.open(copy).voice("zzzz")


def test_the_schema_is_exported_and_the_manifest_keeps_it(dist):
    schema = json.loads((dist / NAME / "manifest.schema.json").read_text(encoding="utf-8"))
    assert schema == json.loads(manifest.json_schema())
    assert schema["additionalProperties"] is False
    written = json.loads((dist / NAME / "manifest.json").read_text(encoding="utf-8"))
    assert set(schema["properties"]) == set(written)


# Writing: whole or not at all.


def leftovers(folder: Path) -> list[str]:
    return [p.name for p in folder.iterdir() if p.name.startswith(write.TEMPORARY)]


INTERRUPTIONS = (
    OSError(errno.ENOSPC, "no space"),
    KeyboardInterrupt(),
    PackageError("x", expected="", got="", todo=""),
)


@pytest.mark.parametrize("error", INTERRUPTIONS, ids=lambda e: type(e).__name__)
def test_an_interrupted_write_leaves_what_was_there(tmp_path, error):
    final = tmp_path / "package"

    def write_one(name: str, problem: BaseException | None = None) -> None:
        with write.whole_folder(final) as folder:
            (folder / name).write_text("x")
            if problem:
                raise problem

    write_one("old")
    with pytest.raises(PackageError if isinstance(error, OSError) else type(error)):
        write_one("new", error)
    assert [p.name for p in final.iterdir()] == ["old"]
    assert leftovers(tmp_path) == []


def test_a_full_disk_says_so_and_leaves_nothing_half_written(build, tmp_path):
    """A real limit: the process may not write files beyond 64 KiB."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from pathlib import Path; from export_onnx.errors import PackageError; from selector.write import *\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "try:\n"
        "    with whole_folder(Path(sys.argv[1])) as folder: (folder / 'big').write_bytes(bytes(1 << 20))\n"
        "except PackageError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "p"], capture_output=True, text=True, cwd=Path.cwd())
    assert "room to write" in done.stdout, done.stderr
    assert "nothing was changed" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_not_a_package_and_goes_with_the_next(tmp_path):
    final = tmp_path / "package"
    code = (
        "import os, signal, sys; from pathlib import Path; from selector.write import whole_folder\n"
        "with whole_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half').write_text('x'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, final], cwd=Path.cwd())
    assert done.returncode == -9
    assert not final.exists()
    assert leftovers(tmp_path)
    with write.whole_folder(final) as folder:
        (folder / "whole").write_text("x")
    assert [p.name for p in tmp_path.iterdir()] == ["package"]


def test_a_replaced_package_never_mixes_with_the_old(build, tmp_path):
    inputs = read_inputs(build)
    fits = release.fit_tables(inputs)
    final = release.make_package(inputs, fits, "cpu", tmp_path, "0.1.0", COMMAND).folder
    (final / "stale").write_text("x")
    assert release.make_package(inputs, fits, "cpu", tmp_path, "0.1.0", COMMAND).folder == final
    assert not (final / "stale").exists()


# What the steps before left.


def test_bad_inputs_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(PackageError, match="export_onnx"):
        read_inputs(tmp_path)
    build = make_build(tmp_path / "build")
    inputs = read_inputs(build)
    fits = release.fit_tables(inputs)
    with pytest.raises(PackageError, match="quantize"):
        release.make_package(inputs, fits, "qnn", tmp_path / "dist", "0.1.0", COMMAND)
    report = build / "quantize" / "cpu" / "report.json"
    whole = report.read_text()
    report.write_text(json.dumps(json.loads(whole) | {"weights": {"name": "another"}}))
    with pytest.raises(PackageError, match="models of another"):
        release.make_package(inputs, fits, "cpu", tmp_path / "dist", "0.1.0", COMMAND)
    report.write_text(whole)
    vocoder = build / "quantize" / "cpu" / "vocoder_5s.onnx"
    vocoder.write_bytes(vocoder.read_bytes()[:-200])
    with pytest.raises(PackageError, match="whole ONNX model"):
        release.make_package(inputs, fits, "cpu", tmp_path / "dist", "0.1.0", COMMAND)
    assert not (tmp_path / "dist").exists()
    np.save(build / "export_onnx" / "voices" / "af_short.npy", np.zeros((511, 256), np.float32))
    with pytest.raises(WeightsError, match="510"):
        read_inputs(build)


def coverage_report(build: Path, levels: dict[str, list[str]], target: str = "nnapi") -> Path:
    variants = [
        {
            "target": target,
            "stage": stage,
            "bucket": bucket,
            "file": f"{stage}_{bucket}.onnx",
            "sha256": sha256(build / "quantize" / target / f"{stage}_{bucket}.onnx"),
            "proven": proven,
        }
        for stage, proven in levels.items()
        for bucket in ("5s", "10s", "15s")
    ]
    file = build / "android_test" / "coverage" / "report.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"required": "rules", "variants": variants, "conditions": ["it rains"]}))
    return file


def test_coverage_is_copied_and_an_unproven_stage_runs_on_the_cpu(tmp_path):
    build = make_build(tmp_path / "build", ("nnapi",))
    report = coverage_report(build, {"vocoder": ["rules"], "bert": []})
    inputs = read_inputs(build)
    fits = release.fit_tables(inputs)
    made = release.make_package(inputs, fits, "nnapi", tmp_path / "dist", "0.1.0", COMMAND).manifest
    assert made.coverage["proven"]["vocoder"]["15s"] == ["rules"]
    assert made.coverage["conditions"] == ["it rains"]
    assert {s.name for s in made.stages if s.runs_on == "npu"} == {"vocoder"}
    report.write_text(report.read_text().replace('"sha256": "', '"sha256": "0'))  # it speaks of other files
    stale = release.make_package(inputs, fits, "nnapi", tmp_path / "dist", "0.1.0", COMMAND).manifest
    assert stale.coverage is None
    assert {s.name for s in stale.stages if s.runs_on == "npu"} == {"vocoder", "bert"}


def test_a_model_whose_weights_lie_elsewhere_is_refused(build, tmp_path):
    source = build / "quantize" / "cpu"
    model = onnx.load(source / "source_15s.onnx", load_external_data=False)
    tensor = next(t for t in model.graph.initializer if t.external_data)
    for key, value in (("location", "../weights.bin"), ("offset", str(1 << 40))):
        changed = onnx.ModelProto.FromString(model.SerializeToString())
        entries = next(t for t in changed.graph.initializer if t.name == tensor.name).external_data
        next(e for e in entries if e.key == key).value = value
        (tmp_path / "m.onnx").write_bytes(changed.SerializeToString())
        shutil.copyfile(source / "weights.bin", tmp_path / "weights.bin")
        with pytest.raises(PackageError):
            read_model(tmp_path / "m.onnx", tmp_path / "weights.bin")


def test_values_stored_inside_and_outside_are_packaged_once(build, tmp_path):
    source = build / "quantize" / "cpu"
    model = onnx.load(source / "source_15s.onnx", load_external_data=False)
    tensor = next(t for t in model.graph.initializer if t.external_data)
    tensor.float_data.extend([0.0, 1.0])
    (tmp_path / "twice.onnx").write_bytes(model.SerializeToString())
    packaged = onnx.load_from_string(read_model(tmp_path / "twice.onnx", source / "weights.bin"))
    assert not any(t.float_data for t in packaged.graph.initializer)
    once = (source / "source_15s.onnx").read_bytes()
    assert read_model(source / "source_15s.onnx", source / "weights.bin") == once


# Archives.


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
        if "io/github/kokoronpu/Selector.class" not in jar.namelist():
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
            if not name.endswith("tail_5s.onnx"):
                bad.writestr(name, whole.read(name))
    assert any("tail_5s" in fault for fault in read_aar(tmp_path / "bad.aar", tmp_path / "bad"))


def test_without_a_jdk_the_rest_is_made_and_the_report_says_so(build, tmp_path, monkeypatch):
    monkeypatch.setattr(archive.shutil, "which", lambda name: None)
    report = release.release(build, tmp_path, ["cpu"], "0.1.0", COMMAND)
    assert "JDK" in report["targets"]["cpu"]["aar"]
    assert (tmp_path / f"{NAME}.zip").exists()
    assert not (tmp_path / f"{NAME}.aar").exists()


def test_a_package_beyond_the_limit_is_said_to_be(build, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(release, "write_aar", lambda folder: (None, "left out"))
    monkeypatch.setattr(release, "MOST_BYTES", 1000)
    report = release.release(build, tmp_path, ["cpu"], "0.1.0", COMMAND)
    assert report["targets"]["cpu"]["within_limit"] is False
    assert "over the limit" in capsys.readouterr().out
