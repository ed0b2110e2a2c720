"""What a folder of models weighs, by stage and by the form that its weights are stored in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import onnx
from onnx import TensorProto

FORMS: Final = {
    TensorProto.FLOAT: "float32",
    TensorProto.INT16: "int16",
    TensorProto.INT8: "int8",
    TensorProto.UINT8: "uint8",
    TensorProto.INT32: "int32",  # biases
    TensorProto.INT64: "int64",
}
NIBBLES: Final = ".nibbles.uint8"  # `compact.py`'s name for the lower third of 12 bits


def megabytes_by_stage(folder: Path, stages: Sequence[str], buckets: Sequence[str]) -> dict[str, dict[str, float]]:
    """Stage -> form -> MB in `weights.bin`, of all buckets together; `graph` is what the ONNX files themselves take.

    Weights that buckets or stages share are counted once, where they are met first.
    """
    taken: set[int] = set()
    result: dict[str, dict[str, float]] = {}
    for stage in stages:
        row: dict[str, int] = {}
        for bucket in buckets:
            path = folder / f"{stage}_{bucket}.onnx"
            row["graph"] = row.get("graph", 0) + path.stat().st_size
            tensors = onnx.load(path, load_external_data=False).graph.initializer
            halves = {t.name.removesuffix(NIBBLES) for t in tensors if t.name.endswith(NIBBLES)}
            for tensor in tensors:
                place = {entry.key: entry.value for entry in tensor.external_data}
                if not place or int(place["offset"]) in taken:
                    continue
                taken.add(int(place["offset"]))
                form = _form(tensor, halves)
                row[form] = row.get(form, 0) + int(place["length"])
        result[stage] = {form: round(size / 1e6, 3) for form, size in row.items()}
    return result


def _form(tensor: onnx.TensorProto, halves: set[str]) -> str:
    packed = tensor.name.endswith(NIBBLES) or tensor.name.removesuffix(".int8") in halves
    return "int12" if packed else FORMS.get(tensor.data_type, TensorProto.DataType.Name(tensor.data_type).lower())


def totals(table: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Stage -> MB."""
    return {stage: round(sum(row.values()), 3) for stage, row in table.items()}
