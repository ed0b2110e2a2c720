"""The student: the original model at the demo's widths, the style map, and batched forwards for training.

`KModel.forward` takes one sentence and is not differentiable; the two functions here do the same steps for a batch
with the teacher's durations. The two halves share no weights: `prosody` trains bert, bert_encoder and predictor;
`vocode` trains text_encoder and decoder.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Final

import torch
from kokoro.istftnet import Decoder
from kokoro.model import KModel

from export_onnx.checkpoint.architecture import STYLE_HALF, Config, build
from export_onnx.demo_voice.trainer.espeak_voices import N_FEATURES
from export_onnx.demo_voice.trainer.signal_features import MELS

F0_SCALE: Final = 100.0  # Hz; the size of F0 values, where everything else in the model is about 1
WEIGHT_DECAY: Final = 0.01
SOURCE_WEIGHT: Final = 0.35  # of each of the 9 harmonics
MEAN_DURATION: Final = 3.2  # frames per symbol; where training starts


def load_config() -> Config:
    """The demo's `config.json`."""
    path = files("export_onnx.demo_voice").joinpath("checkpoint", "config.json")
    config: Config = json.loads(path.read_text(encoding="utf-8"))
    return config


class Student(torch.nn.Module):
    """The model, and two layers that only training needs.

    Attributes:
        style: settings -> style row; its rows are saved as voices.
        mel_head: the generator's input -> log mel. Without it the text's way to the sound leads through the whole
            generator, and is learned slowly.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.model: KModel = build(config)
        self.style = torch.nn.Linear(N_FEATURES, 2 * STYLE_HALF)
        torch.nn.init.normal_(self.style.weight, std=0.3)
        torch.nn.init.zeros_(self.style.bias)
        last = config["istftnet"]["upsample_initial_channel"]
        self.mel_head = torch.nn.Conv1d(last, MELS, kernel_size=1)
        start_near_speech(self.model)
        for name, parameter in self.model.named_parameters():
            if is_instance_norm_affine(name):
                parameter.requires_grad_(False)  # the real checkpoint has none: identity

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """Optimizer groups: the layers that touch F0 in hertz learn at the scale of their values."""
        groups: dict[float, list[torch.nn.Parameter]] = {1.0: [], F0_SCALE: [], 1 / F0_SCALE: []}
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                scale = F0_SCALE if "predictor.F0_proj" in name else 1.0
                scale = 1 / F0_SCALE if name.endswith("decoder.F0_conv.weight_g") else scale
                groups[scale].append(parameter)
        return [
            {"params": found, "lr": rate * scale, "scale": scale, "weight_decay": 0.01 / scale}
            for scale, found in groups.items()
        ]


def is_instance_norm_affine(name: str) -> bool:
    """Whether a parameter is the affine part of an AdaIN's InstanceNorm1d (`...norm.weight`, `...norm.bias`)."""
    parts = name.split(".")
    return parts[-2:] in (["norm", "weight"], ["norm", "bias"])


@torch.no_grad()
def start_near_speech(model: KModel) -> None:
    """Initial values at the size of the answers: 3 frames per symbol, F0 of 100 Hz, quiet spectra, a pulse train."""
    model.predictor.duration_proj.linear_layer.bias.fill_(
        float(torch.logit(torch.tensor(MEAN_DURATION / model.predictor.duration_proj.linear_layer.out_features)))
    )
    model.predictor.F0_proj.weight.mul_(F0_SCALE / 3)
    model.predictor.F0_proj.bias.fill_(F0_SCALE)
    model.decoder.F0_conv.weight_g.div_(F0_SCALE)
    bins = model.decoder.generator.post_n_fft // 2 + 1
    model.decoder.generator.conv_post.bias[:bins] = -3.0
    source = model.decoder.generator.m_source.l_linear  # the original's forward never trains it
    source.weight.fill_(SOURCE_WEIGHT)  # all harmonics in phase: a pulse, as from a throat
    source.bias.zero_()


def padding_mask(lengths: torch.Tensor) -> torch.Tensor:
    """`[B, T]`, true on padding, as the original calls its text mask."""
    return torch.arange(int(lengths.max()), device=lengths.device)[None] >= lengths[:, None]


def durations_and_features(
    model: KModel, ids: torch.Tensor, lengths: torch.Tensor, style: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Frames per token `[B, T]` (not rounded) and the features d `[B, T, hidden + 128]`.

    Args:
        ids: `[B, T]`, padded with 0.
        lengths: `[B]` tokens.
        style: `[B, 128]`, the prosody half.
    """
    mask = padding_mask(lengths)
    context = model.bert(ids, attention_mask=(~mask).int())
    d = model.predictor.text_encoder(model.bert_encoder(context).transpose(1, 2), style, lengths.cpu(), mask)
    packed = torch.nn.utils.rnn.pack_padded_sequence(d, lengths.cpu(), batch_first=True, enforce_sorted=False)
    x, _ = torch.nn.utils.rnn.pad_packed_sequence(model.predictor.lstm(packed)[0], batch_first=True)
    return torch.sigmoid(model.predictor.duration_proj(x)).sum(-1), d


def hold_features(features: torch.Tensor, durations: torch.Tensor, start: int, frames: int) -> torch.Tensor:
    """Repeat each token's features for its frames, and cut a window: `[T, C]`, `[T]` -> `[C, frames]`."""
    index = torch.repeat_interleave(torch.arange(len(durations), device=durations.device), durations)
    return features[index[start : start + frames]].transpose(0, 1)


def encode_text(model: KModel, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """`[B, T]` ids -> `[B, T, hidden]`, the decoder's features of the text."""
    encoded: torch.Tensor = model.text_encoder(ids, lengths.cpu(), padding_mask(lengths)).transpose(1, 2)
    return encoded


def decoder_front(
    decoder: Decoder, asr: torch.Tensor, f0: torch.Tensor, energy: torch.Tensor, style: torch.Tensor
) -> torch.Tensor:
    """The part of `Decoder.forward` before the generator.

    Args:
        asr: `[B, hidden, F]`.
        f0: `[B, 2 F]` Hz.
        energy: `[B, 2 F]`.
        style: `[B, 128]`, the timbre half.

    Returns:
        `[B, upsample_initial_channel, 2 F]`; `decoder.generator(x, style, f0)` makes audio of it.
    """
    curves = (decoder.F0_conv(f0[:, None]), decoder.N_conv(energy[:, None]))
    shortcut = decoder.asr_res(asr)
    x = decoder.encode(torch.cat([asr, *curves], dim=1), style)
    for block in decoder.decode:  # only the last one doubles the rate
        x = block(torch.cat([x, shortcut, *curves], dim=1), style)
    return x
