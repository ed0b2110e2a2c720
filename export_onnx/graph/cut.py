"""Cuts the vocoder's graph into decoder and generator at the one value that crosses from one to the other.

Before   one graph
After    two, with `features` between them; values of gains, shifts and mask that both need are computed in both
Why      as one graph, its binary for Qualcomm's NPU had 72 MB at 15 s and 16-bit activations, measured once; the halves
         have 34 and 38 MB, see android_test/coverage/htp/compile_table.md. The vocoder is quantized whole and cut
         afterwards, because scales and error compensation cross the cut
Price    none: `features` is a float value in every graph, quantized or not, so both halves run the same operators

Requires the value `features` (`name_features`) with its shape.
"""

from __future__ import annotations

import onnx
from onnx.utils import Extractor

from export_onnx import contracts
from export_onnx.contracts import FEATURES, HALVES, VOCODER
from export_onnx.errors import ContractError

BLOCKS = "/decode."  # names of the nodes of the decoder's last blocks begin so: the modules' path


def name_features(model: onnx.ModelProto) -> None:
    """Gives the value behind the decoder's last block its name in the contract, in place.

    Raises:
        ContractError: not exactly one value leaves the blocks.
    """
    graph = model.graph
    made = {name for node in graph.node if node.name.startswith(BLOCKS) for name in node.output}
    leaving = {n for node in graph.node if not node.name.startswith(BLOCKS) for n in node.input if n in made}
    if len(leaving) != 1:
        raise ContractError(
            f"{graph.name}, {BLOCKS}*",
            expected="one value that leaves the decoder's blocks",
            got=", ".join(sorted(leaving)) or "none",
            todo="Mend BLOCKS in export_onnx/graph/cut.py.",
        )
    old = leaving.pop()
    for node in graph.node:
        node.input[:] = [FEATURES.name if name == old else name for name in node.input]
        node.output[:] = [FEATURES.name if name == old else name for name in node.output]
    for value in graph.value_info:
        if value.name == old:
            value.name = FEATURES.name


def shipped(name: str, graph: onnx.ModelProto) -> dict[str, onnx.ModelProto]:
    """The stages that ship from one graph of `contracts.GRAPHS`, by name: the graph itself, or the halves of it.

    Raises:
        ContractError: see `cut`.
    """
    return cut(graph) if any(stage.made_from == name for stage in contracts.STAGES) else {name: graph}


def cut(vocoder: onnx.ModelProto) -> dict[str, onnx.ModelProto]:
    """Both halves by stage name; `vocoder` holds its weights and is not changed.

    Raises:
        ContractError: it has no value `features`, or a half would need more than its ports.
    """
    graph = vocoder.graph
    if FEATURES.name not in {name for node in graph.node for name in node.output}:
        raise ContractError(
            graph.name, expected=f"a value {FEATURES.name!r}", got="none", todo="Export the vocoder again."
        )
    has = {FEATURES.name, *(value.name for value in graph.input)}  # a graph of free lengths has no mask
    halves = {}
    for name in HALVES:
        stage = contracts.stage(name)
        ports = [port.name for port in stage.inputs if port.name in has]
        half = Extractor(vocoder).extract_model(ports, [port.name for port in stage.outputs])
        half.graph.name = graph.name.replace(VOCODER.name, name)
        half.producer_name = vocoder.producer_name
        doors = {value.name for value in (*half.graph.input, *half.graph.output)}
        inside = [value for value in half.graph.value_info if value.name not in doors]
        del half.graph.value_info[:]
        half.graph.value_info.extend(inside)
        _check_inputs(half, name)
        halves[name] = half
    return halves


def _check_inputs(half: onnx.ModelProto, name: str) -> None:
    """Checks that every value is made in the half, or is one of its inputs."""
    graph = half.graph
    known = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    known |= {output for node in graph.node for output in node.output}
    missing = {value for node in graph.node for value in node.input if value and value not in known}
    if missing:
        raise ContractError(
            f"{graph.name}", expected=f"only the ports of {name}", got=", ".join(sorted(missing)), todo="Cut elsewhere."
        )
