"""The original model, run at its natural length, with its randomness and its source handed in.

Everything here calls the untouched `kokoro` modules: this is what each stage is compared with.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from kokoro.model import KModel
from torch import Tensor

from export_onnx.checkpoint.architecture import STYLE_HALF


@dataclass(frozen=True)
class OriginalSpeech:
    """What the original hands from part to part for one text; f = its frames, n = its tokens."""

    d_en: Tensor  # [1, hidden, n]
    unrounded: Tensor  # [1, n], what frames_per_token is rounded from
    frames_per_token: Tensor  # [1, n] int64
    d: Tensor  # [1, hidden + style, n]
    t_en: Tensor  # [1, hidden, n]
    asr: Tensor  # [1, hidden, f]
    f0: Tensor  # [1, 2 f]
    energy: Tensor  # [1, 2 f]
    har: Tensor  # [1, 22, 120 f + 1]
    waveform: Tensor  # [1, 600 f]


@dataclass(frozen=True)
class OriginalDurations:
    """What the original knows of one text before any frame exists; n = its tokens."""

    d_en: Tensor  # [1, hidden, n]
    d: Tensor  # [1, n, hidden + style]
    unrounded: Tensor  # [1, n]
    frames_per_token: Tensor  # [1, n] int64


@contextmanager
def _draws(gaussians: Tensor) -> Iterator[None]:
    """While open, the source's nine Gaussians a sample are `gaussians`, [1, 600 f, 9]."""
    original = torch.randn_like

    def randn_like(x: Tensor) -> Tensor:
        return gaussians.to(x.dtype) if x.shape == gaussians.shape else original(x)

    torch.randn_like = randn_like  # type: ignore[assignment]  # a function of torch, restored below
    try:
        yield
    finally:
        torch.randn_like = original


def merged_noise(model: KModel, gaussians: Tensor) -> Tensor:
    """The one Gaussian a sample that stands for the nine: [1, L, 9] -> [1, L]."""
    weight = model.decoder.generator.m_source.l_linear.weight.detach().reshape(-1)
    return gaussians @ weight / weight.norm()


@torch.no_grad()
def source(model: KModel, f0: Tensor, gaussians: Tensor) -> Tensor:
    """f0 [1, 2 f] -> har [1, 22, 120 f + 1], with the draws given."""
    generator = model.decoder.generator
    held = generator.f0_upsamp(f0[:, None]).transpose(1, 2)
    with _draws(gaussians):
        excitation, _, _ = generator.m_source(held)
    magnitude, phase = generator.stft.transform(excitation.transpose(1, 2).squeeze(1))
    return torch.cat([magnitude, phase], 1)


@torch.no_grad()
def decode(
    model: KModel, asr: Tensor, f0: Tensor, energy: Tensor, har: Tensor, timbre: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The decoder on a given source: features [1, channels, 2 f] as they enter the generator, spectrum
    [1, 22, 120 f + 1] before exp and sin, waveform [1, 600 f]."""
    generator = model.decoder.generator
    captured: list[Tensor] = []
    half = har.shape[1] // 2
    hooks = [
        generator.register_forward_pre_hook(lambda _m, inputs: captured.append(inputs[0])),
        generator.conv_post.register_forward_hook(lambda _m, _i, out: captured.append(out)),
    ]
    generator.stft.transform = lambda _waveform: (har[:, :half], har[:, half:])
    try:
        waveform = model.decoder(asr, f0, energy, timbre)
    finally:
        for hook in hooks:
            hook.remove()
        del generator.stft.transform
    features, spectrum = captured
    return features, spectrum, waveform.reshape(1, -1)


@torch.no_grad()
def speak_original(model: KModel, ids: Tensor, style: Tensor, speed: float, gaussians_seed: int = 0) -> OriginalSpeech:
    """The whole original for ids [1, n] (pads included) and a voice row [1, 256].

    The steps are those of `KModel.forward_with_tokens`; a test holds the two against each other, bit by bit.
    """
    n = ids.shape[1]
    length, mask = torch.tensor([n]), torch.zeros(1, n, dtype=torch.bool)
    timbre, prosody = style[:, :STYLE_HALF], style[:, STYLE_HALF:]
    durations = read_durations(model, ids, style, speed)
    d, frames, predictor = durations.d, durations.frames_per_token, model.predictor
    token = torch.repeat_interleave(torch.arange(n), frames[0])
    alignment = torch.nn.functional.one_hot(token, n).T.float().unsqueeze(0)  # [1, n, f]
    f0, energy = predictor.F0Ntrain(d.transpose(-1, -2) @ alignment, prosody)
    t_en = model.text_encoder(ids, length, mask)
    asr = t_en @ alignment
    har = source(model, f0, gaussians(model, asr.shape[2], gaussians_seed))
    _, _, waveform = decode(model, asr, f0, energy, har, timbre)
    return OriginalSpeech(
        durations.d_en, durations.unrounded, frames, d.transpose(-1, -2), t_en, asr, f0, energy, har, waveform
    )


@torch.no_grad()
def read_durations(model: KModel, ids: Tensor, style: Tensor, speed: float) -> OriginalDurations:
    """How long the original speaks each token of ids [1, n], pads included, in a voice row [1, 256]."""
    n, prosody, predictor = ids.shape[1], style[:, STYLE_HALF:], model.predictor
    length, mask = torch.tensor([n]), torch.zeros(1, n, dtype=torch.bool)
    d_en = model.bert_encoder(model.bert(ids, attention_mask=(~mask).int())).transpose(-1, -2)
    d = predictor.text_encoder(d_en, prosody, length, mask)
    x, _ = predictor.lstm(d)
    unrounded = torch.sigmoid(predictor.duration_proj(x)).sum(-1) / speed
    return OriginalDurations(d_en, d, unrounded, torch.round(unrounded).clamp(min=1).long())


def gaussians(model: KModel, frames: int, seed: int) -> Tensor:
    """Seeded draws for `source`: [1, 600 * frames, 9]."""
    m_source = model.decoder.generator.m_source
    shape = (1, frames * int(m_source.l_sin_gen.upsample_scale) * 2, m_source.l_sin_gen.dim)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
