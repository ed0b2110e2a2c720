"""Reads voice packs, which have one style row per number of phonemes: one file per voice, or an archive of voices."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from export_onnx.checkpoint.architecture import STYLE_HALF
from export_onnx.checkpoint.impostors import refuse_impostor
from export_onnx.checkpoint.tensor_files import load_tensors
from export_onnx.errors import WeightsError
from export_onnx.geometry import MAX_PHONEMES

VOICE_SHAPE: Final = (MAX_PHONEMES, 2 * STYLE_HALF)  # one row per number of phonemes
VOICE_FILES: Final = (".pt", ".bin", ".npy")
NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")  # it becomes a file's


def load_voice(file: Path) -> Tensor:
    """A voice pack, [510, 256] float32, from `.pt`, `.npy` or raw little-endian float32 `.bin`.

    Raises:
        WeightsError: the file is damaged, has the wrong size, or numbers that are not finite.
    """
    refuse_impostor(file, "a voice pack")
    try:
        if file.suffix == ".pt":
            raw = load_tensors(file)
        elif file.suffix == ".npy":
            raw = torch.from_numpy(np.load(file, allow_pickle=False))
        else:
            raw = torch.from_numpy(np.fromfile(file, dtype="<f4"))
    except (OSError, ValueError, EOFError) as error:
        raise WeightsError(
            str(file), expected="a voice pack", got=str(error)[:80], todo="The file is damaged; get it again."
        ) from error
    return checked_pack(raw, str(file))


def load_archive(file: Path) -> dict[str, Tensor]:
    """Reads an `.npz` of packs, name -> [510, 1, 256], such as kokoro-onnx's `voices-v1.0.bin`.

    Raises:
        WeightsError: the archive is damaged or empty, a name cannot be a file's, or `load_voice` would refuse a voice.
    """
    refuse_impostor(file, "an archive of voices")
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            arrays = {name: np.array(archive[name]) for name in archive.files}
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise WeightsError(
            str(file), expected="an archive of voices", got=str(error)[:80], todo="The file is damaged; get it again."
        ) from error
    wrong = [name for name in arrays if not NAME.fullmatch(name)]
    if wrong or not arrays:
        raise WeightsError(
            str(file), expected="voices by name", got=str(wrong or "none")[:80], todo="Get the archive of the voices."
        )
    return {name: checked_pack(torch.from_numpy(arrays[name]), f"{file}, voice {name}") for name in sorted(arrays)}


def checked_pack(raw: Any, where: str) -> Tensor:
    """Checks a pack's shape and that its numbers are finite; gives it as [510, 256] float32.

    Raises:
        WeightsError: the shape is another one, or a number is not finite.
    """
    rows, width = VOICE_SHAPE
    shape = list(raw.shape) if isinstance(raw, Tensor) else []
    if shape in ([rows + 1, 1, width], [rows + 1, width], [(rows + 1) * width]):
        raise WeightsError(
            where,
            expected=f"Kokoro v1.0's [{rows}, 1, {width}], row n - 1 for n phonemes",
            got=f"{shape}: {rows + 1} rows, as the voices of Kokoro v0.19 and its fine-tunes have",
            todo="Those belong to other weights: get the voice of that name from v1.0's own source.",
        )
    if shape not in ([rows, 1, width], [rows, width], [rows * width]):
        raise WeightsError(
            where,
            expected=f"[{rows}, 1, {width}] numbers",
            got=str(shape) if isinstance(raw, Tensor) else type(raw).__name__,
            todo="Get the voice from the checkpoint's own source.",
        )
    voice: Tensor = raw.reshape(VOICE_SHAPE).float()
    if not torch.isfinite(voice).all():
        raise WeightsError(where, expected="finite numbers", got="NaN or infinity", todo="Get the voice again.")
    return voice


def voice_row(voice: Tensor, phonemes: int) -> Tensor:
    """The style for a text of `phonemes` symbols (pads not counted): [1, 256], timbre first, prosody behind."""
    return voice[phonemes - 1].unsqueeze(0)
