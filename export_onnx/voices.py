"""Voice packs: one style row for each number of phonemes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from export_onnx.architecture import STYLE_HALF
from export_onnx.checkpoint import load_tensors
from export_onnx.errors import WeightsError
from export_onnx.geometry import MAX_PHONEMES

VOICE_SHAPE: Final = (MAX_PHONEMES, 2 * STYLE_HALF)  # one row for each number of phonemes


def load_voice(file: Path) -> Tensor:
    """A voice pack, [510, 256] float32, from `.pt`, `.npy` or raw little-endian float32 `.bin`.

    Raises:
        WeightsError: wrong size, damaged, or not finite.
    """
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
