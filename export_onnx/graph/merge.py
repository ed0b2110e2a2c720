"""Merges the stages into one graph from ids to waveform, `kokoro_<bucket>.onnx`.

Before   one graph per stage, joined by the runtime
After    one graph; values between stages keep their contract's name, all others get their stage's name as a prefix
Why      for people who want a single session; it computes the same, on the CPU
Price    none: the same nodes
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper

from export_onnx.buckets import Bucket
from export_onnx.contracts import MERGED, STAGES, TOKEN_MASK, Port
from export_onnx.graph.simplify import IR_VERSION, OPSET, check_graph, infer_shapes, sort_initializers


def merge(graphs: Mapping[str, onnx.ModelProto], sizes: dict[str, int], bucket: Bucket) -> onnx.ModelProto:
    """One model from the stages' models of one bucket.

    Args:
        graphs: by stage name, weights inside.
        sizes: as from `contracts.sizes`.

    Raises:
        ContractError: the result does not keep the contract of `contracts.MERGED`.
    """
    nodes, initializers = _token_mask(sizes["tokens"])
    ports = {p.name for stage in STAGES for p in (*stage.inputs, *stage.outputs)}
    for stage in STAGES:
        copy = onnx.GraphProto()
        copy.CopyFrom(graphs[stage.name].graph)
        names = {v for node in copy.node for v in (*node.input, *node.output)} | {t.name for t in copy.initializer}
        renamed = {v: v if v in ports or not v else f"{stage.name}:{v}" for v in names}
        for node in copy.node:
            node.name = f"{stage.name}:{node.name}"
            node.input[:] = [renamed[v] for v in node.input]
            node.output[:] = [renamed[v] for v in node.output]
        for tensor in copy.initializer:
            tensor.name = renamed[tensor.name]
        nodes.extend(copy.node)
        initializers.extend(copy.initializer)
    graph = helper.make_graph(
        nodes,
        f"{MERGED.name}_{bucket.name}",
        [_value(port, sizes) for port in MERGED.inputs],
        [_value(port, sizes) for port in MERGED.outputs],
        initializers,
    )
    model = helper.make_model(graph, producer_name="kokoro-npu", opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    sort_initializers(model)
    infer_shapes(model)
    check_graph(model, MERGED, sizes, f"{MERGED.name}_{bucket.name}")
    return model


def _token_mask(tokens: int) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """The nodes that make the token mask, 1 on real tokens, which otherwise the runtime makes."""
    positions = numpy_helper.from_array(np.arange(tokens, dtype=np.int32).reshape(1, -1), "token_mask/positions")
    nodes = [
        helper.make_node("Less", [positions.name, "n_tokens"], ["token_mask/real"], "token_mask/Less"),
        helper.make_node("Cast", ["token_mask/real"], [TOKEN_MASK.name], "token_mask/Cast", to=onnx.TensorProto.FLOAT),
    ]
    return nodes, [positions]


def _value(port: Port, sizes: dict[str, int]) -> onnx.ValueInfoProto:
    dtype = onnx.TensorProto.INT32 if port.dtype == "int32" else onnx.TensorProto.FLOAT
    return helper.make_tensor_value_info(port.name, dtype, port.resolve(sizes))
