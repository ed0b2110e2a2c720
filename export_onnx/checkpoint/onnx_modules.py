"""Finds the parameters of the original's modules among a graph's constants, by the modules' own names.

Torch's exporter keeps most names (`kmodel.decoder.encode.conv1.bias`). A folded tensor loses its name, but its node
keeps the path of the module (`/decoder/encode/conv1/Conv`). Both are matched by their ends, so no exporter's prefix
matters.

    weight norm    folded into one weight W: v = W and g = ||W|| give W back to the bit; a filter of zeros has g = 0
    Linear         stored as [in, out], the transpose of the original's
    LSTM           both directions in one tensor, gates in ONNX's order, i o f c; torch's is i f g o
    bert.pooler    in no export, because speech takes the last hidden state: zeros
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import onnx
import torch
from kokoro.model import KModel
from torch import Tensor

from export_onnx.checkpoint.onnx_constants import Constants, by_end, scope
from export_onnx.checkpoint.tensor_files import PARTS

State = dict[str, dict[str, Tensor]]  # part -> name -> tensor
Read = dict[str, Tensor | None]  # a module's own parameters

NODES: Final = {
    torch.nn.Conv1d: ("Conv", "ConvInteger"),
    torch.nn.ConvTranspose1d: ("ConvTranspose",),
    torch.nn.Linear: ("MatMul", "Gemm", "MatMulInteger"),
    torch.nn.LSTM: ("LSTM", "DynamicQuantizeLSTM"),
    torch.nn.LayerNorm: ("LayerNormalization",),
    torch.nn.InstanceNorm1d: ("InstanceNormalization",),
}
TORCH_GATES: Final = (0, 2, 3, 1)  # i f g o out of i o f c
UNUSED: Final = ("bert.pooler.weight", "bert.pooler.bias")


def read_modules(graph: Constants, model: KModel) -> State:
    """Every parameter of `model` that the graph holds; the caller refuses missing ones.

    Args:
        model: gives the names, kinds and shapes; may be on the meta device.
    """
    modules = dict(model.named_modules())
    nodes = find_nodes(graph, modules)
    values = by_end(graph.named)
    state: State = {part: {} for part in PARTS}
    for path, module in modules.items():
        read: Read = {}
        if path in nodes:
            read = READERS[type(module)](graph, nodes[path], module)
        for name, parameter in module.named_parameters(recurse=False):
            key = f"{path}.{name}"
            value = read.get(name)
            found = {graph.named[end] for end in values.get(key, [])}
            if value is None and len(found) == 1:
                value = graph.take(*found)
            if value is None and key in UNUSED:
                value = torch.zeros(parameter.shape)
            if value is not None:
                part, _, rest = key.partition(".")
                state[part][rest] = value.contiguous()
    return state


def find_nodes(graph: Constants, modules: Mapping[str, torch.nn.Module]) -> dict[str, onnx.NodeProto]:
    """Module path -> the node that was exported from it.

    A module that is called from outside its parent lacks the parent's name: `/F0.0/conv1/Conv` is
    `predictor.F0.0.conv1`. Such a node is searched among those whose path is no whole module path.
    """
    ends = by_end(graph.scopes)
    found: dict[str, str] = {}
    for whole in (True, False):
        claimed = set(found.values())
        for path, module in modules.items():
            end = path if whole else path.partition(".")[2]
            kinds = NODES.get(type(module), ())
            fitting = [s for s in ends.get(end, []) if s not in claimed and _first(graph.scopes[s], kinds) is not None]
            if path not in found and len(fitting) == 1:
                found[path] = fitting[0]
    nodes = {path: _first(graph.scopes[at], NODES[type(modules[path])]) for path, at in found.items()}
    return {path: node for path, node in nodes.items() if node is not None}


def _first(nodes: list[onnx.NodeProto], kinds: tuple[str, ...]) -> onnx.NodeProto | None:
    return next((node for node in nodes if node.op_type in kinds), None)


def read_conv(graph: Constants, node: onnx.NodeProto, module: Any) -> Read:
    """W, or v and g of the same W; the bias if the node has it (integer products add it later)."""
    weight = graph.weight(node)
    bias = graph.take(node.input[2]) if node.op_type != "ConvInteger" and len(node.input) > 2 else None
    if weight is None or not hasattr(module, "weight_g"):
        return {"weight": weight, "bias": bias}
    # The norm as torch itself takes it, so that g / ||v|| is exactly 1.
    norm = torch._weight_norm_interface(weight, torch.ones(len(weight), 1, 1), 0)[1].reshape(-1, 1, 1)
    return {"weight_v": torch.where(norm == 0, torch.ones(()), weight), "weight_g": norm, "bias": bias}


def read_linear(graph: Constants, node: onnx.NodeProto, module: Any) -> Read:
    """The weight as [out, in], also if the node holds it transposed."""
    weight = graph.weight(node)
    as_torch = node.op_type == "Gemm" and any(a.name == "transB" and a.i for a in node.attribute)
    added = [node] if node.op_type == "Gemm" else [n for n in graph.scopes[scope(node.name)] if n.op_type == "Add"]
    biases = [name for n in added for name in n.input[2 * (n is node) :] if graph.root(name) is not None]
    bias = graph.take(biases[0]) if len(biases) == 1 else None
    return {"weight": weight if weight is None or as_torch else weight.T, "bias": bias}


def read_lstm(graph: Constants, node: onnx.NodeProto, module: Any) -> Read:
    """Weights [2, 4 H, in], or in 8 bits [2, in, 4 H]; biases [2, 8 H], of inputs and of the state."""
    w, r, b = node.input[1:4]
    if node.op_type == "LSTM":
        weights = [graph.take(w), graph.take(r)]
    else:
        in_bytes = [graph.dequantized(w, *node.input[8:10], axis=0), graph.dequantized(r, *node.input[10:12], axis=0)]
        weights = [None if weight is None else weight.transpose(1, 2) for weight in in_bytes]
    biases = graph.take(b)
    read: Read = {}
    for direction, end in enumerate(("l0", "l0_reverse")):
        halves = (None, None) if biases is None else biases[direction].chunk(2)
        tensors = [None if weight is None else weight[direction] for weight in weights]
        for name, tensor in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), (*tensors, *halves), strict=True):
            read[f"{name}_{end}"] = None if tensor is None else _torch_gates(tensor)
    return read


def _torch_gates(tensor: Tensor) -> Tensor:
    gates = tensor.chunk(4)
    return torch.cat([gates[i] for i in TORCH_GATES])


def read_norm(graph: Constants, node: onnx.NodeProto, module: Any) -> Read:
    """The affine pair."""
    return {"weight": graph.take(node.input[1]), "bias": graph.take(node.input[2])}


READERS: Final[dict[type, Callable[[Constants, onnx.NodeProto, Any], Read]]] = {
    torch.nn.Conv1d: read_conv,
    torch.nn.ConvTranspose1d: read_conv,
    torch.nn.Linear: read_linear,
    torch.nn.LSTM: read_lstm,
    torch.nn.LayerNorm: read_norm,
    torch.nn.InstanceNorm1d: read_norm,
}
