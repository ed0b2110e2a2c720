"""ONNX files of all stages and buckets that share one copy of the weights, `weights.bin`.

Each distinct tensor of 1 KiB or more is stored once, identified by its bytes; large ones start on a page, so that a
runtime maps them instead of copying. The same models in the same order give the same bytes.

Files may be links, as in a copy made by `cp -al` or in a hub's cache. Reading follows them; writing makes new files, so
that other links to the old ones keep their content. onnx's own loader of external data refuses links, so it is not
used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import onnx
from onnx.external_data_helper import ExternalDataInfo, set_external_data, uses_external_data

from export_onnx.errors import ContractError

WEIGHTS_FILE: Final = "weights.bin"
INLINE_BELOW: Final = 1024  # bytes
PAGE: Final = 4096
PAGED_FROM: Final = 64 * 1024  # bytes; for smaller tensors, the padding to a page would cost more than it gains


class ModelFolder:
    """Writes models into one folder. It is a context manager; `weights.bin` is complete when it closes."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._offsets: dict[str, int] = {}
        self._file = new_file(folder / WEIGHTS_FILE).open("wb")

    def __enter__(self) -> ModelFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def save(self, model: onnx.ModelProto, name: str) -> Path:
        """Writes `<name>.onnx`, with its large tensors in `weights.bin`; `model` is not changed."""
        stored = onnx.ModelProto()
        stored.CopyFrom(model)
        for tensor in stored.graph.initializer:
            raw = _raw(tensor)
            if len(raw) >= INLINE_BELOW:
                _put_outside(tensor, self._place(raw), len(raw))
        path = new_file(self.folder / f"{name}.onnx")
        path.write_bytes(stored.SerializeToString(deterministic=True))
        return path

    def _place(self, raw: bytes) -> int:
        digest = hashlib.sha256(raw).hexdigest()
        if digest not in self._offsets:
            step = PAGE if len(raw) >= PAGED_FROM else 16
            self._file.write(b"\0" * (-self._file.tell() % step))
            self._offsets[digest] = self._file.tell()
            self._file.write(raw)
        return self._offsets[digest]


def stored_places(models: Iterable[Path]) -> dict[str, tuple[int, int]]:
    """Where `weights.bin` holds the tensors of some models in one folder: digest of the bytes -> offset and length.

    Raises:
        ContractError: a model or the `weights.bin` is missing or damaged.
    """
    places: dict[str, tuple[int, int]] = {}
    for path in models:
        try:
            outside = [t for t in onnx.load(path, load_external_data=False).graph.initializer if uses_external_data(t)]
            for tensor in outside:
                place = ExternalDataInfo(tensor)
                load_outside(tensor, path.parent)
                digest = hashlib.sha256(tensor.raw_data).hexdigest()
                places[digest] = (place.offset or 0, len(tensor.raw_data))
        except Exception as error:  # as `load`
            raise _no_model(path, error) from error
    return places


def save_sharing(model: onnx.ModelProto, path: Path, places: Mapping[str, tuple[int, int]]) -> int:
    """Writes a model whose tensors lie where `places` has their bytes; `model` is not changed.

    A tensor that `places` does not have stays inside the file, so that `weights.bin` is as other models know it.

    Args:
        places: of the `weights.bin` that the file will have beside it, from `stored_places`.

    Returns:
        The bytes of the large tensors that stayed inside.
    """
    stored, inside = onnx.ModelProto(), 0
    stored.CopyFrom(model)
    for tensor in stored.graph.initializer:
        raw = _raw(tensor)
        if len(raw) < INLINE_BELOW:
            continue
        place = places.get(hashlib.sha256(raw).hexdigest())
        if place is None:
            inside += len(raw)
        else:
            _put_outside(tensor, *place)
    new_file(path).write_bytes(stored.SerializeToString(deterministic=True))
    return inside


def _put_outside(tensor: onnx.TensorProto, offset: int, length: int) -> None:
    outside = onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims, raw_data=b"")
    set_external_data(outside, WEIGHTS_FILE, offset=offset, length=length)
    outside.ClearField("raw_data")
    tensor.CopyFrom(outside)  # the whole tensor: a quantizer's tensors have float_data, which must not stay


def _raw(tensor: onnx.TensorProto) -> bytes:
    if tensor.HasField("raw_data"):
        return bytes(tensor.raw_data)
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise ContractError(
            f"tensor {tensor.name}",
            expected="data in memory",
            got="external data",
            todo="Load the model with its data.",
        )
    return onnx.numpy_helper.to_array(tensor).tobytes()


def new_file(path: Path) -> Path:
    """Unlinks an old file at `path` and gives `path`, so that another link to the old file keeps its content."""
    path.unlink(missing_ok=True)
    return path


def load(path: Path) -> onnx.ModelProto:
    """Loads a model with its weights in memory.

    Raises:
        ContractError: the file or its `weights.bin` is missing or damaged.
    """
    try:
        model = onnx.load(path, load_external_data=False)
        for tensor in model.graph.initializer:
            load_outside(tensor, path.parent)
        return model
    except Exception as error:  # protobuf and onnx raise half a dozen kinds; all mean this
        raise _no_model(path, error) from error


def _no_model(path: Path, error: Exception) -> ContractError:
    got = f"{type(error).__name__}: {error}"[:200]
    return ContractError(str(path), expected="an ONNX model", got=got, todo="Make it again.")


def content_digest(path: Path) -> str:
    """Digest of a model with its weights; the same wherever in `weights.bin` they lie.

    Raises:
        ContractError: as `load`.
    """
    return hashlib.sha256(load(path).SerializeToString(deterministic=True)).hexdigest()


def load_outside(tensor: onnx.TensorProto, folder: Path) -> None:
    """Reads the tensor's bytes from the file beside the model, unless the tensor holds them itself.

    Raises:
        ValueError: the place is not a file in `folder`, or has fewer bytes.
        OSError: the file cannot be read.
    """
    if not uses_external_data(tensor):
        return
    place = ExternalDataInfo(tensor)
    if Path(place.location).name != place.location or place.location in ("", ".", ".."):
        raise ValueError(f"tensor {tensor.name} is stored in {place.location!r}, which is no file beside the model")
    with (folder / place.location).open("rb") as file:
        file.seek(place.offset or 0)
        raw = file.read(place.length if place.length is not None else -1)
    if place.length is not None and len(raw) != place.length:
        raise ValueError(f"tensor {tensor.name}: {len(raw)} of {place.length} bytes in {place.location}")
    tensor.raw_data = raw
    tensor.ClearField("external_data")
    tensor.data_location = onnx.TensorProto.DEFAULT
