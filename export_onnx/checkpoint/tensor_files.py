"""Loads files of tensors into the original model, strictly and without running code from them.

It reads `torch.save`'s files (`.pth`) and safetensors, whose keys are `<part>.<name>`. It reads both spellings of
weight norm: `weight_g`, `weight_v`, and torch's newer `parametrizations.weight.original0`, `.original1`.
"""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any, Final

import safetensors.torch
import torch
from kokoro.model import KModel
from safetensors import SafetensorError
from torch import Tensor

from export_onnx.checkpoint.impostors import refuse_impostor
from export_onnx.errors import WeightsError

PARTS: Final = ("bert", "bert_encoder", "predictor", "text_encoder", "decoder")
PARAMETRIZED: Final = {  # torch.nn.utils.parametrizations.weight_norm -> torch.nn.utils.weight_norm; equal shapes
    ".parametrizations.weight.original0": ".weight_g",
    ".parametrizations.weight.original1": ".weight_v",
}
STYLETTS2: Final = "net"  # the key under which StyleTTS 2's training, and so Kokoro v0.19, keeps the parts


def load_tensors(file: Path) -> Any:
    """The content of a `torch.save` file, if it is tensors and nothing else; or of a safetensors file, by part.

    Raises:
        WeightsError: the file is damaged, of another kind, or a pickle that would run code.
    """
    refuse_impostor(file, "a file of tensors")
    try:
        if file.suffix == ".safetensors":
            return by_part(safetensors.torch.load_file(file))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of odd pickles, and then refuses them
            return torch.load(file, map_location="cpu", weights_only=True)
    except (
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
        KeyError,
        pickle.UnpicklingError,
        SafetensorError,
    ) as error:
        code = "weights_only" in str(error) or "Unsupported" in str(error)
        raise WeightsError(
            str(file),
            expected="a file that holds tensors only",
            got="a pickle that wants to run code" if code else f"{type(error).__name__}: {str(error)[:80]}",
            todo="Do not trust this file; get the original." if code else "The file is damaged; get it again.",
        ) from error


def by_part(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Sorts tensors named `<part>.<name>` into part -> name."""
    parts: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        part, _, name = key.partition(".")
        parts.setdefault(part, {})[name] = value
    return parts


def load_state(model: KModel, state: Any, where: Path) -> None:
    """Loads every tensor of the file into the model: none missing, none extra, none of another shape.

    Raises:
        WeightsError: a tensor is missing, extra, wrongly shaped or not finite; the error names it.
    """
    if isinstance(state, dict) and STYLETTS2 in state:
        raise WeightsError(
            str(where),
            expected="Kokoro v1.0's layout: the parts at the top level",
            got=f"StyleTTS 2's layout, as of Kokoro v0.19: the parts under the key {STYLETTS2!r}",
            todo="v0.19 has other weights and other voices (511 rows): get v1.0's checkpoint. For a fine-tune of v1.0, "
            f"save what lies under {STYLETTS2!r} as a file of its own.",
        )
    if not isinstance(state, dict) or set(state) != set(PARTS) or not all(isinstance(p, dict) for p in state.values()):
        got = sorted(state) if isinstance(state, dict) else type(state).__name__
        raise WeightsError(
            str(where),
            expected=f"the parts {', '.join(PARTS)}",
            got=str(got)[:120],
            todo="Get the original file.",
        )
    for part in PARTS:
        ours = getattr(model, part).state_dict()
        theirs = {_as_ours(key): value for key, value in state[part].items()}
        for key in [k for k in theirs if k == "embeddings.position_ids"]:
            del theirs[key]  # written by older transformers; a constant there and here
        for key, value in ours.items():
            if key.endswith((".norm.weight", ".norm.bias")) and key not in theirs:
                theirs[key] = value  # InstanceNorm's affine part, which training never had: stays 1 and 0
        for key in sorted(set(ours) | set(theirs)):
            expected = str(list(ours[key].shape)) if key in ours else "no such tensor"
            found = theirs.get(key)
            got = "nothing" if found is None else str(list(found.shape)) if isinstance(found, Tensor) else "no tensor"
            if expected != got:
                raise WeightsError(
                    f"{where}, tensor {part}.{key}",
                    expected=expected,
                    got=got,
                    todo="The checkpoint and config.json do not belong together; get both from one source.",
                )
            if not torch.isfinite(theirs[key]).all():
                raise WeightsError(
                    f"{where}, tensor {part}.{key}",
                    expected="finite numbers",
                    got="NaN or infinity",
                    todo="Get it again.",
                )
        getattr(model, part).load_state_dict(theirs)


def _as_ours(key: str) -> str:
    """The original's name: without `module.`, with weight norm's older spelling."""
    key = key.removeprefix("module.")
    for theirs, ours in PARAMETRIZED.items():
        if key.endswith(theirs):
            return key.removesuffix(theirs) + ours
    return key
