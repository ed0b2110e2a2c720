"""The golden sentence's floors: 8-bit activations agree less closely than wider ones."""

from __future__ import annotations

import pytest
from onnx import TensorProto, helper, numpy_helper

from selector.package import golden


def quantizing(kind: int) -> bytes:
    x, y = (helper.make_tensor_value_info(name, t, (4,)) for name, t in (("x", TensorProto.FLOAT), ("y", kind)))
    zero = numpy_helper.from_array(helper.tensor_dtype_to_np_dtype(kind).type(0).reshape(()), "zero")
    scale = helper.make_tensor("scale", TensorProto.FLOAT, (), [0.1])
    graph = helper.make_graph([helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["y"])], "g", [x], [y])
    graph.initializer.extend([scale, zero])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]).SerializeToString()


@pytest.mark.parametrize(
    ("kind", "floor"), [(TensorProto.UINT8, 30.0), (TensorProto.INT8, 30.0), (TensorProto.UINT16, 40.0)]
)
def test_floors_follow_the_activations(kind: int, floor: float) -> None:
    assert golden.floor_for(quantizing(kind)) == floor
    fine = quantizing(TensorProto.UINT16)
    section = golden.golden_section({"generator": {"5s": fine, "10s": quantizing(kind)}, "tail": {"5s": fine}}, "a")
    assert section["floors"] == {"generator": floor, "tail": 40.0}
