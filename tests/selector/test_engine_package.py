"""The C++ engine opens a whole package, and refuses a wrong one with four facts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.selector.conftest import NAME
from tests.selector.engine_library import CONTRACT, PACKAGE, EngineError, Library


def damaged(dist: Path, folder: Path, damage: Callable[[Path], object]) -> Path:
    shutil.copytree(dist / NAME, folder)
    damage(folder)
    return folder


def edit(find: str, put: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        text = (folder / "manifest.json").read_text(encoding="utf-8")
        assert find in text
        (folder / "manifest.json").write_text(text.replace(find, put, 1), encoding="utf-8")

    return change


def flip(folder: Path) -> None:
    file = folder / "models" / "tail_any.onnx"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


DAMAGE: list[tuple[Callable[[Path], object], str]] = [
    (lambda folder: shutil.rmtree(folder), "a package's manifest"),
    (lambda folder: (folder / "manifest.json").write_bytes(b"\xff\xfe{"), "schema version 1"),
    (lambda folder: (folder / "manifest.json").write_text("[" * 100_000), "schema version 1"),
    (edit('"schema_version": 1', '"schema_version": 2'), "schema version 1"),
    (edit('"models/tail_any.onnx"', '"../tail_any.onnx"'), "inside the package"),
    (edit('"models/tail_any.onnx"', '"/etc/passwd"'), "inside the package"),
    (edit('"samples_per_frame": 600', '"samples_per_frame": 0'), "above 0"),
    (edit('"voices/af_short.f32": {', '"voices/af_shirt.f32": {'), "not among the files"),
    (lambda folder: (folder / "voices" / "bf_long.f32").unlink(), "a file of the package"),
    (lambda folder: (folder / "models" / "bert_any.onnx").write_bytes(b"short"), "bytes"),
    (flip, "sha256"),
]


@pytest.mark.parametrize(("damage", "says"), DAMAGE)
def test_a_wrong_package_is_refused_with_four_facts(
    library: Library, dist: Path, tmp_path: Path, damage: Callable[[Path], object], says: str
) -> None:
    with pytest.raises(EngineError) as raised:
        library.open(damaged(dist, tmp_path / "package", damage))
    assert raised.value.status == PACKAGE
    assert says in str(raised.value)
    assert all(raised.value.facts)


def test_what_no_stage_reads_does_not_stop_speech(library: Library, dist: Path, tmp_path: Path) -> None:
    folder = damaged(dist, tmp_path / "package", lambda folder: (folder / ".DS_Store").write_bytes(b"x"))
    (folder / "LICENSE").write_bytes((folder / "LICENSE").read_bytes().replace(b"\n", b"\r\n"))
    with library.open(folder) as engine:
        assert engine.speak(phonemes="bad dog")
    model = folder / "models" / "tail_any.onnx"
    model.write_bytes(b"\xff" * model.stat().st_size)
    with library.open(folder, skip_hashes=1) as engine, pytest.raises(EngineError) as raised:
        engine.speak(phonemes="bad dog")
    assert raised.value.status == CONTRACT, "read when it is needed"
