"""Extracts each residual block of a vocoder as a model of its own, to find the block in which the whole goes wrong.

A block is all nodes whose names begin with its module's name, plus the Q and DQ at its inputs and outputs, because a
convolution is a unit only together with the Q and DQ before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import onnx
from onnx import helper

from android_test.coverage.graph_view import GraphView

BLOCK: Final = re.compile(r"/?(encode|(?:decode|noise_res|resblocks)\.\d+)[./]")
ROUNDING: Final = ("QuantizeLinear", "DequantizeLinear")


@dataclass(frozen=True)
class Block:
    """One block, and the values that it reads."""

    name: str
    model: onnx.ModelProto

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of values in the whole graph."""
        return tuple(value.name for value in self.model.graph.input)


def blocks_of(model: onnx.ModelProto) -> list[Block]:
    """Every residual block of `model`, in the graph's order. `model` holds its weights and knows all shapes."""
    view = GraphView(model)
    members: dict[str, set[int]] = {}
    for i, node in enumerate(view.nodes):
        found = BLOCK.match(node.name)
        if found:
            members.setdefault(found[1], set()).add(i)
    return [Block(name, _cut(view, _with_rounding(view, kept))) for name, kept in members.items()]


def _with_rounding(view: GraphView, kept: set[int]) -> set[int]:
    """The Q and DQ before a block's nodes and behind its last convolution, and the DQ of its weights."""
    whole, edge = set(kept), list(kept)
    while edge:
        node = view.nodes[edge.pop()]
        around = [view.producer[name] for name in node.input if name in view.producer]
        if node.op_type in ("Conv", "QuantizeLinear"):
            around += [i for name in node.output for i in view.readers.get(name, [])]
        for i in around:
            if i not in whole and view.nodes[i].op_type in ROUNDING:
                whole.add(i)
                edge.append(i)
    return whole


def _cut(view: GraphView, kept: set[int]) -> onnx.ModelProto:
    model, graph = view.model, view.model.graph
    nodes = [view.nodes[i] for i in sorted(kept)]
    others = [node for i, node in enumerate(view.nodes) if i not in kept]
    made = {name for node in nodes for name in node.output}
    needed = dict.fromkeys(name for node in nodes for name in node.input if name and name not in made)
    constants = [tensor for tensor in graph.initializer if tensor.name in needed]
    stored = {tensor.name for tensor in constants}
    wanted = {name for node in others for name in node.input} | {value.name for value in graph.output}
    known = {value.name: value for value in (*graph.value_info, *graph.input, *graph.output)}
    inputs = [known[name] for name in needed if name not in stored]
    outputs = [known[name] for node in nodes for name in node.output if name in wanted]
    inside = [known[name] for name in made if name in known and name not in wanted]
    cut = helper.make_graph(nodes, "block", inputs, outputs, constants, value_info=sorted(inside, key=lambda v: v.name))
    return helper.make_model(cut, opset_imports=model.opset_import, ir_version=model.ir_version)
