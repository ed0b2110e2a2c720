"""Reads the config and the original's checkpoint back from a published ONNX export of Kokoro (`.onnx`), strictly.

It reads kokoro-onnx's file with weights in 8 bits, and float files as torch's exporter and onnx-community write them.
Every tensor of the original must be found with its shape, and `RECOGNIZED` must explain every tensor that is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import torch

from export_onnx import geometry
from export_onnx.checkpoint.architecture import Config, build, load_architecture, read_config
from export_onnx.checkpoint.impostors import refuse_impostor
from export_onnx.checkpoint.onnx_constants import Array, Constants, by_end
from export_onnx.checkpoint.onnx_modules import State, read_modules
from export_onnx.errors import ContractError, WeightsError
from export_onnx.graph.shared_weights import load

KNOWN: Final = ("kokoro-82m", "small")  # architectures in this repository; any other needs a config.json
ONLY_KOKORO: Final = (
    "Only exports of Kokoro (KModelForONNX, kokoro-onnx) can be read back; other widths need their config.json beside."
)
COMPARED: Final = (".bias", "embedding.weight", "embeddings.weight")  # named in every export, never transposed
FEW: Final = geometry.N_FFT  # numbers; the smallest weight that is no bias has more


@dataclass(frozen=True)
class Recognized:
    """A kind of constant that exporters add and that is no weight."""

    why: str
    is_it: Callable[[str, Array, Constants, State], bool]  # name, value, the graph, what was read


RECOGNIZED: Final = (
    Recognized(
        "shapes, indices and masks are integers; scalars, Resize's scales, the harmonics and the window are few",
        lambda name, value, graph, state: value.dtype in (np.int64, np.int32, np.bool_) or value.size <= FEW,
    ),
    Recognized(
        "AdaLayerNorm normalizes with ones and zeros, and an LSTM starts from zeros",
        lambda name, value, graph, state: bool((value == value.flat[0]).all()),
    ),
    Recognized(
        "the STFT's Fourier tables are computed, not trained",
        lambda name, value, graph, state: "stft" in name,
    ),
    Recognized(
        "Snake divides by alpha: an optimizer stores 1 / alpha",
        lambda name, value, graph, state: any(
            np.array_equal(value, (1 / t).numpy())
            for key, t in state["decoder"].items()
            if ".alpha" in key and list(t.shape) == list(value.shape)
        ),
    ),
    Recognized(
        "ALBERT's one layer runs twelve times, and an export may hold a copy for each",
        lambda name, value, graph, state: any(
            tensor.dims == graph.stored[name].dims and np.array_equal(onnx.numpy_helper.to_array(tensor), value)
            for tensor in (graph.stored[taken] for taken in graph.taken)
        ),
    ),
)


@dataclass(frozen=True)
class Export:
    """The content of an `.onnx` file.

    Attributes:
        rounded: whether its weights were stored in 8 bits.
    """

    config: Config
    state: State
    rounded: bool


def read_export(file: Path) -> Export:
    """The checkpoint that an export was made from.

    Raises:
        WeightsError: the file is no export of Kokoro; the error names the first wrong tensor.
    """
    refuse_impostor(file, "an ONNX file")
    try:
        graph = Constants(load(file))
    except ContractError as error:
        raise WeightsError(str(file), expected="an ONNX file", got=error.got, todo="Get the file again.") from error
    config = _config(graph, file)
    with torch.device("meta"):
        model = build(config, str(file))
    state = read_modules(graph, model)
    _refuse_what_differs(state, model, file)
    _refuse_what_is_left(graph, state, file)
    return Export(config, state, graph.rounded)


def _config(graph: Constants, file: Path) -> Config:
    """The `config.json` beside the file, else the known architecture with the file's shapes."""
    beside = file.parent / "config.json"
    if beside.is_file():
        return read_config(beside)
    values = by_end(graph.named)
    others: list[str] = []
    for name in KNOWN:
        config = load_architecture(name)
        with torch.device("meta"):
            expected = {k: list(v.shape) for k, v in build(config).state_dict().items() if k.endswith(COMPARED)}
        got = {key: graph.shape(graph.named[values[key][0]]) for key in expected if key in values}
        others = [f"{key} of {shape}" for key, shape in got.items() if shape != expected[key]]
        if len(got) > len(expected) // 2 and not others:
            return config
        others = others or [f"{len(got)} of {len(expected)} names of its tensors"]
    raise WeightsError(str(file), expected=f"an export of Kokoro ({', '.join(KNOWN)})", got=others[0], todo=ONLY_KOKORO)


def _refuse_what_differs(state: State, model: torch.nn.Module, file: Path) -> None:
    """Refuses missing tensors and wrong shapes; InstanceNorm's untrained affine pair may be missing."""
    for key, expected in model.state_dict().items():
        part, _, name = key.partition(".")
        found = state[part].get(name)
        if found is None and key.endswith((".norm.weight", ".norm.bias")):
            continue
        got = "nothing under that name or module path" if found is None else str(list(found.shape))
        if got != str(list(expected.shape)):
            raise WeightsError(f"{file}, tensor {key}", expected=str(list(expected.shape)), got=got, todo=ONLY_KOKORO)


def _refuse_what_is_left(graph: Constants, state: State, file: Path) -> None:
    """Refuses a tensor that no module took and that `RECOGNIZED` does not explain."""
    for name in [n for n in graph.stored if n not in graph.taken]:
        value = onnx.numpy_helper.to_array(graph.stored[name])
        if not any(kind.is_it(name, value, graph, state) for kind in RECOGNIZED):
            raise WeightsError(
                f"{file}, tensor {name}",
                expected="only tensors of Kokoro's modules",
                got=f"{value.dtype} {list(value.shape)} that belongs to none",
                todo=ONLY_KOKORO,
            )
