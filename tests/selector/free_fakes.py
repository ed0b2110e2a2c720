"""The fake stages of `selector_fakes.py` with free lengths: the same sound from graphs without padding and masks."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto as T
from onnx import helper

from export_onnx import geometry

node = helper.make_node


def durations() -> list[Any]:
    """Whole frames per id, `least`, from `ids`, `prosody_style` and `speed`, with and without padding."""
    return [
        node("Cast", ["ids"], ["i"], to=T.FLOAT),
        node("Mod", ["i", "four"], ["rest"], fmod=1),
        node("Add", ["rest", "two"], ["base"]),
        node("Slice", ["prosody_style", "zero", "one_i", "one_i"], ["stretch"]),
        node("Add", ["stretch", "one"], ["factor"]),
        node("Mul", ["base", "factor"], ["long"]),
        node("Div", ["long", "speed"], ["scaled"]),
        node("Round", ["scaled"], ["whole"]),
        node("Max", ["whole", "one"], ["least"]),
    ]


def free_stages(
    sizes: dict[str, int], one_frame: np.ndarray, gain: np.float32
) -> dict[str, tuple[list[Any], dict[str, Any]]]:
    """Stage -> nodes and constants; `sizes` has the widths, `one_frame` a frame of the tone, [1, 600]."""
    return {
        "bert": (
            [
                node("Cast", ["ids"], ["i"], to=T.FLOAT),
                node("Unsqueeze", ["i", "axis"], ["row"]),
                node("Expand", ["row", "wide"], ["d_en"]),
            ],
            {"axis": [1], "wide": [1, 4, 1]},
        ),
        "duration": (
            [
                *durations(),
                node("Cast", ["least"], ["frames_per_token"], to=T.INT32),
                node("Identity", ["d_en"], ["t_en"]),
                node("Tile", ["d_en", "thirty_three"], ["d"]),
            ],
            {
                "four": np.float32(4),
                "two": np.float32(2),
                "one": np.float32(1),
                "zero": [0],
                "one_i": [1],
                "thirty_three": [1, 33, 1],
            },
        ),
        "prosody": (
            [
                node("ReduceSum", ["frames_per_token", "axis1"], ["n_frames"], keepdims=0),
                node("Squeeze", ["n_frames", "axis0"], ["n"]),
                node("Range", ["zero", "n", "one"], ["steps"]),
                node("CumSum", ["frames_per_token", "axis"], ["ends"]),
                node("Reshape", ["ends", "column"], ["ends_c"]),
                node("LessOrEqual", ["ends_c", "steps"], ["before"]),
                node("Cast", ["before"], ["before_i"], to=T.INT32),
                node("ReduceSum", ["before_i", "axis0"], ["token"], keepdims=0),
                node("Gather", ["t_en", "token"], ["asr"], axis=2),
                *_zeros("n_frames", "f0"),
                node("Identity", ["f0"], ["energy"]),
            ],
            {"axis1": [1], "axis0": [0], "axis": np.int32(1), "column": [-1, 1], "zero": np.int32(0)}
            | {"one": np.int32(1)}
            | _zeros_constants("f0", geometry.F0_PER_FRAME, 0, [1]),
        ),
        "source": (
            [
                node("Shape", ["f0"], ["shape"]),
                node("Slice", ["shape", "last", "behind"], ["half_frames"]),
                *_zeros("half_frames", "har"),
            ],
            {"last": [1], "behind": [2]}
            | _zeros_constants("har", geometry.STAGE1_PER_FRAME // geometry.F0_PER_FRAME, 1, [1, sizes["rows"]]),
        ),
        "style": (
            [node("Identity", ["level"], ["gains"]), node("Identity", ["level"], ["shifts"])],
            {"level": np.ones((1, sizes["norms"]), np.float32)},
        ),
        "decoder": (
            [
                node("Slice", ["asr", "zero", "one", "one"], ["first"]),
                *_held("first", "row", "1"),
                *_rows_below("row", "features"),
            ],
            {"zero": [0], "one": [1], "rest": np.zeros((1, sizes["features"] - 1, 1, 1), np.float32)}
            | _held_constants("1", geometry.F0_PER_FRAME, [1, 1, 1, -1]),
        ),
        "generator": (
            [
                node("Slice", ["features", "zero", "one", "one"], ["first"]),
                *_held("first", "row", "2"),
                node("Concat", ["row", "extra"], ["long"], axis=2),
                *_rows_below("long", "spectrum"),
            ],
            {"zero": [0], "one": [1], "rest": np.zeros((1, sizes["rows"] - 1, 1), np.float32)}
            | {"extra": np.zeros((1, 1, 1), np.float32)}
            | _held_constants("2", geometry.STAGE1_PER_FRAME // geometry.F0_PER_FRAME, [1, 1, -1]),
        ),
        "tail": (
            [
                node("Slice", ["spectrum", "begin", "end", "axes"], ["row"]),
                *_held("row", "level", "3"),
                node("Mul", ["level", "tone"], ["loud"]),
                node("Mul", ["loud", "gain"], ["by_frame"]),
                node("Reshape", ["by_frame", "flat"], ["waveform"]),
            ],
            {"begin": [0, 0], "end": [1, -1], "axes": [1, 2], "flat": [1, -1], "tone": one_frame, "gain": gain}
            | _held_constants("3", geometry.HOP, [-1, geometry.SAMPLES_PER_FRAME]),
        ),
    }


def _zeros(count: str, name: str) -> list[Any]:
    """`name` of zeros: the sizes before, then count * times + plus."""
    return [
        node("Cast", [count], [f"{name}.n"], to=T.INT64),
        node("Mul", [f"{name}.n", f"{name}.times"], [f"{name}.long"]),
        node("Add", [f"{name}.long", f"{name}.plus"], [f"{name}.longer"]),
        node("Concat", [f"{name}.before", f"{name}.longer"], [f"{name}.shape"], axis=0),
        node("ConstantOfShape", [f"{name}.shape"], [name]),
    ]


def _zeros_constants(name: str, times: int, plus: int, before: list[int]) -> dict[str, Any]:
    return {f"{name}.times": [times], f"{name}.plus": [plus], f"{name}.before": before}


def _held(source: str, target: str, key: str) -> list[Any]:
    """Each step of `source` repeated."""
    return [
        node("Reshape", [source, f"split{key}"], [f"each{key}"]),
        node("Expand", [f"each{key}", f"held{key}"], [f"wide{key}"]),
        node("Reshape", [f"wide{key}", f"row{key}"], [target]),
    ]


def _held_constants(key: str, times: int, shape: list[int]) -> dict[str, Any]:
    return {f"split{key}": [1, -1, 1], f"held{key}": [1, 1, times], f"row{key}": shape}


def _rows_below(row: str, target: str) -> list[Any]:
    """Zeros below the first row."""
    return [
        node("Shape", [row], ["shape_of_row"]),
        node("Expand", ["rest", "shape_of_row"], ["below"]),
        node("Concat", [row, "below"], [target], axis=1),
    ]
