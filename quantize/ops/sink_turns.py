"""Moves the Transposes that fused operators brought along until they meet and cancel.

Before   AdaIN or Conv -> Transpose -> Add, Mul, LeakyReLU ... -> Transpose -> AdaIN or Conv
After    AdaIN or Conv -> Add, Mul, LeakyReLU ... -> AdaIN or Conv, all channels last
Why      ONNX Runtime transposes on one thread: 4 ms for a large tensor of the generator (Kokoro-82M, 5 s of sound),
         for which AdaIN takes 2 ms
Price    exact; an upsampling convolution gets its rows in another order, and so has weights of its own in the file

A Transpose from channels last behind an operator's result sinks below its reader:

    1. An elementwise node, if its other inputs are turned alike, are one number or one per channel, or if another
       Transpose turns its result back.
    2. Concat and Slice, whose axes change with the layout; Concat's other inputs as in 1.
    3. Upsampling (Reshape, Transpose, Reshape) that spreads the rows of a FloatConv over time: its weights' rows are
       sorted by place in time and then by channel, and what is left is one Reshape.

Requires the graph of `fuse_float_conv`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
import onnx_ir as ir

from export_onnx.graph.graph_ir import array_of, input_of, name_of
from quantize.ops.adain_sites import made_by, per_channel
from quantize.ops.apply_pass import PassResult, apply_pass
from quantize.ops.fused_ops import FLOAT_CONV, FLOAT_CONV_INPUTS, OPS_DOMAIN
from quantize.ops.turns import FROM_LAST, TO_LAST, cancel_pairs, from_last, is_turn, to_last

ELEMENTWISE: Final = ("Add", "Sub", "Mul", "Div", "LeakyRelu")
SORTED: Final = ("weight", "weight_step", "bias")  # FloatConv's inputs with a row per output channel
AXES: Final = {1: 3, 2: 1, 3: 2}  # from channels first to channels last


def sink_turns(model: onnx.ModelProto) -> PassResult:
    """A copy of `model` with as few Transposes as the rules leave; `changed` names the nodes below which they sank."""
    return apply_pass(model, _change)


def _change(graph: ir.Graph) -> list[str]:
    changed = list[str]()
    for node in [node for node in graph if node.domain == ""]:
        name = str(node.name or name_of(node.outputs[0]))
        if (_sink_upsampling if node.op_type == "Reshape" else _sink)(graph, node):
            changed.append(name)
    cancel_pairs(graph)
    return changed


def _last(value: ir.Value | None) -> ir.Value | None:
    """The value in the other layout, where a Transpose made this one of it."""
    producer = None if value is None else value.producer()
    return input_of(producer) if producer is not None and is_turn(producer, FROM_LAST) else None


def _is_turned_back(value: ir.Value) -> bool:
    return any(is_turn(reader, TO_LAST) for reader in value.consumers())


def _fits(node: ir.Node) -> bool:
    """Rules 1 and 2: whether the node can work channels last.

    No Transpose of a whole tensor is added, unless something else reads an input in the graph's own layout.
    """
    inputs = node.inputs if node.op_type in (*ELEMENTWISE, "Concat") else node.inputs[:1]
    if node.op_type not in (*ELEMENTWISE, "Concat", "Slice") or not any(_last(value) for value in inputs):
        return False
    for value in inputs:
        if value is None or value.shape is None:
            return False
        small = per_channel(value) and node.op_type != "Concat"
        if not (small or _last(value) or (len(value.shape) == len(TO_LAST) and _is_turned_back(node.outputs[0]))):
            return False
    return node.op_type != "Slice" or _axes(node) is not None


def _axes(node: ir.Node) -> list[int] | None:
    """A Slice's axes, if they are constant."""
    value = node.inputs[3] if len(node.inputs) > 3 else None
    return None if value is None or value.const_value is None else [int(axis) for axis in array_of(value)]


def _sink(graph: ir.Graph, node: ir.Node) -> bool:
    if not _fits(node):
        return False
    attributes = dict(node.attributes)
    inputs = list(node.inputs)
    if node.op_type == "Concat":
        attributes["axis"] = ir.AttrInt64("axis", _moved(node.attributes["axis"].as_int()))
    if node.op_type == "Slice":
        axes = np.array([_moved(axis) for axis in _axes(node) or []], np.int64)
        inputs = [
            to_last(graph, input_of(node)),
            *inputs[1:3],
            _constant(graph, f"{name_of(node.outputs[0])}/axes", axes),
        ]
        inputs += node.inputs[4:]
    else:
        inputs = [value if value is None or not value.shape else to_last(graph, value) for value in inputs]
    last = ir.Value()
    graph.append(ir.Node("", node.op_type, inputs, list(attributes.values()), outputs=[last], name=node.name))
    from_last(graph, last, node.outputs[0])
    return True


def _moved(axis: int) -> int:
    return AXES.get(axis % len(TO_LAST), 0)


def _constant(graph: ir.Graph, name: str, array: np.ndarray) -> ir.Value:
    tensor = ir.tensor(array, name=name)
    value = ir.Value(name=name, type=ir.TensorType(tensor.dtype), shape=ir.Shape(array.shape), const_value=tensor)
    graph.register_initializer(value)
    return value


def _sink_upsampling(graph: ir.Graph, end: ir.Node) -> bool:
    """Rule 3, from its last Reshape: [1, C * S, 1, T] -> [1, C, S, T] -> [1, C, T, S] -> [1, C, 1, T * S]."""
    turn = made_by(end.inputs[0], "Transpose")
    start = made_by(None if turn is None else turn.inputs[0], "Reshape")
    if turn is None or start is None or not is_turn(turn, (0, 1, 3, 2)):
        return False
    last = _last(start.inputs[0])
    conv = None if last is None else last.producer()
    shapes = [input_of(node, 1).const_value for node in (start, end)]
    if last is None or conv is None or conv.op_type != FLOAT_CONV or conv.domain != OPS_DOMAIN or None in shapes:
        return False
    spread, flat = (tuple(int(size) for size in array_of(input_of(node, 1))) for node in (start, end))
    if len(spread) != 4 or flat != (1, spread[1], 1, -1) or spread[0] != 1 or spread[3] != -1:
        return False
    between = (last, input_of(start), start.outputs[0], turn.outputs[0])  # what gets another order, or goes
    if any(len(list(value.consumers())) != 1 or value.is_graph_output() for value in between):
        return False
    channels, steps = spread[1:3]
    if not _sort_rows(graph, conv, channels, steps):
        return False
    shape = _constant(graph, f"{name_of(end.outputs[0])}/last.shape", np.array([1, 1, -1, channels], np.int64))
    merged = ir.Value()
    graph.append(ir.Node("", "Reshape", [last, shape], outputs=[merged], name=end.name))
    from_last(graph, merged, end.outputs[0])
    return True


def _sort_rows(graph: ir.Graph, conv: ir.Node, channels: int, steps: int) -> bool:
    """Output channel c * steps + s becomes s * channels + c."""
    given = dict(zip(FLOAT_CONV_INPUTS, conv.inputs, strict=True))
    rows = [(place, given[name]) for place, name in enumerate(FLOAT_CONV_INPUTS) if name in SORTED and given[name]]
    if given["added"] is not None or any(value is None or value.const_value is None for _, value in rows):
        return False
    arrays = [array_of(value) for _, value in rows if value is not None]
    if any(len(array) != channels * steps for array in arrays if array.size > 1):
        return False
    order = np.arange(channels * steps).reshape(channels, steps).T.reshape(-1)
    for (place, value), array in zip(rows, arrays, strict=True):
        if value is not None and array.size > 1:
            conv.replace_input_with(
                place, _constant(graph, f"{name_of(conv.outputs[0])}/{FLOAT_CONV_INPUTS[place]}", array[order])
            )
    return True
