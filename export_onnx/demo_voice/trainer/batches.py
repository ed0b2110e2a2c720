"""Makes batches of training examples: windows of utterances for the vocoder, whole utterances for the prosody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch.nn.utils.rnn import pad_sequence

from export_onnx.demo_voice.trainer.espeak_voices import VOICES
from export_onnx.demo_voice.trainer.teacher import TaughtSentence
from export_onnx.geometry import F0_PER_FRAME, SAMPLES_PER_FRAME

NEIGHBOURS: Final = 24  # utterances of like length that a prosody batch is drawn from


@dataclass(frozen=True)
class Batch:
    """B utterances, and the same number of frames of each.

    Attributes:
        ids: `[B, T]`, padded with 0. lengths: `[B]`. durations: `[B, T]` frames, 0 on padding.
        starts: `[B]` first frame of each window. frames: in every window.
        features: `[B, n]`, the voice settings that the style map takes.
        audio: `[B, 600 frames]`. f0, energy: `[B, 2 frames]`.
    """

    ids: torch.Tensor
    lengths: torch.Tensor
    durations: torch.Tensor
    starts: tuple[int, ...]
    frames: int
    features: torch.Tensor
    audio: torch.Tensor
    f0: torch.Tensor
    energy: torch.Tensor


def style_features(utterance: TaughtSentence) -> list[float]:
    """The features of an utterance's voice and length."""
    setting = next(voice for voice in VOICES if voice.name == utterance.voice)
    return setting.features(len(utterance.ids) - 2)


def collate(chosen: Sequence[TaughtSentence], starts: Sequence[int], frames: int, device: torch.device) -> Batch:
    """Windows of `frames` frames that begin at `starts`."""

    def cut(values: Sequence[torch.Tensor], a_frame: int) -> torch.Tensor:
        windows = [v[s * a_frame : (s + frames) * a_frame] for v, s in zip(values, starts, strict=True)]
        return torch.stack(windows).to(device)

    return Batch(
        ids=pad_sequence([u.ids for u in chosen], batch_first=True).to(device),
        lengths=torch.tensor([len(u.ids) for u in chosen], device=device),
        durations=pad_sequence([u.durations for u in chosen], batch_first=True).to(device),
        starts=tuple(starts),
        frames=frames,
        features=torch.tensor([style_features(u) for u in chosen], device=device),
        audio=cut([u.audio for u in chosen], SAMPLES_PER_FRAME),
        f0=cut([u.f0 for u in chosen], F0_PER_FRAME),
        energy=cut([u.energy for u in chosen], F0_PER_FRAME),
    )


class Sampler:
    """Draws batches; the same generator state draws the same batches."""

    def __init__(self, utterances: Sequence[TaughtSentence], generator: torch.Generator, device: torch.device) -> None:
        self.utterances = sorted(utterances, key=lambda utterance: utterance.frames)
        self.generator = generator
        self.device = device

    def _below(self, limit: int) -> int:
        return int(torch.randint(limit, (1,), generator=self.generator))

    def windows(self, count: int, frames: int) -> Batch:
        """`count` windows; an utterance is drawn as often as it is long."""
        long_enough = [u for u in self.utterances if u.frames >= frames]
        weights = torch.tensor([float(u.frames) for u in long_enough])
        picks = torch.multinomial(weights, count, generator=self.generator).tolist()
        chosen = [long_enough[index] for index in picks]
        return collate(chosen, [self._below(u.frames - frames + 1) for u in chosen], frames, self.device)

    def alike(self, count: int, limit: int) -> Batch:
        """`count` utterances of like length, cut to the shortest of them or to `limit` frames, at either end."""
        first = self._below(len(self.utterances) - NEIGHBOURS + 1)
        picks = torch.randperm(NEIGHBOURS, generator=self.generator)[:count].tolist()
        chosen = [self.utterances[first + index] for index in picks]
        frames = min(limit, min(u.frames for u in chosen))
        starts = [(u.frames - frames) * self._below(2) for u in chosen]
        return collate(chosen, starts, frames, self.device)
