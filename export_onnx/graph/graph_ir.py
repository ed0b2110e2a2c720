"""Reads and rewrites graphs as onnx_ir's, in which each value has references to its producer and consumers.

Every file of this project that rewrites a graph or walks along it takes an `onnx.ModelProto`, reads it with
`read_graph`, and gives a new one with `write_graph`; the proto that came in is not changed. Android's rules have a view
of their own (`android_test/coverage/graph_view.py`), because ONNX Runtime's providers number nodes and see each
DequantizeLinear once per reader.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray

from export_onnx.errors import ContractError


def read_graph(model: onnx.ModelProto) -> ir.Model:
    """The model as onnx_ir's; rewriting it does not change `model`."""
    return ir.from_proto(model)


def write_graph(model: ir.Model) -> onnx.ModelProto:
    """The model as a proto. Initializers are not listed among the values, because they have shapes of their own."""
    proto = ir.to_proto(model)
    stored = {tensor.name for tensor in proto.graph.initializer}
    values = [value for value in proto.graph.value_info if value.name not in stored]
    del proto.graph.value_info[:]
    proto.graph.value_info.extend(values)
    return proto


def nodes_by_name(graph: ir.Graph) -> dict[str, ir.Node]:
    """Every node that has a name, by it."""
    return {node.name: node for node in graph if node.name}


def node_of(module: str, nodes: dict[str, ir.Node]) -> ir.Node:
    """The one node of a module, by the module's path, such as `/resblocks.0/snakes1.0/amplitude`.

    Raises:
        ContractError: the module has no node, or several.
    """
    found = [node for name, node in nodes.items() if name.rpartition("/")[0] == module]
    if len(found) != 1:
        raise ContractError(
            f"module {module}", expected="one node of its own", got=f"{len(found)} nodes", todo="Export again."
        )
    return found[0]


def input_of(node: ir.Node, position: int = 0) -> ir.Value:
    """A value that the node must have as its input.

    Raises:
        ContractError: the input is left out.
    """
    value = node.inputs[position] if position < len(node.inputs) else None
    if value is None:
        raise ContractError(f"node {node.name}", expected=f"input {position}", got="none", todo="Export again.")
    return value


def producer_of(value: ir.Value) -> ir.Node:
    """The node that makes the value.

    Raises:
        ContractError: no node does; the value is an input of the graph, or a constant.
    """
    node = value.producer()
    if node is None:
        raise ContractError(f"value {value.name}", expected="a node that makes it", got="none", todo="Export again.")
    return node


def name_of(value: ir.Value) -> str:
    """The value's name; every value of a written graph has one."""
    assert value.name is not None
    return value.name


def size_of(value: ir.Value, axis: int) -> int:
    """One dimension of the value.

    Raises:
        ContractError: the graph does not state it as a number.
    """
    size = None if value.shape is None else value.shape[axis]
    if not isinstance(size, int):
        raise ContractError(
            f"value {value.name}", expected=f"a number on axis {axis}", got=str(value.shape), todo="Export again."
        )
    return size


def dims_of(value: ir.Value) -> tuple[int, ...]:
    """All dimensions of the value, as `size_of`."""
    if value.shape is None:
        raise ContractError(f"value {value.name}", expected="a shape", got="none", todo="Export again.")
    return tuple(size_of(value, axis) for axis in range(len(value.shape)))


def array_of(value: ir.Value) -> NDArray[np.generic]:
    """The numbers of a constant.

    Raises:
        ContractError: the value is no constant.
    """
    if value.const_value is None:
        raise ContractError(f"value {value.name}", expected="a constant", got="none", todo="Export again.")
    return np.asarray(value.const_value.numpy())


def add_constant(graph: ir.Graph, name: str, array: NDArray[np.generic]) -> ir.Value:
    """Adds an initializer."""
    tensor = ir.tensor(np.ascontiguousarray(array), name=name)
    value = ir.Value(name=name, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
    graph.register_initializer(value)
    return value


def new_value(name: str, like: ir.Value, dims: Sequence[int] | None = None) -> ir.Value:
    """A value of the type of `like`, and of its shape or of the shape `dims`."""
    return ir.Value(name=name, type=like.type, shape=like.shape if dims is None else ir.Shape(dims))


def constants_of(node: ir.Node) -> Iterator[int]:
    """The positions of the node's inputs that are constants."""
    return (place for place, value in enumerate(node.inputs) if value is not None and value.const_value is not None)
