"""Builds the original `kokoro.KModel` with untrained weights from a config, at any width.

`KModel.__init__` cannot be used for this: it downloads, it loads weights with `strict=False`, and its decoder's
widths (1024, 64, four blocks) are written into the code. `build` makes the same tree from the same classes, so the
original `forward` runs unchanged and stays the reference. A test compares it with `KModel`'s own constructor.

A config without the key `decoder` is the original's. With it, the decoder is narrower:
`"decoder": {"hidden": 1024, "residual": 64, "blocks": 4}` are the original's values.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import torch
from kokoro.istftnet import AdainResBlk1d, Decoder, Generator
from kokoro.model import KModel
from kokoro.modules import CustomAlbert, ProsodyPredictor, TextEncoder
from torch.nn.utils import weight_norm
from transformers import AlbertConfig

from export_onnx import geometry
from export_onnx.checkpoint.impostors import refuse_impostor
from export_onnx.contracts import ORIGINAL_DECODER
from export_onnx.errors import WeightsError

Config = dict[str, Any]

STYLE_HALF: Final = 128  # KModel.forward splits the voice row here: timbre before, prosody behind

# The values that the other steps rely on, by config path.
REQUIRED: Final[dict[str, Any]] = {
    "style_dim": STYLE_HALF,
    "istftnet.upsample_rates": list(geometry.UPSAMPLE_RATES),
    "istftnet.upsample_kernel_sizes": [2 * rate for rate in geometry.UPSAMPLE_RATES],
    "istftnet.gen_istft_n_fft": geometry.N_FFT,
    "istftnet.gen_istft_hop_size": geometry.HOP,
    "plbert.max_position_embeddings": geometry.MAX_TOKENS,
}


def load_architecture(name: str) -> Config:
    """The config that the project ships under `architectures/`: `kokoro-82m` or `small`."""
    text = files("export_onnx.checkpoint").joinpath("architectures", f"{name}.json").read_text(encoding="utf-8")
    config: Config = json.loads(text)
    return config


def read_config(file: Path) -> Config:
    """Reads a checkpoint's `config.json`; `check_config` judges its content.

    Raises:
        WeightsError: missing, or no JSON object.
    """
    refuse_impostor(file, "a JSON object")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(
            str(file),
            expected="a JSON object",
            got=str(error)[:100],
            todo="A checkpoint's folder holds config.json, one *.pth and voices/: check the path, or restore the file.",
        ) from error
    if not isinstance(config, dict):
        raise WeightsError(str(file), expected="a JSON object", got=type(config).__name__, todo="Restore it.")
    return config


def check_config(config: Config, where: str) -> None:
    """Refuses a config that does not fit the geometry, the stages or the vocabulary.

    Raises:
        WeightsError: a key is missing or has another value than the geometry's.
    """
    for path, expected in REQUIRED.items():
        got: Any = config
        for key in path.split("."):
            got = got.get(key, "nothing") if isinstance(got, dict) else "nothing"
        if got != expected:
            raise WeightsError(
                f"{where}, key {path}",
                expected=str(expected),
                got=str(got),
                todo="This pipeline serves Kokoro's 24 kHz geometry only; use a checkpoint of that family.",
            )
    for key in (
        "hidden_dim",
        "n_layer",
        "n_token",
        "max_dur",
        "n_mels",
        "dropout",
        "text_encoder_kernel_size",
    ):
        if not isinstance(config.get(key), int | float):
            raise WeightsError(
                f"{where}, key {key}",
                expected="a number",
                got=repr(config.get(key)),
                todo="Restore config.json.",
            )
    vocab = config.get("vocab")
    if not isinstance(vocab, dict) or not vocab:
        raise WeightsError(
            f"{where}, key vocab", expected="symbol -> id", got=repr(vocab)[:60], todo="Restore config.json."
        )
    wrong = {s: i for s, i in vocab.items() if not (isinstance(i, int) and 0 < i < config["n_token"])}
    if wrong or any(len(symbol) != 1 for symbol in vocab):
        raise WeightsError(
            f"{where}, key vocab",
            expected=f"one-character symbols with ids 1 to {config['n_token'] - 1}",
            got=str(wrong or [s for s in vocab if len(s) != 1])[:80],
            todo="Restore config.json.",
        )


def build_decoder(config: Config) -> Decoder:
    """The original `Decoder`, with the config's widths in place of its fixed ones."""
    widths = {**ORIGINAL_DECODER, **config.get("decoder", {})}
    hidden, residual, blocks = widths["hidden"], widths["residual"], widths["blocks"]
    text, style = config["hidden_dim"], config["style_dim"]
    joined = hidden + 2 + residual  # features, F0 and energy, the text's shortcut
    decoder = Decoder.__new__(Decoder)
    torch.nn.Module.__init__(decoder)
    decoder.encode = AdainResBlk1d(text + 2, hidden, style)
    decoder.decode = torch.nn.ModuleList(AdainResBlk1d(joined, hidden, style) for _ in range(blocks - 1))
    last = config["istftnet"]["upsample_initial_channel"]
    decoder.decode.append(AdainResBlk1d(joined, last, style, upsample=True))
    decoder.F0_conv = weight_norm(torch.nn.Conv1d(1, 1, kernel_size=3, stride=2, padding=1))
    decoder.N_conv = weight_norm(torch.nn.Conv1d(1, 1, kernel_size=3, stride=2, padding=1))
    decoder.asr_res = torch.nn.Sequential(weight_norm(torch.nn.Conv1d(text, residual, kernel_size=1)))
    decoder.generator = Generator(style_dim=style, **config["istftnet"])
    return decoder


def build(config: Config, where: str = "config.json") -> KModel:
    """The original model with untrained weights, in evaluation mode.

    Args:
        config: as in the checkpoint's `config.json`; checked first.
        where: named in errors.
    """
    check_config(config, where)
    model = KModel.__new__(KModel)
    torch.nn.Module.__init__(model)
    model.repo_id = where
    model.vocab = config["vocab"]
    model.bert = CustomAlbert(AlbertConfig(vocab_size=config["n_token"], **config["plbert"]))
    model.bert_encoder = torch.nn.Linear(model.bert.config.hidden_size, config["hidden_dim"])
    model.context_length = model.bert.config.max_position_embeddings
    model.predictor = ProsodyPredictor(
        style_dim=config["style_dim"],
        d_hid=config["hidden_dim"],
        nlayers=config["n_layer"],
        max_dur=config["max_dur"],
        dropout=config["dropout"],
    )
    model.text_encoder = TextEncoder(
        channels=config["hidden_dim"],
        kernel_size=config["text_encoder_kernel_size"],
        depth=config["n_layer"],
        n_symbols=config["n_token"],
    )
    model.decoder = build_decoder(config)
    return model.eval()
