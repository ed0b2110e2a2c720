"""How a Transpose is pushed through one operator: op(Transpose(x)) becomes Transpose(op'(x)).

    Before:  x -> Transpose -> op                   After:  x -> op' -> Transpose

op' is the operator with its axes permuted; its other inputs are transposed the other way.

Source: ONNX Runtime, `core/optimizer/transpose_optimization/onnx_transpose_optimization.cc` (Handle...).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from onnx import onnx_pb

from android_test.coverage.graph_view import attribute
from android_test.coverage.nnapi.layout_graph import LayoutGraph, Perm, inverse
from android_test.coverage.nnapi.layout_moves import (
    per_axis,
    permuted_list,
    set_attribute,
    transpose_input,
    transpose_outputs,
    unsqueeze_input,
)


@dataclass(frozen=True, eq=False)
class Push:
    """One attempt: `node` reads `transpose`, which permutes by `perm`."""

    graph: LayoutGraph
    transpose: int
    node: int
    perm: Perm
    inputs: tuple[int, ...]  # places that have to be transposed the other way

    @property
    def proto(self) -> onnx_pb.NodeProto:
        """The node that is pushed through."""
        return self.graph.node(self.node)

    def axis(self, default: int | None) -> int | None:
        """The node's axis, counted from the front; None where there is none or it is out of range."""
        axis = attribute(self.proto, "axis", default)
        if axis is None:
            return None
        axis = int(axis) + (len(self.perm) if axis < 0 else 0)
        return axis if 0 <= axis < len(self.perm) else None

    def axes(self, values: list[int] | None, rank: int) -> list[int] | None:
        """Axes counted from the front; None where one is out of range or named twice."""
        if values is None:
            return None
        found = [one + rank if one < 0 else one for one in values]
        return found if len(set(found)) == len(found) and all(0 <= one < rank for one in found) else None


Handler = Callable[[Push], bool]


def through(push: Push, behind: Perm | None = None) -> bool:
    """Transpose all inputs that need it, and all outputs by `behind` (the pushed permutation if not given)."""
    for place in push.inputs:
        transpose_input(push.graph, push.node, place, inverse(push.perm))
    transpose_outputs(push.graph, push.node, push.perm if behind is None else behind)
    return True


def broadcast(push: Push) -> bool:
    """All inputs get the rank of the widest, then move alike."""
    shapes = [push.graph.shape(push.proto.input[place]) for place in push.inputs]
    if any(shape is None or len(shape) > len(push.perm) for shape in shapes):
        return False
    for place, shape in zip(push.inputs, shapes, strict=True):
        if missing := len(push.perm) - len(shape or ()):
            unsqueeze_input(push.graph, push.node, place, missing)
    return through(push)


def with_axis(default: int | None) -> Handler:
    """By its axis, which changes place; `default` where the file leaves it out."""

    def handle(push: Push) -> bool:
        axis = push.axis(default)
        if axis is None:
            return False
        through(push)
        set_attribute(push.graph, push.node, "axis", push.perm[axis])
        return True

    return handle


def softmax(push: Push) -> bool:
    """By its axis; below opset 13 only where no axis crosses the one given."""
    if push.graph.opset >= 13:
        return with_axis(-1)(push)
    axis = push.axis(1)
    if axis is None or any((place < axis) != (source < axis) for place, source in enumerate(push.perm)):
        return False
    return through(push)


def pad(push: Push) -> bool:
    """Its pads change places."""
    rank = len(push.perm)
    order = inverse(push.perm)
    pads = push.proto.input[1] if len(push.proto.input) > 1 else ""
    if push.graph.ints(pads) is None or push.graph.shape(pads) != (2 * rank,):
        return False
    both = (*order, *(place + rank for place in order))
    push.graph.set_input(push.node, 1, permuted_list(push.graph, pads, both))
    return through(push)


def reduce_axes(push: Push) -> bool:
    """Its axes change places; those that it takes away are gone behind it."""
    graph, node = push.graph, push.proto
    since = 13 if node.op_type == "ReduceSum" else 18
    kept = bool(attribute(node, "keepdims", 1))
    by_input = graph.opset >= since
    source = node.input[1] if by_input and len(node.input) > 1 else ""
    values = graph.ints(source) if by_input else attribute(node, "axes", None)
    if source and values is None:
        return False
    if not values and (by_input or values is None):
        same = kept or (by_input and bool(attribute(node, "noop_with_empty_axes", 0)))
        return through(push, push.perm if same else ())
    axes = push.axes(list(values or []), len(push.perm))
    if axes is None:
        return False
    moved = _move_axes(push, axes, source)
    return through(push, push.perm if kept else _squeezed(moved, push.perm))


def _move_axes(push: Push, axes: list[int], source: str) -> list[int]:
    """Writes the axes as they are before the permutation: as an input, or as the attribute where `source` is empty."""
    moved = sorted(push.perm[axis] for axis in axes)
    if source:
        push.graph.set_input(push.node, 1, push.graph.add_ints(source, moved))
    else:
        set_attribute(push.graph, push.node, "axes", moved)
    return moved


def _squeezed(axes: list[int], perm: Perm) -> Perm:
    """The permutation of what is left where `axes` (of its input) are taken away."""
    left = [axis for axis in range(len(perm)) if axis not in axes]
    return tuple(left.index(axis) for axis in perm if axis not in axes)


def squeeze(push: Push) -> bool:
    """Its axes change places, and are gone behind it."""
    graph, node = push.graph, push.proto
    by_input = graph.opset >= 13
    source = node.input[1] if by_input and len(node.input) > 1 else ""
    values = graph.ints(source) if by_input else attribute(node, "axes", None)
    axes = push.axes(values, len(push.perm))
    if axes is None:
        return False
    return through(push, _squeezed(_move_axes(push, axes, source), push.perm))


def unsqueeze(push: Push) -> bool:
    """Its axes stay, and the others change places around them."""
    graph, node = push.graph, push.proto
    source = node.input[1] if graph.opset >= 13 and len(node.input) > 1 else ""
    values = graph.ints(source) if graph.opset >= 13 else attribute(node, "axes", None)
    axes = push.axes(values, len(push.perm) + len(values or ()))
    if axes is None:
        return False
    old = [axis for axis in range(len(push.perm) + len(axes)) if axis not in axes]
    sources = iter(push.perm)
    behind = tuple(axis if axis in axes else old[next(sources)] for axis in range(len(push.perm) + len(axes)))
    return through(push, behind)


def slice_axes(push: Push) -> bool:
    """Its axes change places."""
    graph, node = push.graph, push.proto
    if graph.opset < 10:
        return False
    if len(node.input) > 3 and node.input[3]:
        axes = push.axes(graph.ints(node.input[3]), len(push.perm))
    else:
        starts = graph.shape(node.input[1])
        axes = None if starts is None or len(starts) != 1 else list(range(starts[0]))
    if axes is None:
        return False
    graph.set_input(push.node, 3, graph.add_ints(node.input[1], [push.perm[axis] for axis in axes]))
    return through(push)


def quantize(push: Push) -> bool:
    """The axis of its scales changes place."""
    if push.graph.opset >= 13 and push.graph.shape(push.proto.input[1]) != ():
        axis = push.axis(1)
        if axis is None:
            return False
        if per_axis(push.graph, push.node) != -1:
            set_attribute(push.graph, push.node, "axis", push.perm[axis])
    return through(push)
