"""What every graph pass of this folder has in common: it changes nodes, and what nothing reads any more goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import onnx
import onnx_ir as ir
from onnxruntime.quantization.onnx_model import ONNXModel

from export_onnx.graph.graph_ir import name_of, read_graph, write_graph
from quantize.ops.fused_ops import OPS_DOMAIN, OPS_VERSION


@dataclass(frozen=True)
class PassResult:
    """A graph after one pass.

    Attributes:
        model: the graph; where it has operators of this project, a session needs the library to load it.
        changed: the names of the nodes that the pass made, in the order in which it found their places.
    """

    model: onnx.ModelProto
    changed: tuple[str, ...]


def apply_pass(
    model: onnx.ModelProto,
    change: Callable[[ir.Graph], Sequence[str]],
    domain: str = OPS_DOMAIN,
    version: int = OPS_VERSION,
) -> PassResult:
    """A copy of `model` after `change`, with its nodes in an order in which each comes behind those that it reads.

    Args:
        change: replaces nodes in the graph that it is given, and gives the names of those that it made.
        domain, version: of the new nodes' operators.
    """
    whole = read_graph(model)
    changed = tuple(change(whole.graph))
    remove_unread(whole.graph)
    if changed:
        whole.opset_imports[domain] = version
    ordered = ONNXModel(write_graph(whole))
    ordered.topological_sort()
    return PassResult(ordered.model, changed)


def take_over(new: ir.Value, old: ir.Value) -> None:
    """`new` gets the name, the type, the shape and the readers of `old`."""
    new.type, new.shape = old.type, old.shape
    name = name_of(old)
    ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
    old.name = f"{name}/unfused"
    new.name = name


def remove_unread(graph: ir.Graph) -> None:
    """Removes nodes and constants that nothing reads."""
    unread = [node for node in graph if _is_unread(node)]
    while unread:
        before = dict.fromkeys(node for each in unread for node in each.predecessors())
        for node in unread:
            graph.remove(node, safe=True)
        unread = [node for node in before if _is_unread(node)]
    read = {value.name for node in graph.all_nodes() for value in node.inputs if value is not None}
    for name in [name for name in graph.initializers if name not in read]:
        del graph.initializers[name]


def _is_unread(node: ir.Node) -> bool:
    return not any(value.is_graph_output() or list(value.consumers()) for value in node.outputs)
