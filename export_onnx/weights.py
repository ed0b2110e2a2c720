"""`WEIGHTS` -> the original model, its config, its voices, and who they are.

    auto            Kokoro-82M from the hub's cache or the hub, else the demo voice
    demo            the small trained voice in this repository
    random          full-size architecture, seeded; random-small: the same graph at small widths
    <folder>        config.json, one *.pth, voices/*.{pt,bin,npy}
    <owner/name>    a hub repository of the same layout

Loading is strict: what is missing, extra, wrongly shaped or wants to run code is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub import constants as hub_constants
from huggingface_hub.errors import LocalEntryNotFoundError
from kokoro.model import KModel
from torch import Tensor

from export_onnx.architecture import Config, build, load_architecture
from export_onnx.checkpoint import load_state, load_tensors
from export_onnx.errors import WeightsError
from export_onnx.provenance import sha256
from export_onnx.random_weights import write_random_checkpoint
from export_onnx.voices import load_voice

HUB_NAME: Final = "hexgrad/Kokoro-82M"
HUB_REVISION: Final = "f3ff3571791e39611d31c381e3a41a3af07b4987"  # holds kokoro-v1_0.pth
DEMO: Final = Path(__file__).parent / "demo_voice" / "checkpoint"
RANDOM: Final = {"random": "kokoro-82m", "random-small": "small"}  # name -> architecture
LOCAL_ALTERNATIVES: Final = (
    "Pass WEIGHTS=<folder with config.json, *.pth and voices/>, or use WEIGHTS=demo (or auto), which need no network."
)


@dataclass(frozen=True)
class Identity:
    """Who the weights are: enough to find them again, and to tell them from others."""

    source: str  # "hub", "folder", "demo" or "random"
    name: str  # as in package names
    revision: str
    sha256: Mapping[str, str]  # file -> hex digest, in name order


@dataclass(frozen=True)
class Weights:
    """A checked checkpoint.

    Attributes:
        model: the original, in evaluation mode.
        voices: name -> [510, 256] float32; row n - 1 belongs to n phonemes, timbre first, prosody behind.
    """

    model: KModel
    config: Config
    voices: Mapping[str, Tensor]
    identity: Identity


def load_weights(source: str, cache: Path = Path("build/weights")) -> Weights:
    """The checkpoint that `WEIGHTS` names.

    Args:
        source: see the top of this file.
        cache: where the seeded random checkpoints are written once.

    Raises:
        WeightsError: it cannot be had, or is not what it claims to be.
    """
    if source == "auto":
        try:
            _from_hub(HUB_NAME)
        except WeightsError:
            return load_weights("demo", cache)  # the caller says so; what is there but wrong is refused below
        return load_weights(HUB_NAME, cache)
    if source == "demo":
        return load_folder(DEMO, "demo", "demo", "in this repository")
    if source in RANDOM:
        folder = cache / source
        if not (folder / "config.json").exists():  # written last
            write_random_checkpoint(folder, load_architecture(RANDOM[source]))
        return load_folder(folder, "random", source, "seed 0")
    if Path(source).is_dir():
        return load_folder(Path(source), "folder", Path(source).resolve().name, "local")
    if source.count("/") == 1 and not source.startswith((".", "/")):
        return load_folder(_from_hub(source), "hub", source.rpartition("/")[2].lower(), _revision(source))
    raise WeightsError(
        f"WEIGHTS={source}",
        expected="auto, demo, random, random-small, a folder, or <owner>/<name> on the hub",
        got="nothing of that name",
        todo="Check the spelling, or the folder's path.",
    )


def _revision(name: str) -> str:
    return HUB_REVISION if name == HUB_NAME else "main"


def _from_hub(name: str) -> Path:
    """The repository's snapshot, from the cache where it is complete, else from the network."""
    revision, patterns = _revision(name), ["config.json", "*.pth", "voices/*.pt"]
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=patterns, local_files_only=True))
    except LocalEntryNotFoundError:
        pass  # not in the cache: ask the network
    try:
        HfApi().model_info(name, revision=revision, timeout=10)  # answers or fails at once; the download retries
        return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
    except Exception as error:  # the client's transport, and so its errors, differ between releases; all mean this
        offline = " (HF_HUB_OFFLINE is set)" if hub_constants.is_offline_mode() else ""
        raise WeightsError(
            f"WEIGHTS={name}",
            expected=f"revision {revision} in the hub's cache or on the hub",
            got=f"{type(error).__name__}{offline}",
            todo=LOCAL_ALTERNATIVES,
        ) from error


def load_folder(folder: Path, source: str, name: str, revision: str) -> Weights:
    """A checkpoint folder in the original's format.

    Raises:
        WeightsError: with the file, what was expected, what was there, and what to do.
    """
    config_file = folder / "config.json"
    try:
        config = json.loads(config_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(
            str(config_file),
            expected="a JSON object",
            got=str(error)[:100],
            todo="A checkpoint's folder holds config.json, one *.pth and voices/: check the path, or restore the file.",
        ) from error
    if not isinstance(config, dict):
        raise WeightsError(str(config_file), expected="a JSON object", got=type(config).__name__, todo="Restore it.")
    checkpoints = sorted(folder.glob("*.pth"))
    if len(checkpoints) != 1:
        raise WeightsError(
            str(folder),
            expected="exactly one *.pth file",
            got=", ".join(c.name for c in checkpoints) or "none",
            todo="Keep one checkpoint in the folder.",
        )
    model = build(config, str(config_file))
    load_state(model, load_tensors(checkpoints[0]), checkpoints[0])
    voice_files = sorted(f for f in (folder / "voices").glob("*") if f.suffix in (".pt", ".bin", ".npy"))
    if not voice_files:
        raise WeightsError(
            str(folder / "voices"),
            expected="at least one *.pt, *.bin or *.npy",
            got="none",
            todo="Add a voice.",
        )
    voices = {file.stem: load_voice(file) for file in voice_files}
    files = [config_file, checkpoints[0], *voice_files]
    digests = {str(f.relative_to(folder)): sha256(f) for f in files}
    return Weights(model.requires_grad_(False), config, voices, Identity(source, name, revision, digests))
