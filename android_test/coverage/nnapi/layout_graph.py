"""A graph that the layout step edits: nodes, values and constants by name, with the optimizer's look-ups.

Nodes keep their index for life and a new one gets the next, because ONNX Runtime breaks ties between nodes by index.
A constant of many numbers loses them when it is transposed, as no rule reads those.

Source: ONNX Runtime, `core/optimizer/transpose_optimization/ort_optimizer_api_impl.cc`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from android_test.coverage.graph_view import Array, GraphView, Value

Perm = tuple[int, ...]
NHWC: Final = "com.ms.internal.nhwc"  # the domain of an operator whose layout was changed
FEW: Final = 4096  # elements of a constant whose numbers are kept


def inverse(perm: Perm) -> Perm:
    """The permutation that undoes `perm`."""
    return tuple(int(i) for i in np.argsort(perm))


@dataclass(eq=False)
class LayoutGraph:
    """The editable copy of one view. A removed node is None."""

    source: GraphView
    nodes: list[onnx.NodeProto | None]
    values: dict[str, Value]
    constants: dict[str, TensorProto]
    outputs: frozenset[str]
    opset: int
    makers: dict[str, int] = field(default_factory=dict)
    consumers: dict[str, list[int]] = field(default_factory=dict)  # one entry per edge
    made: int = 0

    @classmethod
    def of(cls, view: GraphView) -> LayoutGraph:
        """A copy of `view`; the view itself stays as it is."""
        copies: list[onnx.NodeProto | None] = []
        for index, node in enumerate(view.nodes):
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            copy.name = view.label(index)
            copies.append(copy)
        graph = cls(view, copies, dict(view.values), dict(view.constants), frozenset(view.outputs), view.opset)
        for name in [name for node in view.nodes for name in (*node.input, *node.output)]:
            graph.values.setdefault(name, Value(TensorProto.UNDEFINED, None))
        graph.makers = dict(view.producer)
        graph.consumers = {name: list(edges) for name, edges in view.readers.items()}
        return graph

    def node(self, index: int) -> onnx.NodeProto:
        """The node at `index`, which must still be there."""
        node = self.nodes[index]
        assert node is not None
        return node

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of a value, None where a dimension is not a number."""
        shape = self.values[name].shape if name in self.values else None
        if shape is None or any(size is None for size in shape):
            return None
        return tuple(size for size in shape if size is not None)

    def maker(self, name: str) -> int | None:
        """The node that makes `name`."""
        return self.makers.get(name) if name else None

    def maker_of_type(self, name: str, op: str) -> int | None:
        """The node that makes `name`, if it is an `op` of ONNX."""
        index = self.maker(name)
        return index if index is not None and self.is_op(index, op) else None

    def is_op(self, index: int, op: str) -> bool:
        """Whether a node is an `op` of ONNX's own domain."""
        node = self.node(index)
        return node.op_type == op and node.domain in ("", "ai.onnx")

    def readers(self, name: str) -> list[int]:
        """The nodes that read `name`, each once."""
        return list(dict.fromkeys(self.consumers.get(name, [])))

    def known_readers(self, name: str) -> bool:
        """Whether nodes are all that reads `name`: it is no graph output."""
        return name not in self.outputs

    def read_at_all(self, name: str) -> bool:
        """Whether a node or the caller reads `name`."""
        return bool(self.consumers.get(name)) or name in self.outputs

    def only_reader(self, name: str) -> int | None:
        """The one node that reads `name`, None where there are more or the caller reads it too."""
        found = self.readers(name)
        return found[0] if len(found) == 1 and name not in self.outputs else None

    def ints(self, name: str) -> list[int] | None:
        """A constant of integers, None where `name` is no constant."""
        array = self.array(name)
        return None if array is None else [int(i) for i in array.reshape(-1)]

    def array(self, name: str) -> Array | None:
        """The constant `name`, from its file if need be; None where it is no constant."""
        tensor = self.constants.get(name)
        if tensor is None or tensor is self.source.constants.get(name):
            return self.source.array(name)
        return np.asarray(numpy_helper.to_array(tensor))

    def set_input(self, index: int, place: int, name: str) -> None:
        """Let node `index` read `name` at `place`; "" disconnects it."""
        node = self.node(index)
        while len(node.input) <= place:
            node.input.append("")
        if node.input[place]:
            self.consumers[node.input[place]].remove(index)
        node.input[place] = name
        if name:
            self.consumers.setdefault(name, []).append(index)

    def replace_reads(self, readers: Iterable[int], old: str, new: str) -> None:
        """Let `readers` read `new` wherever they read `old`."""
        for index in readers:
            for place, name in enumerate(self.node(index).input):
                if name == old:
                    self.set_input(index, place, new)

    def fresh(self, stem: str) -> str:
        """A name that nothing has yet."""
        self.made += 1
        return f"{stem}/layout_{self.made}"

    def add(self, op: str, inputs: Sequence[str], *, domain: str = "", stem: str = "", **attributes: Any) -> int:
        """A new node of one output, last in index; its output has no type yet."""
        name = self.fresh(stem or op)
        node = helper.make_node(op, [], [name], name=name, domain=domain, **attributes)
        self.nodes.append(node)
        index = len(self.nodes) - 1
        self.makers[name] = index
        for place, one in enumerate(inputs):
            self.set_input(index, place, one)
        return index

    def add_ints(self, stem: str, values: Sequence[int]) -> str:
        """A new constant of one dimension."""
        name = self.fresh(stem)
        self.constants[name] = numpy_helper.from_array(np.asarray(values, np.int64), name)
        self.values[name] = Value(TensorProto.INT64, (len(values),))
        return name

    def reshape_constant(self, name: str, shape: Sequence[int], perm: Perm | None = None) -> None:
        """Give a constant another shape: transposed by `perm`, or with dimensions of 1 more or less."""
        old = self.constants[name]
        kept = TensorProto(name=name, data_type=old.data_type, dims=shape)
        kept.data_location = old.data_location
        if int(np.prod(shape)) <= FEW and (array := self.array(name)) is not None:
            kept = numpy_helper.from_array(array.reshape(shape) if perm is None else array.transpose(perm), name)
        self.constants[name] = kept
        self.values[name] = Value(old.data_type, tuple(shape))

    def move_output(self, source: int, place: int, target: int, to: int = 0) -> str:
        """Let `target` make what `source` made; `source` gets a new name there, which is returned."""
        name = self.node(source).output[place]
        old = self.node(target).output[to]
        self.node(target).output[to] = name
        self.makers.pop(old, None)
        self.makers[name] = target
        new = self.fresh(name)
        self.node(source).output[place] = new
        self.makers[new] = source
        return new

    def remove(self, index: int) -> None:
        """Take a node out; what it made is made by nobody, unless it was moved before."""
        node = self.node(index)
        for place in range(len(node.input)):
            self.set_input(index, place, "")
        for name in node.output:
            if self.makers.get(name) == index:
                del self.makers[name]
        self.nodes[index] = None

    def topological(self) -> list[int]:
        """Indices in the order in which ONNX Runtime walks a graph: depth first, back from the leaves."""
        alive = [index for index, node in enumerate(self.nodes) if node is not None]
        stack = [(index, False) for index in alive if not any(self.consumers.get(o) for o in self.node(index).output)]
        seen: set[int] = set()
        order: list[int] = []
        while stack:
            index, leaving = stack.pop()
            if leaving:
                order.append(index)
            elif index not in seen:
                seen.add(index)
                stack.append((index, True))
                above = {self.makers[name] for name in self.node(index).input if name in self.makers}
                stack += [(one, False) for one in sorted(above) if one not in seen]
        return order


@dataclass(frozen=True, eq=False)
class EditedView(GraphView):
    """The view of an edited graph: the file's model, with the nodes, values and constants of the edit."""

    edited: LayoutGraph | None = None

    @property
    def _graph(self) -> LayoutGraph:
        assert self.edited is not None
        return self.edited

    @cached_property
    def nodes(self) -> list[onnx.NodeProto]:
        """Nodes in topological order."""
        return [self._graph.node(index) for index in self._graph.topological()]

    @cached_property
    def constants(self) -> dict[str, TensorProto]:
        """As the edit left them."""
        return self._graph.constants

    @cached_property
    def values(self) -> dict[str, Value]:
        """As the edit left them."""
        return self._graph.values
