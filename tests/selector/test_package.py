"""A package is the same from the same inputs, and refused when anything in it changed."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from export_onnx.buckets import DYNAMIC
from export_onnx.contracts import OF_PADDING, sizes
from export_onnx.errors import PackageError
from export_onnx.provenance import sha256
from selector.package import make_packages, manifest, strict_schema
from selector.package.opened import Package
from selector.package.providers import NO_HALF_PRECISION
from tests.selector.conftest import COMMAND, NAME
from tests.selector.selector_fakes import CONFIG, QUALITY, STRETCH, make_build

pytestmark = pytest.mark.usefixtures("few_texts")


@pytest.fixture
def copy(dist, tmp_path) -> Path:
    """A package somewhere else: opening it also shows that it may be moved."""
    return Path(shutil.copytree(dist / NAME, tmp_path / "moved"))


def test_a_moved_package_opens_and_knows_itself(copy):
    package = Package.open(copy)
    assert package.manifest.package == NAME
    assert package.manifest.weights.name == "fake"
    (bucket,) = package.manifest.buckets
    assert (bucket.name, bucket.dynamic) == (DYNAMIC.name, True)
    assert bucket.sizes == sizes(CONFIG, DYNAMIC)
    ports = {port.name for stage in package.manifest.stages for port in (*stage.inputs, *stage.outputs)}
    assert not ports & {port.name for port in OF_PADDING}, "nothing tells of padding where there is none"
    assert package.manifest.quality.model_dump(mode="json") == QUALITY
    assert package.manifest.coverage is None
    assert package.manifest.vocabulary == CONFIG["vocab"]
    assert sum(name.endswith("weights.bin") for name in package.manifest.files) == 1
    assert {"LICENSE", "NOTICE", "tokenizer.onnx", "manifest.schema.json"} <= set(package.manifest.files)


def test_a_package_names_the_chips_that_cannot_run_it(tmp_path, monkeypatch):
    monkeypatch.setattr(make_packages, "write_sdk_jar", lambda dist, version: (None, "left out"))
    build = make_build(tmp_path / "build", ("qnn", "nnapi"))
    make_packages.make_packages(build, tmp_path / "dist", ["qnn", "nnapi"], "0.1.0", COMMAND)
    for target, chips in (("qnn", list(NO_HALF_PRECISION)), ("nnapi", [])):
        file = tmp_path / "dist" / NAME.replace("cpu", target) / "manifest.json"
        assert Package.open(file.parent).manifest.unfit_socs == chips
        older = {key: value for key, value in json.loads(file.read_text()).items() if key != "unfit_socs"}
        assert manifest.parse(json.dumps(older), "older").unfit_socs == []


def test_voices_are_what_the_export_wrote(copy):
    package = Package.open(copy)
    for name, stretch in STRETCH.items():
        voice = package.voice(name)
        assert voice.shape == (510, 256)
        assert voice[0, 128] == np.float32(stretch)
    raw = (copy / package.manifest.voices.files["bf_long"]).read_bytes()
    assert struct.unpack_from("<f", raw, 4 * 128) == (0.5,)  # as the layout says: row 0, prosody's first number


def test_the_same_inputs_give_the_same_bytes(build, dist, tmp_path):
    make_packages.make_packages(build, tmp_path, ["cpu"], "0.1.0", COMMAND)
    files = sorted(p.relative_to(dist) for p in dist.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    assert [f for f in files if sha256(dist / f) != sha256(tmp_path / f)] == []


def test_a_second_run_does_nothing_and_a_changed_input_is_seen(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(make_packages, "write_sdk_jar", lambda dist, version: (None, "left out"))
    build = make_build(tmp_path / "build")
    make_packages.make_packages(build, tmp_path / "dist", ["cpu"], "0.1.0", COMMAND)
    capsys.readouterr()
    make_packages.make_packages(build, tmp_path / "dist", ["cpu"], "0.1.0", COMMAND)
    assert "up to date" in capsys.readouterr().out
    (tmp_path / "dist" / f"{NAME}.zip").unlink()
    make_packages.make_packages(build, tmp_path / "dist", ["cpu"], "0.1.0", COMMAND)
    assert "up to date" not in capsys.readouterr().out
    report = build / "quantize" / "cpu" / "report.json"
    report.write_text(json.dumps(json.loads(report.read_text()) | {"quality": {**QUALITY, "bucket": "10s"}}))
    make_packages.make_packages(build, tmp_path / "dist", ["cpu"], "0.1.0", COMMAND)
    assert Package.open(tmp_path / "dist" / NAME).manifest.quality.bucket == "10s"


def test_nothing_of_this_computer_is_in_the_manifest(dist, build):
    text = (dist / NAME / "manifest.json").read_text(encoding="utf-8")
    assert str(build) not in text
    assert str(Path.home()) not in text


def damage(copy: Path, kind: str) -> None:
    generator, weights = copy / "models" / "generator_any.onnx", copy / "models" / "weights.bin"
    listed = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    if kind == "truncated model":
        generator.write_bytes(generator.read_bytes()[:-100])
    elif kind == "one bit":
        raw = bytearray(weights.read_bytes())
        raw[len(raw) // 2] ^= 1
        weights.write_bytes(raw)
    elif kind == "missing":
        generator.unlink()
    elif kind == "pointer":
        weights.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    elif kind == "link":
        weights.unlink()
        weights.symlink_to(copy.parent / "nowhere.bin")
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
    "pointer",
    "link",
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
    assert strict_schema._inside("a/b.onnx") == "a/b.onnx"
    with pytest.raises(ValueError, match="inside"):
        strict_schema._inside(path)


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


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda told: told["buckets"].append({**told["buckets"][0], "name": "5s", "dynamic": False}),
            "fixed and dynamic",
        ),
        (lambda told: told["stages"][0].update(runs_on="npu"), "takes fixed shapes only"),
    ],
)
def test_free_lengths_beside_fixed_ones_or_on_an_npu_are_refused(copy, change, says):
    told = json.loads((copy / "manifest.json").read_text())
    manifest.parse(json.dumps(told), "as it is")
    change(told)
    with pytest.raises(PackageError, match=says):
        manifest.parse(json.dumps(told), "changed")


def test_a_bucket_holds_a_text_at_its_own_sizes_where_lengths_are_free(copy):
    (bucket,) = Package.open(copy).manifest.buckets
    at = bucket.holding(9, 30)
    assert (at.tokens, at.frames, at.seconds, at.models) == (9, 30, 0.75, bucket.models)
    assert at.sizes == sizes(CONFIG, DYNAMIC.holding(9, 30))
    fixed = bucket.model_copy(update={"dynamic": False})
    assert fixed.holding(9, 30) == fixed
