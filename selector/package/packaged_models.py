"""Reads a target's model files whole and checks them, before anything of the package is written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import onnx

from export_onnx import contracts
from export_onnx.errors import PackageError
from export_onnx.graph.shared_weights import WEIGHTS_FILE
from export_onnx.provenance import sha256
from selector.package.manifest import BucketContract
from selector.package.receipts import digest

MODELS: Final = "models"  # the folder inside a package
TYPED_DATA: Final = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data")


def read_models(buckets: Sequence[BucketContract], source: Path) -> dict[str, bytes]:
    """Reads every model of a target as it is packaged, by its path in the package.

    Args:
        buckets: have the models' paths in the package.
        source: the folder of the quantized models and of their `weights.bin`.

    Raises:
        PackageError: as in `read_model`.
    """
    names = [path for bucket in buckets for path in bucket.models.values()]
    return {path: read_model(source / Path(path).name, source / WEIGHTS_FILE) for path in names}


def models_by_stage(buckets: Sequence[BucketContract], models: Mapping[str, bytes]) -> dict[str, dict[str, bytes]]:
    """Stage -> bucket -> ONNX file, in the order of the chain.

    Args:
        models: ONNX files by their path in the package, as `read_models` gives them.
    """
    return {stage.name: {b.name: models[b.models[stage.name]] for b in buckets} for stage in contracts.STAGES}


def digest_of_models(models: Mapping[str, bytes], source: Path) -> str:
    """`receipts.models_digest` of the package that these models make.

    Args:
        models: as in `models_by_stage`.
        source: the folder of their `weights.bin`.
    """
    hashes = {path: hashlib.sha256(content).hexdigest() for path, content in models.items()}
    return digest(hashes | {f"{MODELS}/{WEIGHTS_FILE}": sha256(source / WEIGHTS_FILE)})


def read_model(file: Path, weights: Path) -> bytes:
    """Reads a model as it is packaged, and checks that all its external tensors are in `weights.bin`.

    If a tensor is stored in `weights.bin` and also has its values inside, which ONNX's checker refuses, the latter are
    left out.

    Raises:
        PackageError: the model is missing or truncated, or has tensors in another file.
    """
    try:
        content = file.read_bytes()
        model = onnx.load_from_string(content)
        size = weights.stat().st_size
    except Exception as error:  # protobuf, onnx and the file system raise a dozen kinds; all mean this
        raise _broken(file, error) from error
    twice = False
    for tensor in model.graph.initializer:
        place = {entry.key: entry.value for entry in tensor.external_data}
        if not place:
            continue
        if place["location"] != weights.name or int(place["offset"]) + int(place["length"]) > size:
            raise PackageError(
                f"{file}, tensor {tensor.name}",
                expected=f"data inside the {size} bytes of {weights.name}",
                got=str(place)[:120],
                todo="Quantize again.",
            )
        for name in (name for name in TYPED_DATA if len(getattr(tensor, name))):
            tensor.ClearField(name)
            twice = True
    return model.SerializeToString(deterministic=True) if twice else content


def check_models(folder: Path, buckets: Sequence[BucketContract]) -> None:
    """Runs ONNX's own checker on every packaged model, with its weights beside it.

    Raises:
        PackageError: the checker refuses a model.
    """
    for name in (name for bucket in buckets for name in bucket.models.values()):
        try:
            onnx.checker.check_model(str(folder / name))
        except Exception as error:  # as above
            raise _broken(Path(name), error) from error


def _broken(file: Path, error: Exception) -> PackageError:
    got = f"{type(error).__name__}: {error}"[:160]
    return PackageError(str(file), expected="a whole ONNX model", got=got, todo="Quantize again.")
