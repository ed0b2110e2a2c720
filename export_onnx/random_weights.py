"""A seeded checkpoint in the original's format: files, not a shortcut past the loader.

The widths are the config's; the values are drawn so that the graph works as a trained one does in what matters for
shapes and numerics: about 2.3 frames a token, F0 around 150 Hz, Snake frequencies that differ.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import torch

from export_onnx.architecture import STYLE_HALF, Config, build
from export_onnx.geometry import MAX_PHONEMES

SEED: Final = 0
VOICES: Final = ("random_a", "random_b")
DURATION_BIAS: Final = -3.0  # 50 sigmoids of about -3 sum to 2.4 frames
F0_BIAS: Final = 150.0  # Hz


def write_random_checkpoint(folder: Path, config: Config) -> None:
    """`config.json`, `kokoro-random.pth` (with the original's `module.` prefix) and `voices/*.pt` into `folder`."""
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        model = build(config)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if ".alpha" in name:
                    parameter.uniform_(0.5, 2.0)
            model.predictor.duration_proj.linear_layer.bias.fill_(DURATION_BIAS)
            model.predictor.duration_proj.linear_layer.weight.mul_(3)
            model.predictor.F0_proj.bias.fill_(F0_BIAS)
            model.predictor.F0_proj.weight.mul_(30)
        voices = {name: torch.randn(MAX_PHONEMES, 1, 2 * STYLE_HALF) * 0.2 for name in VOICES}
    state = {
        part: {
            f"module.{k}": v
            for k, v in module.state_dict().items()
            if not k.endswith((".norm.weight", ".norm.bias"))
        }
        for part, module in model.named_children()
    }
    (folder / "voices").mkdir(parents=True, exist_ok=True)
    torch.save(state, folder / "kokoro-random.pth")
    for name, voice in voices.items():
        torch.save(voice, folder / "voices" / f"{name}.pt")
    # Last: its presence says that the folder is complete.
    (folder / "config.json").write_text(
        json.dumps(config, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
