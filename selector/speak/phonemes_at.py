"""Where a chunk's phonemes are in its sound, by the durations: silence at both ends belongs to pads and marks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from export_onnx.geometry import frames_to_samples

SILENT: Final = ' .,!?;:…—"“”()'  # symbols of the vocabulary that are no sound


def phonemes_at(phonemes: str, frames_per_token: Sequence[int]) -> tuple[int, int] | None:
    """The first sample of the first phoneme and the first behind the last one; None where only marks are said.

    Args:
        phonemes: symbols that have an id.
        frames_per_token: of the phonemes, with one pad at each end.
    """
    spoken = [i for i, symbol in enumerate(phonemes, 1) if symbol not in SILENT]
    if not spoken:
        return None
    first, last = spoken[0], spoken[-1]
    return frames_to_samples(sum(frames_per_token[:first])), frames_to_samples(sum(frames_per_token[: last + 1]))
