"""The student's weights in the original's checkpoint format.

`config.json`, `demo.pth` (a dictionary of the five parts' state dicts) and `voices/<name>.pt`, each `[510, 1, 256]`.
Float16 on disk: halves the size, and is far finer than INT8.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch

from export_onnx.checkpoint.architecture import Config
from export_onnx.demo_voice.trainer.espeak_voices import VOICES
from export_onnx.demo_voice.trainer.student import is_instance_norm_affine
from export_onnx.geometry import MAX_PHONEMES

PARTS: Final = ("bert", "bert_encoder", "predictor", "text_encoder", "decoder")


def parts_of(student: Mapping[str, torch.Tensor]) -> dict[str, dict[str, torch.Tensor]]:
    """A student's state dict -> the original's five parts, float16, without the InstanceNorms' identity affine."""
    return {
        part: {
            name.removeprefix(f"model.{part}."): value.detach()
            .cpu()
            .to(torch.float16 if value.dtype.is_floating_point else value.dtype)
            for name, value in student.items()
            if name.startswith(f"model.{part}.") and not is_instance_norm_affine(name)
        }
        for part in PARTS
    }


def voice_packs(student: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Every voice's rows `[510, 1, 256]`; row n - 1 is for n phonemes."""
    weight, bias = student["style.weight"].detach().cpu().float(), student["style.bias"].detach().cpu().float()
    packs = {}
    for setting in VOICES:
        features = torch.tensor([setting.features(n) for n in range(1, MAX_PHONEMES + 1)])
        packs[setting.name] = (features @ weight.T + bias)[:, None].half()
    return packs


def write_checkpoint(student: Mapping[str, torch.Tensor], config: Config, folder: Path) -> None:
    """Writes config, weights and voices under `folder`."""
    (folder / "voices").mkdir(parents=True, exist_ok=True)
    text = json.dumps(config, indent=1, ensure_ascii=False) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")
    torch.save(parts_of(student), folder / "demo.pth")
    for name, pack in voice_packs(student).items():
        torch.save(pack, folder / "voices" / f"{name}.pt")
