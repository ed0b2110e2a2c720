"""Writes a seeded random checkpoint in the original's format, as files that the ordinary loader reads.

The widths are the config's. The values are drawn so that shapes and numerics are like a trained model's: about 2.3
frames per token, F0 around 150 Hz, Snake frequencies that differ.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import torch
from kokoro.model import KModel

from export_onnx.checkpoint.architecture import STYLE_HALF, Config, build
from export_onnx.geometry import MAX_PHONEMES

SEED: Final = 0
VOICES: Final = ("random_a", "random_b")
DURATION_LOGITS: Final = (-3.1, 0.5)  # mean and deviation over tokens: 50 sigmoids sum to about 2.4 frames
F0_HZ: Final = (150.0, 40.0)  # mean and deviation over time
PROBE: Final = "ðə kwˈɪk bɹˈWn fˈɑks ʤˈʌmps ˈOvəɹ ðə lˈAzi dˈɔɡ, ænd ðə dˈɔɡ slˈips."  # phonemes


def _aim(weight: torch.Tensor, bias: torch.Tensor, x: torch.Tensor, aim: tuple[float, float]) -> None:
    """Scales a linear layer so that its outputs for x [n, C] have the mean and deviation of `aim` over n.

    All of its outputs read one direction, or their sum would hardly vary.
    """
    row = weight.reshape(len(weight), -1)[0].clone()
    made = x @ row
    scale = aim[1] / made.std()
    weight.copy_((row * scale).reshape(1, *weight.shape[1:]).expand_as(weight))
    bias.fill_(float(aim[0] - scale * made.mean()))


def _aim_predictor(model: KModel, style: torch.Tensor) -> None:
    """Scales durations and F0 into the range of speech, on one sentence."""
    ids = torch.tensor([[model.vocab.get(symbol, 1) for symbol in PROBE]])
    length, mask = torch.tensor([ids.shape[1]]), torch.zeros(ids.shape, dtype=torch.bool)
    predictor = model.predictor
    d = predictor.text_encoder(model.bert_encoder(model.bert(ids)).transpose(1, 2), style, length, mask)
    _aim(
        predictor.duration_proj.linear_layer.weight,
        predictor.duration_proj.linear_layer.bias,
        predictor.lstm(d)[0][0],
        DURATION_LOGITS,
    )
    x = predictor.shared(d.repeat_interleave(3, 1))[0].transpose(1, 2)
    for block in predictor.F0:
        x = block(x, style)
    _aim(predictor.F0_proj.weight, predictor.F0_proj.bias, x[0].T, F0_HZ)


def write_random_checkpoint(folder: Path, config: Config) -> None:
    """`config.json`, `kokoro-random.pth` (with the original's `module.` prefix) and `voices/*.pt` into `folder`."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(SEED)
        model = build(config).requires_grad_(False)
        for name, parameter in model.named_parameters():
            if ".alpha" in name:
                parameter.uniform_(0.5, 2.0)
        # As in real packs, a voice changes little from row to row. The voices are near each other, so that values
        # aimed at for one voice hold for all.
        width = 2 * STYLE_HALF
        person, own = torch.randn(1, 1, width) * 0.2, torch.randn(len(VOICES), 1, width) * 0.03
        voices = {n: person + own[i] + torch.randn(MAX_PHONEMES, 1, width) * 0.01 for i, n in enumerate(VOICES)}
        _aim_predictor(model, voices[VOICES[0]][len(PROBE) - 1, :, STYLE_HALF:])
    state = {
        part: {
            f"module.{k}": v for k, v in module.state_dict().items() if not k.endswith((".norm.weight", ".norm.bias"))
        }
        for part, module in model.named_children()
    }
    (folder / "voices").mkdir(parents=True, exist_ok=True)
    torch.save(state, folder / "kokoro-random.pth")
    for name, voice in voices.items():
        torch.save(voice, folder / "voices" / f"{name}.pt")
    # Last: its presence says that the folder is complete.
    (folder / "config.json").write_text(json.dumps(config, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
