"""The hub's cache: complete, completed, refused by name; and a missing network against every other failure."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from export_onnx.checkpoint import hub
from export_onnx.checkpoint.hub import HUB_CHECKPOINT, HUB_NAME, HUB_REVISION, HUB_VOICES, from_hub, missing_files
from export_onnx.checkpoint.weights import load_weights
from export_onnx.errors import UnreachableError, WeightsError

VOICES = [f"{group}_{name}" for group, names in HUB_VOICES.items() for name in names.split()]


class Client:
    """Stands for `huggingface_hub`: a cache in a folder, and a network that answers as the test says."""

    def __init__(self, snapshot: Path) -> None:
        self.snapshot = snapshot
        self.asked: list[str] = []
        self.answer: Exception | None = None
        self.download: Exception | list[str] = []

    def snapshot_download(self, name: str, *, local_files_only: bool = False, **_: Any) -> str:
        if local_files_only:
            if not self.snapshot.exists():
                raise LocalEntryNotFoundError("Cannot find an appropriate cached snapshot folder")
            return str(self.snapshot)
        self.asked.append("download")
        if isinstance(self.download, Exception):
            raise self.download
        fill(self.snapshot, self.download)
        return str(self.snapshot)

    def model_info(self, name: str, **_: Any) -> None:
        self.asked.append("info")
        if self.answer is not None:
            raise self.answer


def fill(folder: Path, files: list[str]) -> None:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(b"x")


ALL = ["config.json", HUB_CHECKPOINT, *(f"voices/{name}.pt" for name in VOICES)]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Client:
    fake = Client(tmp_path / "snapshots" / HUB_REVISION)
    monkeypatch.setattr(hub, "snapshot_download", fake.snapshot_download)
    monkeypatch.setattr(hub, "HfApi", lambda: SimpleNamespace(model_info=fake.model_info))
    return fake


def test_kokoro_has_54_voices() -> None:
    assert len(set(VOICES)) == 54


def test_a_complete_cache_asks_nobody(client: Client) -> None:
    fill(client.snapshot, ALL)
    assert from_hub(HUB_NAME) == client.snapshot
    assert client.asked == []


HALVES = {
    "config alone": ["config.json"],
    "one voice, as kokoro leaves it": ["config.json", HUB_CHECKPOINT, "voices/af_heart.pt"],
    "one voice missing": [name for name in ALL if "zm_yunyang" not in name],
    "no checkpoint": [name for name in ALL if name != HUB_CHECKPOINT],
}


@pytest.mark.parametrize("there", HALVES.values(), ids=HALVES)
def test_half_a_cache_is_completed(client: Client, there: list[str]) -> None:
    fill(client.snapshot, there)
    client.download = ALL
    assert missing_files(HUB_NAME, from_hub(HUB_NAME)) == []
    assert client.asked == ["info", "download"]


@pytest.mark.parametrize("there", HALVES.values(), ids=HALVES)
def test_half_a_cache_without_network_is_refused_by_name(client: Client, there: list[str]) -> None:
    fill(client.snapshot, there)
    client.answer = socket.gaierror(-2, "Name or service not known")
    first = next(name for name in ALL if name not in there)
    with pytest.raises(UnreachableError, match=rf"lacks {first}.*gaierror"):
        from_hub(HUB_NAME)


def test_half_a_cache_of_another_repository(client: Client) -> None:
    fill(client.snapshot, ["config.json", "my.pth", "voices/a.pt"])
    client.answer = ConnectionRefusedError()
    with pytest.raises(UnreachableError, match=r"lacks voices/\*\.pt \(1 there, 2 or more\)"):
        from_hub("some/voice")
    client.answer, client.download = None, ["config.json"]
    assert from_hub("some/voice") == client.snapshot, "what the hub gives is complete: it may have one voice"


def test_what_the_client_itself_finds_missing_is_said(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub 2 keeps the listing of a snapshot, and refuses a partial one."""

    def partial(*_: Any, **__: Any) -> str:
        said = "The cached snapshot for 'a/b' is incomplete: 1 file(s) are missing (voices/x.pt). Outgoing traffic …"
        raise LocalEntryNotFoundError(said)

    monkeypatch.setattr(hub, "snapshot_download", partial)
    client.answer = ConnectionRefusedError()
    with pytest.raises(UnreachableError, match=r"1 file\(s\) are missing \(voices/x\.pt\), and ConnectionRefusedError"):
        from_hub("a/b")


class TransportError(Exception):
    """As one release's transport raises it, with its cause."""


class StatusError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(f"{status} Client Error")
        self.response = SimpleNamespace(status_code=status)


def caused_by(cause: Exception) -> Exception:
    try:
        raise TransportError(str(cause)) from cause
    except TransportError as error:
        return error


@pytest.mark.parametrize(
    "answer",
    [
        caused_by(socket.gaierror(-3, "Temporary failure in name resolution")),
        caused_by(ConnectionRefusedError()),
        caused_by(TimeoutError("timed out")),
        ConnectionError("Cannot reach: offline mode is enabled"),
    ],
    ids=["name", "refused", "no answer", "offline"],
)
def test_no_answer_is_a_missing_network(client: Client, answer: Exception) -> None:
    client.answer = answer
    with pytest.raises(UnreachableError, match="nothing of it in the cache"):
        from_hub(HUB_NAME)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
def test_an_answer_that_says_no_is_an_error(client: Client, status: int, tmp_path: Path) -> None:
    client.answer = caused_by(StatusError(status))
    with pytest.raises(WeightsError, match=f"the hub answered {status}") as caught:
        load_weights("auto", tmp_path)
    assert not isinstance(caught.value, UnreachableError)


@pytest.mark.parametrize(
    "failure",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        PermissionError(errno.EACCES, "Permission denied"),
        TimeoutError("The read operation timed out"),
        caused_by(ConnectionResetError("at 90 %")),
        StatusError(404),
        OSError("Consistency check failed: file should be of size 9 but has size 8"),
    ],
    ids=["disk", "permission", "time", "reset", "status", "hash"],
)
def test_a_failed_download_is_an_error_and_no_demo_voice(client: Client, failure: Exception, tmp_path: Path) -> None:
    client.download = failure
    with pytest.raises(WeightsError, match=r"from the hub, which answered.*what has arrived is kept") as caught:
        load_weights("auto", tmp_path)
    assert not isinstance(caught.value, UnreachableError)


def test_a_programming_error_is_no_missing_network(client: Client) -> None:
    client.answer = TypeError("model_info() got an unexpected keyword argument")
    with pytest.raises(WeightsError, match="TypeError") as caught:
        from_hub(HUB_NAME)
    assert not isinstance(caught.value, UnreachableError)
