"""Files of tensors into the original model: strictly, and never as code."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any, Final

import torch
from kokoro.model import KModel
from torch import Tensor

from export_onnx.errors import WeightsError

PARTS: Final = ("bert", "bert_encoder", "predictor", "text_encoder", "decoder")


def load_tensors(file: Path) -> Any:
    """What `torch.save` wrote, if it is tensors and nothing else.

    Raises:
        WeightsError: damaged, or a pickle that wants to run code.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of odd pickles, and then refuses them
            return torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        code = "weights_only" in str(error) or "Unsupported" in str(error)
        raise WeightsError(
            str(file),
            expected="a torch file that holds tensors only",
            got="a pickle that wants to run code" if code else f"{type(error).__name__}: {str(error)[:80]}",
            todo="Do not trust this file; get the original." if code else "The file is damaged; get it again.",
        ) from error


def load_state(model: KModel, state: Any, where: Path) -> None:
    """Every tensor of the file into the model: none missing, none extra, none of another shape.

    Raises:
        WeightsError: names the tensor.
    """
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
        theirs = {key.removeprefix("module."): value for key, value in state[part].items()}
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
