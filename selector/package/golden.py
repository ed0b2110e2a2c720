"""The sentence by which a device or a simulation is compared with the CPU, and the floor of each stage in dB.

A package has no tensors for it: the verification makes them from the package's own files, on the CPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import onnx
from onnx import TensorProto

# "Hello world, how are you?" in the model's alphabet: fixed, so that no front end affects a verdict, and short
# enough for the smallest bucket.
PHONEMES: Final = "həlˈO wˈɜɹld, hˌW ɑɹ jˈu?"
SPEED: Final = 1.0
SEED: Final = 0
# dB against the CPU. Half precision gave 52 dB on this vocoder; units of 8 bits agree within their rounding steps.
FLOOR_FINE: Final = 40.0  # activations float or 16-bit
FLOOR_COARSE: Final = 30.0  # any 8-bit activation
EIGHT_BITS: Final = (TensorProto.UINT8, TensorProto.INT8)


def golden_section(models: Mapping[str, Mapping[str, bytes]], voice: str) -> dict[str, Any]:
    """The manifest's `golden`.

    Args:
        models: stage -> bucket -> ONNX file.
        voice: the voice that speaks the sentence.
    """
    return {"phonemes": PHONEMES, "voice": voice, "speed": SPEED, "seed": SEED, "floors": stage_floors(models)}


def stage_floors(models: Mapping[str, Mapping[str, bytes]]) -> dict[str, float]:
    """dB by stage: the floor of the stage's coarsest bucket. Arguments as in `golden_section`."""
    return {stage: min(floor_for(model) for model in buckets.values()) for stage, buckets in models.items()}


def floor_for(content: bytes) -> float:
    """30 dB if a QuantizeLinear of the graph gives 8 bits, else 40."""
    graph = onnx.load_from_string(content).graph
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    types |= {node.output[0]: node.attribute[0].t.data_type for node in graph.node if node.op_type == "Constant"}
    coarse = any(_written(node, types) in EIGHT_BITS for node in graph.node if node.op_type == "QuantizeLinear")
    return FLOOR_COARSE if coarse else FLOOR_FINE


def _written(node: onnx.NodeProto, types: Mapping[str, int]) -> int:
    """Data type of a QuantizeLinear's output; without zero point and attribute it is uint8."""
    said = [attribute.i for attribute in node.attribute if attribute.name == "output_dtype"]
    if said and said[0]:
        return said[0]
    if len(node.input) > 2 and node.input[2]:
        return types.get(node.input[2], TensorProto.UNDEFINED)
    return TensorProto.UINT8
