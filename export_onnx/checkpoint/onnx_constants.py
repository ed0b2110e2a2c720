"""Reads the constants of an ONNX graph as float32 tensors, in any form that exporters and quantizers give them.

A constant is an initializer, a `Constant` node, or either of them behind `Identity` (torch's exporter stores equal
tensors once and names the others so) or `DequantizeLinear`. Dynamic quantization stores `(q - zero point) x scale`.
Equal scales and zero points are stored once, under their first user's name, so they are found by following the inputs
of the node that takes the tensor, never by name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor

Array = NDArray[Any]

INTEGER: Final = {"ConvInteger": 0, "MatMulInteger": 1}  # product of integers -> the weight's axis of outputs
WEIGHT, ZERO_POINT = 1, 3  # their inputs
BEHIND: Final = (
    "Add",
    "Cast",
    "Mul",
)  # an integer product becomes float: + bias, cast, x (activation's x weight's scale)
FLOATS: Final = (np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64))
BYTES: Final = (np.dtype(np.int8), np.dtype(np.uint8))


class Constants:
    """A graph's constants, and its nodes by the path of the module they were exported from.

    Attributes:
        stored: name -> tensor.
        taken: names of the tensors that were read so far.
        named: name in the module tree, after an exporter's prefix -> the value that holds the tensor.
        scopes: module path, after an exporter's prefix -> nodes.
        rounded: whether any tensor that was read had been stored in 8 bits.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.stored = {tensor.name: tensor for tensor in model.graph.initializer}
        self.taken: set[str] = set()
        self.rounded = False
        self.scopes: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        self._makers: dict[str, onnx.NodeProto] = {}
        self._users: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in model.graph.node:
            self._makers.update((output, node) for output in node.output if output)
            for name in node.input:
                self._users[name].append(node)
            self.scopes[scope(node.name)].append(node)
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self.stored[node.output[0]] = node.attribute[0].t
        self.named = {name: name for name in (*self.stored, *self._makers) if self.root(name) is not None}
        for name, node in self._makers.items():
            table = self._table(node)
            if table is not None:  # an embedding: the table is dequantized behind Gather
                self.named[table.removesuffix("_quantized")] = name

    def _table(self, node: onnx.NodeProto) -> str | None:
        """DequantizeLinear(Gather(table, ids)) -> the table."""
        source = self._makers.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        return source.input[0] if source is not None and source.op_type == "Gather" else None

    def root(self, name: str) -> str | None:
        """The stored tensor that a value is a copy of, or None if it is computed from the graph's inputs."""
        while name not in self.stored:
            node = self._makers.get(name)
            if node is None or node.op_type not in ("Identity", "DequantizeLinear"):
                return None
            name = node.input[0]
        return name

    def shape(self, name: str) -> list[int]:
        """The shape of a value of `named`."""
        root = self.root(name)
        return list(self.stored[self._table(self._makers[name]) or "" if root is None else root].dims)

    def take(self, name: str) -> Tensor | None:
        """A constant as float32, its tensors marked as taken; None if it is no constant of numbers."""
        node = self._makers.get(name)
        if name in self.stored:
            value = self.array(name)
            return torch.from_numpy(value.astype(np.float32)) if value.dtype in FLOATS else None
        if node is not None and node.op_type == "Identity":
            return self.take(node.input[0])
        if node is not None and node.op_type == "DequantizeLinear":
            axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
            return self.dequantized(self._table(node) or node.input[0], *node.input[1:3], axis=axis)
        return None

    def array(self, name: str) -> Array:
        """A stored tensor, marked as taken."""
        self.taken.add(name)
        return np.array(numpy_helper.to_array(self.stored[name]))

    def dequantized(self, name: str, scale: str, zero_point: str = "", *, axis: int) -> Tensor | None:
        """(q - zero point) x scale, a scale for each index of `axis` or one for all; None if one is not stored."""
        q_name, s_name, z_name = (self.root(n) if n else None for n in (name, scale, zero_point))
        if q_name is None or s_name is None or (zero_point and z_name is None):
            return None
        q, s = self.array(q_name), self.array(s_name).astype(np.float32)
        z = np.zeros((), np.int32) if z_name is None else self.array(z_name).astype(np.int32)
        if q.dtype not in BYTES:
            return None
        exact = self.stored.get(q_name.removesuffix("_quantized"))
        if exact is not None and exact.dims == self.stored[q_name].dims and q_name != exact.name:
            return self.take(exact.name)  # a quantizer left it for a node that it did not take
        self.rounded = True
        steps = (q.astype(np.int32) - _along(z, q, axis)).astype(np.float32)
        return torch.from_numpy(steps * _along(s, q, axis))

    def weight(self, node: onnx.NodeProto) -> Tensor | None:
        """The weight of a convolution or matrix product, as the node holds it; None if it is no constant."""
        if node.op_type not in INTEGER:
            return self.take(node.input[WEIGHT])
        scale = self._scale_behind(node)
        if scale is None:
            return None
        zero_point = node.input[ZERO_POINT] if len(node.input) > ZERO_POINT else ""
        return self.dequantized(node.input[WEIGHT], scale, zero_point, axis=INTEGER[node.op_type])

    def _scale_behind(self, product: onnx.NodeProto) -> str | None:
        """The weight's scale: the one constant among the two scales that the integer product is multiplied by."""
        value = product.output[0]
        while True:
            users = [user for user in self._users[value] if user.op_type in BEHIND]
            if len(users) != 1:
                return None
            (user,) = users
            if user.op_type == "Mul":
                break
            value = user.output[0]
        scales = [self._makers[name] for name in user.input if name != value and name in self._makers]
        constants = [n for s in scales if s.op_type == "Mul" for n in s.input if self.root(n) is not None]
        return constants[0] if len(constants) == 1 else None


def _along(values: Array, q: Array, axis: int) -> Array:
    """One value, one for each index of `axis`, or an LSTM's [directions, columns], shaped to broadcast over q."""
    if values.size == 1:
        return values.reshape(())
    if values.ndim == 2:
        return values[:, None, :]
    return values.reshape([values.size if i == axis else 1 for i in range(q.ndim)])


def scope(name: str) -> str:
    """`/encoder/text_encoder/cnn.0/cnn.0.1/Conv_quant` -> `encoder.text_encoder.cnn.0.1`: containers come twice."""
    path: list[str] = []
    for part in name.split("/")[:-1]:
        if path and part.startswith(path[-1] + "."):
            path.pop()
        path.append(part)
    return ".".join(filter(None, path))


def by_end(paths: Iterable[str]) -> dict[str, list[str]]:
    """Every dotted end of every path -> the paths that end so."""
    ends: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        parts = path.split(".")
        for start in range(len(parts)):
            ends[".".join(parts[start:])].append(path)
    return ends
