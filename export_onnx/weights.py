"""`WEIGHTS` -> the original model, its config, its voices, and who they are.

    auto            Kokoro-82M from the hub's cache or the hub, else the demo voice
    demo            the small trained voice in this repository
    random          full-size architecture, seeded; random-small: the same graph at small widths
    <folder>        config.json, one *.pth, voices/*.{pt,bin,npy}
    <owner/name>    a hub repository of the same layout

Loading is strict: what is missing, extra, wrongly shaped or wants to run code is refused.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub import constants as hub_constants
from huggingface_hub.errors import LocalEntryNotFoundError
from kokoro.model import KModel
from torch import Tensor

from export_onnx.architecture import STYLE_HALF, Config, build, load_architecture
from export_onnx.errors import WeightsError
from export_onnx.geometry import MAX_PHONEMES
from export_onnx.random_weights import write_random_checkpoint

HUB_NAME: Final = "hexgrad/Kokoro-82M"
HUB_REVISION: Final = "f3ff3571791e39611d31c381e3a41a3af07b4987"  # holds kokoro-v1_0.pth
DEMO: Final = Path(__file__).parent / "demo_voice" / "checkpoint"
RANDOM: Final = {"random": "kokoro-82m", "random-small": "small"}  # name -> architecture
VOICE_SHAPE: Final = (MAX_PHONEMES, 2 * STYLE_HALF)  # one row for each number of phonemes
PARTS: Final = ("bert", "bert_encoder", "predictor", "text_encoder", "decoder")
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
            str(config_file), expected="a JSON object", got=str(error)[:100], todo="Restore the file."
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
    load_state(model, _torch_load(checkpoints[0]), checkpoints[0])
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
    digests = {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}
    return Weights(model.requires_grad_(False), config, voices, Identity(source, name, revision, digests))


def _torch_load(file: Path) -> Any:
    """A file of tensors, never of code."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of odd pickles, and then refuses them
            return torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        code = "weights_only" in str(error) or "Unsupported" in str(error)
        raise WeightsError(
            str(file),
            expected="a torch file that holds tensors only",
            got="a pickle that wants to run code" if code else f"{type(error).__name__}: {str(error)[:80]}",
            todo="Do not trust this file; get the original." if code else "The file is damaged; get it again.",
        ) from error


def load_state(model: KModel, state: Any, where: Path) -> None:
    """Every tensor of the file into the model: none missing, none extra, none of another shape.

    Raises:
        WeightsError: names the tensor.
    """
    if not isinstance(state, dict) or set(state) != set(PARTS) or not all(isinstance(p, dict) for p in state.values()):
        got = sorted(state) if isinstance(state, dict) else type(state).__name__
        raise WeightsError(
            str(where),
            expected=f"the parts {', '.join(PARTS)}",
            got=str(got)[:120],
            todo="Get the original file.",
        )
    for part in PARTS:
        ours = getattr(model, part).state_dict()
        theirs = {key.removeprefix("module."): value for key, value in state[part].items()}
        for key in [k for k in theirs if k == "embeddings.position_ids"]:
            del theirs[key]  # written by older transformers; a constant there and here
        for key, value in ours.items():
            if key.endswith((".norm.weight", ".norm.bias")) and key not in theirs:
                theirs[key] = value  # InstanceNorm's affine part, which training never had: stays 1 and 0
        for key in sorted(set(ours) | set(theirs)):
            expected = str(list(ours[key].shape)) if key in ours else "no such tensor"
            found = theirs.get(key)
            got = "nothing" if found is None else str(list(found.shape)) if isinstance(found, Tensor) else "no tensor"
            if expected != got:
                raise WeightsError(
                    f"{where}, tensor {part}.{key}",
                    expected=expected,
                    got=got,
                    todo="The checkpoint and config.json do not belong together; get both from one source.",
                )
            if not torch.isfinite(theirs[key]).all():
                raise WeightsError(
                    f"{where}, tensor {part}.{key}",
                    expected="finite numbers",
                    got="NaN or infinity",
                    todo="Get it again.",
                )
        getattr(model, part).load_state_dict(theirs)


def load_voice(file: Path) -> Tensor:
    """A voice pack, [510, 256] float32, from `.pt`, `.npy` or raw little-endian float32 `.bin`.

    Raises:
        WeightsError: wrong size, damaged, or not finite.
    """
    try:
        if file.suffix == ".pt":
            raw = _torch_load(file)
        elif file.suffix == ".npy":
            raw = torch.from_numpy(np.load(file, allow_pickle=False))
        else:
            raw = torch.from_numpy(np.fromfile(file, dtype="<f4"))
    except (OSError, ValueError, EOFError) as error:
        raise WeightsError(
            str(file), expected="a voice pack", got=str(error)[:80], todo="The file is damaged; get it again."
        ) from error
    rows, width = VOICE_SHAPE
    if not isinstance(raw, Tensor) or list(raw.shape) not in (
        [rows, 1, width],
        [rows, width],
        [rows * width],
    ):
        raise WeightsError(
            str(file),
            expected=f"[{rows}, 1, {width}] numbers",
            got=str(list(raw.shape)) if isinstance(raw, Tensor) else type(raw).__name__,
            todo="Get the voice from the checkpoint's own source.",
        )
    voice = raw.reshape(VOICE_SHAPE).float()
    if not torch.isfinite(voice).all():
        raise WeightsError(str(file), expected="finite numbers", got="NaN or infinity", todo="Get the voice again.")
    return voice


def voice_row(voice: Tensor, phonemes: int) -> Tensor:
    """The style for a text of `phonemes` symbols (pads not counted): [1, 256], timbre first, prosody behind."""
    return voice[phonemes - 1].unsqueeze(0)
