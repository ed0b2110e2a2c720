"""One AdaIN site as a graph of stock operators, as the exported vocoder has it, and as one fused operator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from quantize.ops.fused_ops import ADAIN, ADAIN_INPUTS, OPS_DOMAIN, OPS_VERSION
from quantize.ops.turns import FROM_LAST, TO_LAST

SLOPE = 0.2
ZERO = 117  # zero point of the output


def channels_last(node: onnx.NodeProto, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> list[onnx.NodeProto]:
    """The node between Transposes of these inputs, where it reads them, and outputs."""
    turns = []
    for place, name in enumerate(node.input):
        if name in inputs:
            turns.append(helper.make_node("Transpose", [name], [f"{name}/last"], perm=TO_LAST))
            node.input[place] = f"{name}/last"
    for place, name in enumerate(node.output):
        if name in outputs:
            node.output[place] = f"{name}/last"
    backs = [helper.make_node("Transpose", [f"{name}/last"], [name], perm=FROM_LAST) for name in outputs]
    return [*turns, node, *backs]


@dataclass(frozen=True)
class AdainCase:
    """A site: which inputs it has, and its shape [1, channels, 1, columns]."""

    channels: int
    columns: int
    has_bytes: bool = True
    has_added: bool = False
    has_mask: bool = False
    snake: bool = True
    floats: bool = False  # whether it gives the activated values, too

    @property
    def has_sum(self) -> bool:
        return self.has_bytes and self.has_added

    def feed(self, seed: int = 0) -> dict[str, NDArray[Any]]:
        rng = np.random.default_rng(seed)
        shape = (1, self.channels, 1, self.columns)
        values: dict[str, NDArray[Any]] = {}
        if self.has_bytes:
            values["bytes"] = np.clip(rng.normal(110, 30, shape), 0, 255).astype(np.uint8)
        if self.has_added:
            values["added"] = rng.normal(0.5, 1, shape).astype(np.float32)
        if self.has_mask:
            real = np.arange(self.columns) < max(1, self.columns - self.columns // 5)
            values["mask"] = real.astype(np.float32).reshape(1, 1, 1, -1)
        return values

    def stock(self) -> onnx.ModelProto:
        nodes: list[onnx.NodeProto] = []

        def add(kind: str, inputs: str, output: str, **attributes: Any) -> None:
            nodes.append(helper.make_node(kind, inputs.split(), [output], name=output, **attributes))

        value = "added"
        if self.has_bytes:
            add("DequantizeLinear", "bytes byte_step byte_zero", "unscaled")
            value = "sum" if self.has_added else "scaled"
            add("Mul", "unscaled factor", "scaled")
            if self.has_added:
                add("Add", "scaled added", "sum")
        if self.has_mask:
            add("ReduceMean", "mask", "real", axes=[3])
            add("Mul", f"{value} mask", "masked")
            add("ReduceMean", "masked", "part", axes=[3])
            add("Div", "part real", "mean")
            add("Sub", f"{value} mean", "unmasked")
            add("Mul", "unmasked mask", "centered")
        else:
            add("ReduceMean", value, "mean", axes=[3])
            add("Sub", f"{value} mean", "centered")
        add("Mul", "centered centered", "squared")
        add("ReduceMean", "squared", "spread" if self.has_mask else "variance", axes=[3])
        if self.has_mask:
            add("Div", "spread real", "variance")
        add("Add", "variance epsilon", "safe")
        add("Sqrt", "safe", "deviation")
        add("Div", "gain deviation", "scale")
        add("Mul", "centered scale", "normal")
        add("Add", "normal shift", "styled" if self.has_mask else "x")
        if self.has_mask:
            add("Mul", "styled mask", "x")
        if self.snake:
            add("Mul", "frequency x", "angle")
            add("Sin", "angle", "sine")
            add("Mul", "sine sine", "power")
            add("Mul", "amplitude power", "wave")
            add("Add", "x wave", "active")
        else:
            add("LeakyRelu", "x", "active", alpha=SLOPE)
        add("QuantizeLinear", "active step zero", "out")
        return self._model(nodes)

    def fused(self, **changed: str) -> onnx.ModelProto:
        """One AdaIN between Transposes; `changed` replaces inputs by others, which plants a defect."""
        names = {name: name for name in ("gain", "shift", "epsilon", "step", "zero")}
        if self.has_bytes:
            names |= {name: name for name in ("bytes", "byte_step", "byte_zero", "factor")}
        if self.has_added:
            names["added"] = "added"
        if self.has_mask:
            names["mask"] = "mask"
        if self.snake:
            names |= {"frequency": "frequency", "amplitude": "amplitude"}
        inputs = [(names | changed).get(name, "") for name in ADAIN_INPUTS]
        slope: dict[str, Any] = {} if self.snake else {"slope": SLOPE}
        outputs = ["out", "sum" if self.has_sum else "", "active" if self.floats else ""]
        node = helper.make_node(ADAIN, inputs, outputs, domain=OPS_DOMAIN, **slope)
        return self._model(channels_last(node, ("bytes", "added"), tuple(name for name in outputs if name)))

    def _model(self, nodes: list[onnx.NodeProto]) -> onnx.ModelProto:
        dims = [1, self.channels, 1, self.columns]
        ports = {"bytes": (TensorProto.UINT8, dims), "added": (TensorProto.FLOAT, dims)}
        ports["mask"] = (TensorProto.FLOAT, [1, 1, 1, self.columns])
        inputs = [helper.make_tensor_value_info(name, *ports[name]) for name in self.feed()]
        outputs = [helper.make_tensor_value_info("out", TensorProto.UINT8, dims)]
        if self.floats:
            outputs.append(helper.make_tensor_value_info("active", TensorProto.FLOAT, dims))
        if self.has_sum:
            outputs.append(helper.make_tensor_value_info("sum", TensorProto.FLOAT, dims))
        read = {name for node in nodes for name in node.input}
        stored = [numpy_helper.from_array(array, name) for name, array in self._constants().items() if name in read]
        graph = helper.make_graph(nodes, "site", inputs, outputs, stored)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(OPS_DOMAIN, OPS_VERSION)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def _constants(self) -> Mapping[str, NDArray[Any]]:
        rng = np.random.default_rng(1)
        shape = (1, self.channels, 1, 1)
        frequency = rng.uniform(0.3, 8, shape)
        floats = {
            "factor": rng.uniform(0.5, 2, shape),
            "gain": rng.normal(1, 0.3, shape),
            "shift": rng.normal(0, 0.3, shape),
            "epsilon": np.full(shape, 1e-5),
            "frequency": frequency,
            "amplitude": 1 / frequency,
            "step": np.array(0.03),
            "byte_step": np.array(0.02),
            "one": np.array(1.0),
            "many": rng.normal(1, 0.3, (1, self.channels + 1, 1, 1)),
        }
        zeros = {"zero": np.array(ZERO, np.uint8), "byte_zero": np.array(105, np.uint8)}
        return {name: array.astype(np.float32) for name, array in floats.items()} | zeros
