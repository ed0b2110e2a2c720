"""The size of a folder of models, by stage and by the form in which its weights are stored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import onnx
from onnx import TensorProto

from quantize.weights.packed_bits import LOW

ARCHITECTURE: Final = "kokoro-82m"

# MB of all buckets' models and the voices, at Kokoro-82M's architecture. A goal that is missed is reported.
GOALS_MB: Final = {"nnapi": 110.0, "qnn": 110.0, "cpu": 100.0}

FORMS: Final[dict[int, str]] = {
    TensorProto.FLOAT: "float32",
    TensorProto.INT16: "int16",
    TensorProto.INT8: "int8",
    TensorProto.UINT8: "uint8",
    TensorProto.INT32: "int32",  # biases
    TensorProto.INT64: "int64",
}
PACKED: Final = {LOW.format(4): "int12", LOW.format(2): "int10"}  # by the name of the tensor of their lowest bits


def megabytes_by_stage(folder: Path, stages: Sequence[str], buckets: Sequence[str]) -> dict[str, dict[str, float]]:
    """Stage -> form -> MB in `weights.bin`, of all buckets together; `graph` is the size of the ONNX files themselves.

    Weights that buckets or stages share are counted once, for the first stage that has them.
    """
    taken: set[int] = set()
    result: dict[str, dict[str, float]] = {}
    for stage in stages:
        row: dict[str, int] = {}
        for bucket in buckets:
            path = folder / f"{stage}_{bucket}.onnx"
            row["graph"] = row.get("graph", 0) + path.stat().st_size
            tensors = onnx.load(path, load_external_data=False).graph.initializer
            packed = {
                t.name.removesuffix(end): form for t in tensors for end, form in PACKED.items() if t.name.endswith(end)
            }
            for tensor in tensors:
                place = {entry.key: entry.value for entry in tensor.external_data}
                if not place or int(place["offset"]) in taken:
                    continue
                taken.add(int(place["offset"]))
                form = _form(tensor, packed)
                row[form] = row.get(form, 0) + int(place["length"])
        result[stage] = {form: round(size / 1e6, 3) for form, size in row.items()}
    return result


def _form(tensor: onnx.TensorProto, packed: Mapping[str, str]) -> str:
    for end in (*PACKED, ".int8"):
        if (name := tensor.name.removesuffix(end)) in packed and name != tensor.name:
            return packed[name]
    return FORMS.get(tensor.data_type, TensorProto.DataType.Name(tensor.data_type).lower())


def size_goal(target: str, megabytes: float, source: Path, complete: bool) -> dict[str, Any] | None:
    """The goal and the measured size; None if there are other weights or fewer buckets than the goal is for.

    Args:
        megabytes: of the target's folder of models.
        source: the export step's folder, with the weights' config and the voices that ship.
        complete: whether the folder has all buckets of the target.
    """
    from export_onnx.checkpoint.architecture import load_architecture  # slow to import

    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    meant = load_architecture(ARCHITECTURE)
    if not complete or any(config.get(key) != value for key, value in meant.items() if key != "vocab"):
        return None
    voices = sum(file.stat().st_size for file in (source / "voices").glob("*.npy")) / 1e6
    total = round(megabytes + voices, 1)
    return {"goal": GOALS_MB[target], "with_voices": total, "met": total <= GOALS_MB[target]}


def totals(table: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Stage -> MB, of all forms together."""
    return {stage: round(sum(row.values()), 3) for stage, row in table.items()}
