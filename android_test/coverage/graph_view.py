"""An ONNX file as a provider sees it: who makes a value, who reads it, and what the file says about it.

Weights stay on disk; only a constant that a rule asks for (a scale, a shape, axes) is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from export_onnx.graph.shared_weights import load_outside

Array = np.ndarray[Any, Any]
Shape = tuple[int | None, ...]  # None: a dimension without a number


@dataclass(frozen=True)
class Value:
    """What the file itself says about one value. `shape` is None where it says nothing."""

    dtype: int  # TensorProto.DataType
    shape: Shape | None

    @property
    def fixed(self) -> bool:
        """Every dimension is a number above zero."""
        return self.shape is not None and all(size is not None and size > 0 for size in self.shape)


@dataclass(frozen=True, eq=False)
class GraphView:
    """The main graph of one model, with look-ups. `folder` is where external data lies."""

    model: onnx.ModelProto
    folder: Path = field(default=Path("."))

    @classmethod
    def load(cls, path: Path) -> GraphView:
        """Read the file at `path`, but not its weights."""
        return cls(with_unique_dq(onnx.load(path, load_external_data=False)), path.parent)

    @classmethod
    def of(cls, model: onnx.ModelProto) -> GraphView:
        """View a model in memory; `model` is not changed."""
        return cls(with_unique_dq(model))

    @cached_property
    def nodes(self) -> list[onnx.NodeProto]:
        """Nodes in file order; `Constant` is left out, as every session turns it into an initializer."""
        return [node for node in self.model.graph.node if node.op_type != "Constant"]

    @cached_property
    def constants(self) -> dict[str, TensorProto]:
        """Initializers and `Constant` nodes, by name.

        An initializer that is also a graph input is not constant: a caller may replace it in any run (ONNX Runtime's
        `Graph::GetConstantInitializer`, `core/graph/graph.cc`).
        """
        replaceable = {info.name for info in self.model.graph.input}
        found = {one.name: one for one in self.model.graph.initializer if one.name not in replaceable}
        for node in self.model.graph.node:
            if node.op_type == "Constant" and (tensor := _constant(node)) is not None:
                found[node.output[0]] = tensor
        return found

    @cached_property
    def values(self) -> dict[str, Value]:
        """Every value whose type the file declares."""
        graph = self.model.graph
        found = {name: Value(t.data_type, tuple(t.dims)) for name, t in self.constants.items()}
        for info in (*graph.input, *graph.output, *graph.value_info):
            tensor = info.type.tensor_type
            dims = [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]
            found.setdefault(info.name, Value(tensor.elem_type, tuple(dims) if tensor.HasField("shape") else None))
        return found

    @cached_property
    def producer(self) -> dict[str, int]:
        """Value name -> index of the node that makes it."""
        return {name: i for i, node in enumerate(self.nodes) for name in node.output if name}

    @cached_property
    def readers(self) -> dict[str, list[int]]:
        """Value name -> indices of the nodes that read it, one entry an edge."""
        found: dict[str, list[int]] = {}
        for index, node in enumerate(self.nodes):
            for name in node.input:
                if name:
                    found.setdefault(name, []).append(index)
        return found

    @cached_property
    def outputs(self) -> set[str]:
        """Names of the graph's outputs."""
        return {info.name for info in self.model.graph.output}

    @property
    def opset(self) -> int:
        """Version of the default operator set."""
        return max((o.version for o in self.model.opset_import if o.domain in ("", "ai.onnx")), default=0)

    def value(self, name: str) -> Value:
        """What is known of `name`; undefined type and no shape where the file is silent."""
        return self.values.get(name, Value(TensorProto.UNDEFINED, None))

    def rank(self, name: str) -> int | None:
        """Number of dimensions, None where the file does not say."""
        shape = self.value(name).shape
        return None if shape is None else len(shape)

    def array(self, name: str) -> Array | None:
        """The constant `name` as an array, None where it is no constant."""
        tensor = self.constants.get(name)
        if tensor is None:
            return None
        if external_data_helper.uses_external_data(tensor):
            copy = TensorProto()
            copy.CopyFrom(tensor)
            load_outside(copy, self.folder)
            tensor = copy
        return np.asarray(numpy_helper.to_array(tensor))

    def outside(self, name: str) -> bool:
        """Whether `name` is a constant whose bytes lie in another file."""
        tensor = self.constants.get(name)
        return tensor is not None and external_data_helper.uses_external_data(tensor)

    def label(self, index: int) -> str:
        """The node's name, or its operator and place where it has none."""
        node = self.nodes[index]
        return node.name or f"{node.op_type}#{index}"


def _constant(node: onnx.NodeProto) -> TensorProto | None:
    """The tensor of a `Constant` node; None for strings and sparse tensors, which no rule reads."""
    entry = node.attribute[0] if node.attribute else None
    if entry is None:
        return None
    value = helper.get_attribute_value(entry)
    if entry.name == "value":
        return entry.t
    if entry.name in ("value_int", "value_ints"):
        return numpy_helper.from_array(np.asarray(value, np.int64), node.output[0])
    if entry.name in ("value_float", "value_floats"):
        return numpy_helper.from_array(np.asarray(value, np.float32), node.output[0])
    return None


def attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    """The value of one attribute; strings come back as text."""
    for entry in node.attribute:
        if entry.name == name:
            value = helper.get_attribute_value(entry)
            return value.decode() if isinstance(value, bytes) else value
    return default


def with_unique_dq(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which each DequantizeLinear has one reader.

    Every session does this before providers see the graph, also with optimizations off, because units of
    quantized nodes must not overlap (ONNX Runtime's EnsureUniqueDQForNodeUnit). A DequantizeLinear that is a
    graph output keeps that name, and its readers get copies.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    outputs = {info.name for info in graph.output}
    slots: dict[str, list[tuple[onnx.NodeProto, int]]] = {}
    for node in graph.node:
        for place, name in enumerate(node.input):
            slots.setdefault(name, []).append((node, place))
    known = {info.name: info for info in (*graph.value_info, *graph.output)}
    extra = []
    for node in graph.node:
        if node.op_type != "DequantizeLinear":
            continue
        name = node.output[0]
        kept = 0 if name in outputs else 1
        for number, (reader, place) in enumerate(slots.get(name, [])[kept:]):
            twin = onnx.NodeProto()
            twin.CopyFrom(node)
            twin.output[0] = f"{name}/duplicated_{number}"
            twin.name = f"{node.name or name}/duplicated_{number}"
            reader.input[place] = twin.output[0]
            extra.append(twin)
            if name in known:
                info = graph.value_info.add()
                info.CopyFrom(known[name])
                info.name = twin.output[0]
    graph.node.extend(extra)
    return copy
