"""Checkpoints and voices as they lie about in the world: other layouts are read, or said by what they are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from export_onnx.checkpoint.architecture import build
from export_onnx.checkpoint.tensor_files import PARTS, load_state, load_tensors
from export_onnx.checkpoint.voice_packs import load_archive, load_voice
from export_onnx.checkpoint.weights import load_folder, voices_beside
from export_onnx.errors import WeightsError
from tests.conftest import Small

LFS_POINTER = (
    b"version https://git-lfs.github.com/spec/v1\noid sha256:496dba118d1a58f5f3db2efc88dbdc216e0483fc89fe6e47ee\n"
)
WEB_PAGE = b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title>"
APPLE_DOUBLE = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "


@pytest.fixture
def folder(small: Small, weights_cache: Path, tmp_path: Path) -> Path:
    """A copy of the small checkpoint, to be changed."""
    return Path(shutil.copytree(weights_cache / "random-small", tmp_path / "checkpoint"))


def state_of(small: Small) -> dict[str, dict[str, torch.Tensor]]:
    return {part: dict(module.state_dict()) for part, module in small.weights.model.named_children()}


def assert_same(small: Small, state: Any) -> None:
    """Through the strict loader into a new model: equal to the bit."""
    model = build(small.weights.config)
    load_state(model, state, Path("here"))
    for key, value in model.state_dict().items():
        assert torch.equal(value, small.weights.model.state_dict()[key]), key


def test_weight_norm_in_torchs_newer_spelling(small: Small) -> None:
    """`torch.nn.utils.parametrizations.weight_norm` names g `original0` and v `original1`."""
    spelled = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
    state: dict[str, dict[str, torch.Tensor]] = {}
    for part, tensors in state_of(small).items():
        state[part] = {}
        for key, value in tensors.items():
            head, _, last = key.rpartition(".")
            state[part][f"module.{head}.{spelled.get(last, last)}" if head else key] = value
    assert sum(key.endswith("original0") for tensors in state.values() for key in tensors) == 89
    assert_same(small, state)


def test_its_shapes_are_torchs_own() -> None:
    """The two spellings differ in nothing else: transposed convolutions included."""
    for kind in (torch.nn.Conv1d, torch.nn.ConvTranspose1d):
        new = torch.nn.utils.parametrizations.weight_norm(kind(4, 6, 3))
        old = torch.nn.utils.weight_norm(kind(4, 6, 3))
        assert new.parametrizations.weight.original0.shape == old.weight_g.shape
        assert new.parametrizations.weight.original1.shape == old.weight_v.shape


def test_safetensors_are_read(small: Small, folder: Path) -> None:
    flat = {f"{part}.{key}": value.contiguous() for part, ts in state_of(small).items() for key, value in ts.items()}
    flat = {key: value.clone() for key, value in flat.items()}
    (folder / "kokoro-random.pth").unlink()
    save_file(flat, folder / "model.safetensors")
    assert set(load_tensors(folder / "model.safetensors")) == set(PARTS)
    again = load_folder(folder, "folder", "test", "local")
    assert "model.safetensors" in again.identity.sha256
    assert_same(small, {part: dict(m.state_dict()) for part, m in again.model.named_children()})
    save_file({key: flat[key] for key in flat if not key.startswith("decoder.")}, folder / "model.safetensors")
    with pytest.raises(WeightsError, match=r"model\.safetensors: expected the parts"):
        load_folder(folder, "folder", "test", "local")
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-9])
    with pytest.raises(WeightsError, match=r"model\.safetensors.*SafetensorError.*damaged"):
        load_folder(folder, "folder", "test", "local")


def test_two_checkpoints_in_a_folder_are_refused(small: Small, folder: Path) -> None:
    save_file({"bert.x": torch.zeros(1)}, folder / "model.safetensors")
    with pytest.raises(WeightsError, match=r"one \*\.safetensors, got kokoro-random\.pth, model\.safetensors"):
        load_folder(folder, "folder", "test", "local")


def test_the_layout_of_styletts2_is_named(small: Small, folder: Path) -> None:
    torch.save({"net": state_of(small), "epoch": 3}, folder / "kokoro-random.pth")
    with pytest.raises(WeightsError, match=r"StyleTTS 2's layout, as of Kokoro v0\.19.*get v1\.0's checkpoint"):
        load_folder(folder, "folder", "test", "local")


@pytest.mark.parametrize("shape", [(511, 1, 256), (511, 256)])
def test_a_voice_of_511_rows_is_named(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """v0.19 counts its rows from no phoneme: row n, not n - 1."""
    torch.save(torch.zeros(shape), tmp_path / "af_bella.pt")
    with pytest.raises(WeightsError, match=r"511 rows, as the voices of Kokoro v0\.19.*from v1\.0's own source"):
        load_voice(tmp_path / "af_bella.pt")


IMPOSTORS = [
    (LFS_POINTER, "a Git LFS pointer", "git lfs pull"),
    (WEB_PAGE, "a web page saved under that name", "`resolve`, not `blob`"),
    (APPLE_DOUBLE, "macOS's AppleDouble file", "begin with `._`"),
]
PLACES = ["kokoro-random.pth", "voices/random_a.pt", "config.json"]


@pytest.mark.parametrize(("content", "what", "todo"), IMPOSTORS, ids=["lfs", "html", "apple"])
@pytest.mark.parametrize("place", PLACES)
def test_an_impostor_is_said_by_what_it_is(folder: Path, place: str, content: bytes, what: str, todo: str) -> None:
    (folder / place).write_bytes(content)
    with pytest.raises(WeightsError, match=rf"{place}: expected .* got {what}.*{todo}"):
        load_folder(folder, "folder", "test", "local")


@pytest.mark.parametrize("place", ["._kokoro-random.pth", "voices/._random_a.pt"])
def test_what_macos_leaves_beside_is_named(folder: Path, place: str) -> None:
    (folder / place).write_bytes(APPLE_DOUBLE)
    with pytest.raises(WeightsError, match=rf"{place}.*AppleDouble.*Delete"):
        load_folder(folder, "folder", "test", "local")


@pytest.mark.parametrize("suffix", [".npy", ".bin", ".npz", ".safetensors"])
def test_impostors_of_other_formats(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"x{suffix}"
    file.write_bytes(LFS_POINTER)
    load: Callable[[Path], Any] = {".npz": load_archive, ".safetensors": load_tensors}.get(suffix, load_voice)
    with pytest.raises(WeightsError, match="Git LFS pointer"):
        load(file)


def archive(file: Path, **voices: Any) -> Path:
    with file.open("wb") as opened:  # by handle: savez would add .npz
        np.savez(opened, **voices)
    return file


def test_an_archive_of_voices(small: Small, tmp_path: Path) -> None:
    packs = {name: voice[:, None].numpy() for name, voice in small.weights.voices.items()}
    for name in ("voices-v1.0.bin", "any.npz"):
        loaded = load_archive(archive(tmp_path / name, **packs))
        assert all(torch.equal(loaded[key], voice) for key, voice in small.weights.voices.items())


@pytest.mark.parametrize(
    ("voices", "message"),
    [
        ({}, "voices by name, got none"),
        ({"../outside": np.zeros((510, 1, 256))}, r"got \['\.\./outside'\]"),
        ({"short": np.zeros((10, 1, 256))}, r"voice short: expected \[510, 1, 256\]"),
        ({"old": np.zeros((511, 1, 256))}, r"voice old.*v0\.19"),
        ({"nan": np.full((510, 1, 256), np.nan)}, r"voice nan.*NaN"),
    ],
    ids=["none", "path", "short", "old", "nan"],
)
def test_a_wrong_archive_is_refused(tmp_path: Path, voices: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        load_archive(archive(tmp_path / "voices.npz", **voices))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 damaged", b"nothing"])
def test_a_damaged_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "voices.npz").write_bytes(content)
    with pytest.raises(WeightsError, match=r"voices\.npz: expected an archive"):
        load_archive(tmp_path / "voices.npz")


def test_an_archive_does_not_run_code(tmp_path: Path) -> None:
    np.savez(tmp_path / "voices.npz", evil=np.array([print], dtype=object))
    with pytest.raises(WeightsError, match="allow_pickle"):
        load_archive(tmp_path / "voices.npz")


def test_voices_beside_an_export(tmp_path: Path) -> None:
    file = tmp_path / "kokoro.onnx"
    with pytest.raises(WeightsError, match=r"one archive of voices.*got none"):
        voices_beside(file)
    (tmp_path / "voices-v1.0.bin").write_bytes(b"")
    assert voices_beside(file) == [tmp_path / "voices-v1.0.bin"]
    (tmp_path / "more.npz").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"got more\.npz, voices-v1\.0\.bin"):
        voices_beside(file)
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices" / "a.npy").write_bytes(b"")
    assert voices_beside(file) == [tmp_path / "voices" / "a.npy"], "a folder says which"
