"""The original as one ONNX file with a free length, the way upstream exports it; and its dynamic INT8.

Upstream's own recipe: `KModelForONNX`, with `disable_complex=True`, that is `kokoro.custom_stft` in place of
torch's STFT. The inverse that it computes is another one, so the graph is measured for its speed only. Run as a process
of its own: `python -m android_test.bench.original`.
"""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path
from typing import Final

import torch
from kokoro.custom_stft import CustomSTFT
from kokoro.model import KModel, KModelForONNX
from onnxruntime.quantization import QuantType, quantize_dynamic

from export_onnx import geometry
from export_onnx.checkpoint.weights import load_weights

OPSET: Final = 17
EXAMPLE_TOKENS: Final = 40


def export_original(model: KModel, style: torch.Tensor, path: Path) -> None:
    """input_ids [1, tokens] int64, style [1, 256], speed [1] -> waveform [samples], frames [tokens].

    `model` gets the other STFT.
    """
    model.decoder.generator.stft = CustomSTFT(geometry.N_FFT, geometry.HOP, geometry.N_FFT)
    ids = torch.randint(1, 100, (1, EXAMPLE_TOKENS), generator=torch.Generator().manual_seed(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer: upstream's code is not ours to change
        torch.onnx.export(
            KModelForONNX(model).eval(),
            (ids, style, torch.ones(1)),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["input_ids", "style", "speed"],
            output_names=["waveform", "frames"],
            dynamic_axes={"input_ids": {1: "tokens"}, "waveform": {0: "samples"}, "frames": {0: "tokens"}},
        )


def make(source: str, cache: Path, folder: Path) -> None:
    """`original.onnx` and `original_dynamic.onnx` in `folder`, written under other names until they are whole."""
    weights = load_weights(source, cache)
    style = next(iter(weights.voices.values()))[EXAMPLE_TOKENS - 3].reshape(1, -1)
    folder.mkdir(parents=True, exist_ok=True)
    work = folder / "original.onnx.part"
    export_original(weights.model, style, work)
    logging.getLogger().setLevel(logging.ERROR)
    quantize_dynamic(work, folder / "original_dynamic.onnx", weight_type=QuantType.QUInt8)
    work.rename(folder / "original.onnx")  # last: its presence says that both are there


if __name__ == "__main__":
    make(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
