"""Makes values inside a graph outputs of a copy, so that a session gives them."""

from __future__ import annotations

from collections.abc import Iterable

import onnx
from onnx import TensorProto, helper


def with_outputs(model: onnx.ModelProto, names: Iterable[str]) -> onnx.ModelProto:
    """A copy of `model` that also gives the values `names`.

    Each has the type and shape that the graph declares for it. Without a declaration it is float32, and the runtime
    finds its shape. Names of the graph's inputs and outputs change nothing.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    given = {value.name for value in (*copy.graph.output, *copy.graph.input)}
    known = {value.name: value for value in copy.graph.value_info}
    copy.graph.output.extend(
        known[name] if name in known else helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in dict.fromkeys(names)
        if name not in given
    )
    return copy
