"""Values in the operators' layout, channels last, and back in the graph's own.

Fused operators read and write [1, 1, T, C]; the graphs that they are put into have [1, C, 1, T]. A pass asks for a
value in the one layout and hands over its result in the other; `cancel_pairs` removes the Transposes that meet.
"""

from __future__ import annotations

from typing import Final

import onnx_ir as ir

from export_onnx.graph.graph_ir import input_of, name_of
from quantize.ops.apply_pass import take_over

TO_LAST: Final = (0, 2, 3, 1)
FROM_LAST: Final = (0, 3, 1, 2)


def is_turn(node: ir.Node | None, order: tuple[int, ...]) -> bool:
    """Whether the node is a Transpose into this order."""
    if node is None or node.op_type != "Transpose" or node.domain != "" or "perm" not in node.attributes:
        return False
    return tuple(node.attributes["perm"].as_ints()) == order


def to_last(graph: ir.Graph, value: ir.Value) -> ir.Value:
    """The value channels last: what a Transpose turned already, or behind a new one."""
    producer = value.producer()
    if producer is not None and is_turn(producer, FROM_LAST):
        return input_of(producer)
    for reader in value.consumers():
        if is_turn(reader, TO_LAST):
            return reader.outputs[0]
    turned = ir.Value(name=f"{name_of(value)}/last", type=value.type, shape=_turned(value.shape, TO_LAST))
    graph.append(ir.Node("", "Transpose", [value], [ir.AttrInt64s("perm", TO_LAST)], outputs=[turned]))
    return turned


def from_last(graph: ir.Graph, last: ir.Value, old: ir.Value) -> None:
    """A Transpose of `last` takes the place of `old`, whose type and turned shape `last` gets."""
    last.type, last.shape = old.type, _turned(old.shape, TO_LAST)
    last.name = f"{name_of(old)}/last"
    value = ir.Value()
    take_over(value, old)
    graph.append(ir.Node("", "Transpose", [last], [ir.AttrInt64s("perm", FROM_LAST)], outputs=[value]))


def cancel_pairs(graph: ir.Graph) -> None:
    """Readers of a value that was turned and turned back read the value itself; the graph's outputs stay."""
    for node in list(graph):
        before = input_of(node).producer() if is_turn(node, TO_LAST) else None
        if before is not None and is_turn(before, FROM_LAST) and not node.outputs[0].is_graph_output():
            ir.convenience.replace_all_uses_with(node.outputs[0], input_of(before))


def _turned(shape: ir.Shape | None, order: tuple[int, ...]) -> ir.Shape | None:
    return None if shape is None or len(shape) != len(order) else ir.Shape([shape[axis] for axis in order])
