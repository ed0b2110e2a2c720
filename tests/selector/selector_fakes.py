"""A build folder whose stages are a few operators each, so that the sound says which ids it was made from.

Token `i` sounds for `(2 + i mod 4) * (1 + first number of the prosody style) / speed` frames, as a 400 Hz tone of
amplitude i / 256. Pads are silent. A lost or cut token is a hole in the sound.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper

from export_onnx import contracts, geometry
from export_onnx.buckets import BUCKETS, Bucket
from export_onnx.checkpoint.architecture import load_architecture
from export_onnx.graph.shared_weights import ModelFolder
from export_onnx.provenance import sha256
from quantize.recipes import recipe
from tests.selector.free_fakes import durations, free_stages

CONFIG = {**load_architecture("small"), "hidden_dim": 4}
WEIGHTS = {"source": "random", "name": "fake", "revision": "none", "sha256": {"fake.pth": "0" * 64}}
SOUND = {
    "pesq": 4.5,
    "stoi": 0.99,
    "mel_db": 0.9,
    "snr_db": 31.5,
    "quiet_db": 0.1,
    "gain_db": 0.1,
    "dc": 0.0,
    "railed": 0.0,
    "finite": True,
}
QUALITY = {
    "groups": {"all": {"mean": SOUND, "worst": SOUND, "sentences": 3}},
    "unheard": [],
    "bucket": "5s",
    "meets_goal": True,
    "missed": [],
    "durations": {
        "sentences": 3,
        "unchanged": 3,
        "tokens": 60,
        "tokens_changed": 0,
        "token_frames": 0,
        "length_frames": 0,
        "worst_sentence_tokens": 0,
        "share_by_voice": {"af_short": 0.0},
    },
}
STRETCH = {"af_short": 0.0, "bf_long": 0.5}
MADE_FROM = {"export_onnx": "s", "calibrate": "c"}  # of a quantized folder: signatures of the steps before
GAIN = np.float32(1 / 256)


def tone(frames: int) -> np.ndarray:
    one = np.sin(2 * np.pi * 10 * np.arange(geometry.SAMPLES_PER_FRAME) / geometry.SAMPLES_PER_FRAME)
    return np.tile(one.astype(np.float32), frames)[None]


def frames_of(ids: tuple[int, ...], stretch: float, speed: float) -> np.ndarray:
    base = (2 + np.array(ids) % 4).astype(np.float32) * np.float32(1 + stretch)
    return np.maximum(np.rint(base / np.float32(speed)), 1).astype(int)


def sound_of(ids: tuple[int, ...], stretch: float, speed: float) -> np.ndarray:
    frames = frames_of(ids, stretch, speed)
    held = np.repeat(np.repeat(np.array(ids, np.float32), frames), geometry.SAMPLES_PER_FRAME)
    return held * tone(int(frames.sum()))[0] * GAIN


def graphs(bucket: Bucket) -> dict[str, onnx.ModelProto]:
    sizes = contracts.sizes(CONFIG, bucket)
    if bucket.dynamic:
        free = free_stages(sizes, tone(1), GAIN)
        return {name: _model(name, nodes, constants, bucket) for name, (nodes, constants) in free.items()}
    t, f, columns, samples = sizes["tokens"], sizes["frames"], sizes["columns"], sizes["samples"]
    node = helper.make_node
    range_t, range_f = np.arange(t, dtype=np.int32)[None], np.arange(f, dtype=np.int32)[None]
    per_frame = geometry.STAGE1_PER_FRAME
    stages = {
        "bert": (
            [
                node("Cast", ["ids"], ["i"], to=T.FLOAT),
                node("Mul", ["i", "token_mask"], ["m"]),
                node("Reshape", ["m", "row"], ["r"]),
                node("Expand", ["r", "wide"], ["d_en"]),
            ],
            {"row": [1, 1, t], "wide": [1, 4, t]},
        ),
        "duration": (
            [
                *durations(),
                node("Less", ["range_t", "n_tokens"], ["real"]),
                node("Cast", ["real"], ["real_f"], to=T.FLOAT),
                node("Mul", ["least", "real_f"], ["masked"]),
                node("Cast", ["masked"], ["frames_per_token"], to=T.INT32),
                node("Identity", ["d_en"], ["t_en"]),
                node("Tile", ["d_en", "thirty_three"], ["d"]),
            ],
            {
                "four": np.float32(4),
                "two": np.float32(2),
                "one": np.float32(1),
                "zero": [0],
                "one_i": [1],
                "range_t": range_t,
                "thirty_three": [1, 33, 1],
            },
        ),
        "prosody": (
            [
                node("ReduceSum", ["frames_per_token", "axis1"], ["n_frames"], keepdims=0),
                node("Less", ["range_f", "n_frames"], ["real"]),
                node("Cast", ["real"], ["frame_mask"], to=T.FLOAT),
                node("CumSum", ["frames_per_token", "axis"], ["ends"]),
                node("Reshape", ["ends", "column"], ["ends_c"]),
                node("LessOrEqual", ["ends_c", "range_f"], ["before"]),
                node("Cast", ["before"], ["before_i"], to=T.INT32),
                node("ReduceSum", ["before_i", "axis0"], ["index"], keepdims=0),
                node("Min", ["index", "last"], ["token"]),
                node("Gather", ["t_en", "token"], ["held"], axis=2),
                node("Mul", ["held", "frame_mask"], ["asr"]),
                node("Identity", ["silence"], ["f0"]),
                node("Identity", ["silence"], ["energy"]),
            ],
            {
                "axis1": [1],
                "axis0": [0],
                "axis": np.int32(1),
                "column": [t, 1],
                "range_f": range_f,
                "last": np.int32(t - 1),
                "silence": np.zeros((1, 2 * f), np.float32),
            },
        ),
        "source": (
            [node("Identity", ["nothing"], ["har"])],
            {"nothing": np.zeros((1, sizes["rows"], columns), np.float32)},
        ),
        "style": (
            [node("Identity", ["level"], ["gains"]), node("Identity", ["level"], ["shifts"])],
            {"level": np.ones((1, sizes["norms"]), np.float32)},
        ),
        "decoder": (
            [
                node("Slice", ["asr", "zero", "one", "one"], ["first"]),
                node("Reshape", ["first", "split"], ["each"]),
                node("Expand", ["each", "held"], ["wide"]),
                node("Reshape", ["wide", "flat"], ["row"]),
                node("Concat", ["row", "rest"], ["features"], axis=1),
            ],
            {
                "zero": [1 - 1],
                "one": [1],
                "split": [1, 1, f, 1],
                "held": [1, 1, f, 2],
                "flat": [1, 1, 1, 2 * f],
                "rest": np.zeros((1, sizes["features"] - 1, 1, 2 * f), np.float32),
            },
        ),
        "generator": (
            [
                node("Slice", ["features", "zero", "one", "one"], ["first"]),
                node("Reshape", ["first", "split"], ["each"]),
                node("Expand", ["each", "held"], ["wide"]),
                node("Reshape", ["wide", "flat"], ["row"]),
                node("Concat", ["row", "extra"], ["long"], axis=2),
                node("Concat", ["long", "rest"], ["spectrum"], axis=1),
            ],
            {
                "zero": [1 - 1],
                "one": [1],
                "split": [1, 1, 2 * f, 1],
                "held": [1, 1, 2 * f, per_frame // 2],
                "flat": [1, 1, f * per_frame],
                "extra": np.zeros((1, 1, geometry.COLUMNS_EXTRA), np.float32),
                "rest": np.zeros((1, sizes["rows"] - 1, columns), np.float32),
            },
        ),
        "tail": (
            [
                node("Slice", ["spectrum", "begin", "end", "axes"], ["row"]),
                node("Reshape", ["row", "split"], ["each"]),
                node("Expand", ["each", "held"], ["wide"]),
                node("Reshape", ["wide", "flat"], ["level"]),
                node("Mul", ["level", "tone"], ["loud"]),
                node("Mul", ["loud", "gain"], ["waveform"]),
            ],
            {
                "begin": [0, 0],
                "end": [1, f * per_frame],
                "axes": [1, 2],
                "split": [1, f * per_frame, 1],
                "held": [1, f * per_frame, geometry.HOP],
                "flat": [1, samples],
                "tone": tone(f),
                "gain": GAIN,
            },
        ),
    }
    return {name: _model(name, nodes, constants, bucket) for name, (nodes, constants) in stages.items()}


def _model(name: str, nodes: Any, constants: Any, bucket: Bucket) -> onnx.ModelProto:
    stage = contracts.stage_in(contracts.stage(name), bucket)
    free = {size: size for size in contracts.FREE} if bucket.dynamic else {}
    sizes = {**contracts.sizes(CONFIG, bucket), **free}

    def value(port):
        kind = T.INT32 if port.dtype == "int32" else T.FLOAT
        return helper.make_tensor_value_info(port.name, kind, port.resolve(sizes))

    tensors = [
        numpy_helper.from_array(np.asarray(v, np.int64 if isinstance(v, list) else None), k)
        for k, v in constants.items()
    ]
    graph = helper.make_graph(nodes, name, list(map(value, stage.inputs)), list(map(value, stage.outputs)), tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def make_build(build: Path, targets: tuple[str, ...] = ("cpu",)) -> Path:
    """`build/export_onnx` and `build/quantize/<target>`, as the steps before leave them."""
    nodes: dict[str, int] = {}
    buckets = {build / "quantize" / target: recipe(target).buckets(BUCKETS) for target in targets}
    for folder, made in {build / "export_onnx": BUCKETS, **buckets}.items():
        with ModelFolder(folder) as models:
            for bucket in made:
                for name, model in graphs(bucket).items():
                    models.save(model, f"{name}_{bucket.name}")
                    nodes[f"{name}_{bucket.name}"] = len(model.graph.node)
        (folder / "report.json").write_text(
            json.dumps(
                {
                    "signature": "s",
                    "weights": WEIGHTS,
                    "quality": QUALITY,
                    "buckets": [bucket.name for bucket in made],
                    "nodes": nodes,
                    "made_from": MADE_FROM,
                }
            )
        )
    (build / "calibrate").mkdir(exist_ok=True)
    (build / "calibrate" / "report.json").write_text(json.dumps({"signature": "c", "weights": WEIGHTS}))
    (build / "calibrate" / "ranges.json").write_text("{}")
    exported = build / "export_onnx"
    (exported / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    (exported / "voices").mkdir(exist_ok=True)
    for name, stretch in STRETCH.items():
        voice = np.zeros((510, 256), np.float32)
        voice[:, 128] = stretch
        np.save(exported / "voices" / f"{name}.npy", voice)
    for step in ("export_onnx", "calibrate", *(f"quantize/{target}" for target in targets)):
        list_files(build / step)
    return build


def list_files(folder: Path) -> None:
    """Lets the step's report state the files as they are now, as if the step itself had written them so."""
    report = folder / "report.json"
    files = {p.relative_to(folder).as_posix(): sha256(p) for p in folder.rglob("*") if p.is_file() and p != report}
    report.write_text(json.dumps(json.loads(report.read_text()) | {"files": files}))
