"""`tokenizer.onnx`: phoneme string -> ids inside the runtime, as `export_onnx.run.text.encode` does it.

    phonemes [1] string -> one string per code point -> its id, or 0 -> ids other than 0, with one pad at each end

The split needs onnxruntime-extensions in the session (`register_custom_ops_library`); the rest is standard ONNX.
It splits into code points, not letters, because combining marks have ids of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export_onnx.run.text import PAD

INPUT: Final = "phonemes"
OUTPUT: Final = "ids"
EXTENSIONS: Final = "ai.onnx.contrib"


def build_tokenizer(vocabulary: Mapping[str, int]) -> onnx.ModelProto:
    """Builds the graph `phonemes` [1] string -> `ids` [1, n] int32, pads included, unknown symbols left out."""
    symbols = sorted(vocabulary)
    anything: Any = [b"([\\s\\S])"]  # a dot would not match a line end; onnx types texts as numbers
    constants = [
        helper.make_tensor("any_symbol", TensorProto.STRING, [1], anything),
        helper.make_tensor("keep_all", TensorProto.STRING, [1], anything),
        numpy_helper.from_array(np.array([0], np.int64), "none"),
        numpy_helper.from_array(np.array([PAD], np.int64), "pad"),
        numpy_helper.from_array(np.array([0], np.int64), "batch"),
    ]
    nodes = [
        helper.make_node(
            "StringRegexSplitWithOffsets",
            [INPUT, "any_symbol", "keep_all"],
            ["symbols", "begins", "ends", "rows"],
            "split",
            domain=EXTENSIONS,
        ),
        helper.make_node(
            "LabelEncoder",
            ["symbols"],
            ["found"],
            "look_up",
            domain="ai.onnx.ml",
            keys_strings=symbols,
            values_int64s=[vocabulary[s] for s in symbols],
            default_int64=0,
        ),
        helper.make_node("Greater", ["found", "none"], ["known"], "is_known"),
        helper.make_node("Compress", ["found", "known"], ["kept"], "keep_known", axis=0),
        helper.make_node("Concat", ["pad", "kept", "pad"], ["padded"], "add_pads", axis=0),
        helper.make_node("Cast", ["padded"], ["whole"], "to_int32", to=TensorProto.INT32),
        helper.make_node("Unsqueeze", ["whole", "batch"], [OUTPUT], "add_batch"),
    ]
    graph = helper.make_graph(
        nodes,
        "tokenizer",
        [helper.make_tensor_value_info(INPUT, TensorProto.STRING, [1])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.INT32, [1, None])],
        constants,
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 2), helper.make_opsetid(EXTENSIONS, 1)]
    model = helper.make_model(graph, producer_name="kokoro-npu", opset_imports=opsets, ir_version=9)
    onnx.checker.check_model(model)
    return model
