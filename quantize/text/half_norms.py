"""Layer norms of `bert` that half precision can compute, where an NPU computes them in it.

Before   c / sqrt(mean(c * c) + 1e-12), with c = x - mean(x)
After    d / sqrt(mean(d * d) + 2^-14), with d = s * c and s a power of two of each norm's own
Why      in half precision 1e-12 is zero, and the square of more than 255.9 is infinite. On Kokoro-82M's weights |c| is
         0.9 at most in the first norm and 289 in one of the last. 2^-14 is the smallest number that no hardware flushes
         to zero
Price    s cancels, since d / sqrt(mean(d * d) + 2^-14) = c / sqrt(mean(c * c) + 2^-14 / s^2), and a product by a power
         of two is exact. What remains is another epsilon: a token of variance v changes by the factor
         sqrt((v + 1e-12) / (v + 2^-14 / s^2)). `PRICE_DB` is the floor of the whole graph in float32

s is the largest power of two with s * |c| of at most 255.9. |c| is at most 2 |x|, and |x| is at most the sum of the
largest values of both terms that x is made of. Calibration saw these; of an embedding, the table holds them. The factor
of 2 is seldom needed, so it is also the room for sentences that calibration did not have.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export_onnx.errors import ContractError

EPSILON: Final = float(np.finfo(np.float16).smallest_normal)  # 2^-14
ROOT: Final = float(np.finfo(np.float16).max) ** 0.5  # 255.9, whose square is the largest number
EPSILON_NAME: Final = "half_epsilon"
PRICE_DB: Final = 60.0  # half precision's own rounding leaves less


@dataclass(frozen=True)
class LayerNorm:
    """One norm in operators, as `export_onnx/surgery/layer_norm.py` writes it.

    Attributes:
        terms: the two values whose sum is x.
        value, centred: x and c.
        square, add, divide: places of the nodes c * c, mean + epsilon and c / sqrt in the graph.
    """

    terms: tuple[str, str]
    value: str
    centred: str
    square: int
    add: int
    divide: int


def layer_norms(model: onnx.ModelProto) -> list[LayerNorm]:
    """The norms of a graph in its order. A Div by a Sqrt that is not made like one is left out."""
    nodes = list(model.graph.node)
    maker = {name: place for place, node in enumerate(nodes) for name in node.output}

    def made(name: str, op_type: str) -> int | None:
        place = maker.get(name)
        return place if place is not None and nodes[place].op_type == op_type else None

    found = []
    for divide in (place for place, node in enumerate(nodes) if node.op_type == "Div"):
        centred, root = nodes[divide].input
        chain: list[int] = []
        for op_type in ("Sqrt", "Add", "ReduceMean", "Mul"):
            place = made(nodes[chain[-1]].input[0] if chain else root, op_type)
            if place is None:
                break
            chain.append(place)
        sub = made(centred, "Sub")
        if len(chain) < 4 or sub is None or set(nodes[chain[3]].input) != {centred}:
            continue
        value = nodes[sub].input[0]
        both = made(value, "Add")
        if both is not None:
            left, right = nodes[both].input
            found.append(LayerNorm((left, right), value, centred, chain[3], chain[1], divide))
    return found


def norm_extremes(model: onnx.ModelProto, seen: Mapping[str, float]) -> dict[str, float]:
    """The largest |x| of each norm, by the value's name: the sum of both terms' largest values.

    Args:
        model: holds its weights.
        seen: the largest absolute value that calibration saw, by the value's name.

    Raises:
        ContractError: of a term nothing is known.
    """
    return {norm.value: sum(_largest(model, term, seen) for term in norm.terms) for norm in layer_norms(model)}


def fit_norms_to_half(model: onnx.ModelProto, extremes: Mapping[str, float]) -> onnx.ModelProto:
    """A copy of `model` with every norm's input scaled by a power of two, and an epsilon that half precision holds.

    Args:
        extremes: as `norm_extremes` gives them.

    Raises:
        ContractError: the graph has a Sqrt that is in no norm, or an extreme is no number above zero.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph, norms = copy.graph, layer_norms(model)
    roots = sum(node.op_type == "Sqrt" for node in graph.node)
    if not norms or roots != len(norms):
        raise _wrong(model, f"{roots} norms", f"{len(norms)} norms and {roots} Sqrt")
    shapes = {info.name: info for info in graph.value_info}
    behind: dict[int, onnx.NodeProto] = {}  # place of the square -> the product in front of it
    graph.initializer.append(numpy_helper.from_array(np.array(EPSILON, np.float32), EPSILON_NAME))
    for norm in norms:
        scaled, factor = f"{norm.centred}.scaled", f"{norm.centred}.scale"
        scale = norm_scale(extremes[norm.value]) if extremes[norm.value] > 0 else 0.0
        if not (0 < scale < math.inf):
            raise _wrong(model, "an extreme above zero of each norm", f"{norm.value}: {extremes[norm.value]}")
        graph.initializer.append(numpy_helper.from_array(np.array(scale, np.float32), factor))
        nodes = graph.node
        behind[norm.square] = helper.make_node("Mul", [norm.centred, factor], [scaled], f"/{scaled}/Mul")
        nodes[norm.square].input[:] = [scaled, scaled]
        nodes[norm.divide].input[0] = scaled
        nodes[norm.add].input[1] = EPSILON_NAME
        if norm.centred in shapes:
            info = graph.value_info.add()
            info.CopyFrom(shapes[norm.centred])
            info.name = scaled
    ordered = list(_with_products(list(graph.node), behind))
    del graph.node[:]
    graph.node.extend(ordered)
    read = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    return copy


def norm_scale(largest: float) -> float:
    """The largest power of two whose product with 2 * `largest` squares to a number of half precision."""
    return float(2.0 ** math.floor(math.log2(ROOT / (2 * largest))))


def _with_products(nodes: list[onnx.NodeProto], behind: Mapping[int, onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    for place, node in enumerate(nodes):
        if place in behind:
            yield behind[place]
        yield node


def _largest(model: onnx.ModelProto, name: str, seen: Mapping[str, float]) -> float:
    """The largest absolute value: calibration's, or a table's behind a Gather and changes of shape."""
    if name in seen:
        return seen[name]
    for tensor in model.graph.initializer:
        if tensor.name == name and tensor.data_type == TensorProto.FLOAT:
            return float(np.abs(numpy_helper.to_array(tensor)).max())
    for node in model.graph.node:
        if name in node.output and node.op_type in ("Gather", "Transpose", "Unsqueeze", "Reshape"):
            return _largest(model, node.input[0], seen)
    raise _wrong(model, "a value that calibration saw, or a table", name)


def _wrong(model: onnx.ModelProto, expected: str, got: str) -> ContractError:
    todo = "Run `python -m calibrate` on this export again; a new form of norm needs a form in half_norms.py."
    return ContractError(f"norms of {model.graph.name}", expected=expected, got=got, todo=todo)
