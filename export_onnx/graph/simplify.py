"""The traced graph -> the graph that ships: onnxsim, then our passes in order, then the promises they make.

The order matters: constants first (later passes look at initializers), shapes last (they describe the result).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import onnx
import onnxsim
from onnx import helper, shape_inference

from export_onnx.contracts import Bucket, Stage
from export_onnx.errors import ContractError
from export_onnx.geometry import TIME_MULTIPLE

OPSET: Final = 17  # from 18 on the reductions take their axes as an input; both NPU providers know 17 in every release
IR_VERSION: Final = 8

# What an NPU stage may hold: the ops that both ONNX Runtime's NNAPI provider and Qualcomm's HTP take in float.
NPU_OPS: Final = frozenset(
    {"Add", "Concat", "Conv", "Div", "Gather", "Gemm", "LeakyRelu", "MatMul", "Mul", "Pad", "ReduceMean", "Reshape"}
    | {"Sin", "Slice", "Softmax", "Sqrt", "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze"}
)
# Nodes whose weights may be shared: one tensor read many times. All others get their own (see own_constants).
SHARING_OPS: Final = frozenset({"Conv", "ConvTranspose", "Gemm", "LSTM", "MatMul", "Gather"})


def constants_to_initializers(model: onnx.ModelProto) -> None:
    """Constant nodes become initializers: the NNAPI provider knows only those."""
    kept = []
    for node in model.graph.node:
        if node.op_type != "Constant":
            kept.append(node)
            continue
        tensor = onnx.TensorProto()
        tensor.CopyFrom(node.attribute[0].t)
        tensor.name = node.output[0]
        model.graph.initializer.append(tensor)
    del model.graph.node[:]
    model.graph.node.extend(kept)


def own_constants(model: onnx.ModelProto) -> None:
    """Elementwise nodes get their own copy of a constant.

    A constant shared between norms left a DequantizeLinear on the CPU when they were quantized for Qualcomm's NPU.
    """
    initializers = {t.name: t for t in model.graph.initializer}
    readers: Counter[str] = Counter()
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            if name not in initializers or node.op_type in SHARING_OPS:
                continue
            readers[name] += 1
            if readers[name] > 1:
                copy = model.graph.initializer.add()
                copy.CopyFrom(initializers[name])
                copy.name = f"{name}.{readers[name]}"
                node.input[i] = copy.name


def sort_initializers(model: onnx.ModelProto) -> None:
    """By name, and only those that are read: the bytes do not depend on a pass's order."""
    read = {name for node in model.graph.node for name in node.input}
    kept = sorted((t for t in model.graph.initializer if t.name in read), key=lambda t: t.name)
    copies = [onnx.TensorProto.FromString(t.SerializeToString()) for t in kept]
    del model.graph.initializer[:]
    model.graph.initializer.extend(copies)


def anonymize(model: onnx.ModelProto) -> None:
    """No paths, stack traces or versions of the machine that exported."""
    model.producer_name, model.producer_version, model.doc_string = "kokoro-npu", "", ""
    model.ir_version = IR_VERSION
    del model.metadata_props[:]
    model.graph.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]


def infer_shapes(model: onnx.ModelProto) -> None:
    """Every value gets its type and shape: the NNAPI provider refuses a node without."""
    del model.graph.value_info[:]
    inferred = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    model.CopyFrom(inferred)


PASSES: Final[tuple[Callable[[onnx.ModelProto], None], ...]] = (
    constants_to_initializers,
    own_constants,
    sort_initializers,
    anonymize,
    infer_shapes,
)


def simplify(model: onnx.ModelProto, stage: Stage, sizes: dict[str, int], bucket: Bucket) -> onnx.ModelProto:
    """The graph that ships, checked.

    Raises:
        ContractError: a promise does not hold.
    """
    where = f"{stage.name}_{bucket.name}"
    simple, _ = onnxsim.simplify(model)  # its own check is off by default and says yes; `parity.py` compares the result
    for run in PASSES:
        run(simple)
    check_graph(simple, stage, sizes, where)
    return simple


def check_graph(model: onnx.ModelProto, stage: Stage, sizes: dict[str, int], where: str) -> None:
    """The promises: the contract's ports, every dimension known, and on NPU stages known ops and time lengths.

    Raises:
        ContractError: names the node or value.
    """
    onnx.checker.check_model(model, full_check=True)
    graph = model.graph
    for ports, values in ((stage.inputs, graph.input), (stage.outputs, graph.output)):
        expected = [(p.name, p.dtype, p.resolve(sizes)) for p in ports]
        got = [(v.name, _dtype(v), _shape(v)) for v in values]
        if expected != got:
            raise ContractError(
                f"{where}, ports", expected=str(expected), got=str(got), todo="Mend contracts or stage."
            )
    known = {v.name: v for v in (*graph.value_info, *graph.input, *graph.output)}
    for node in graph.node:
        for output in filter(None, node.output):
            if output not in known or any(size is None for size in _shape(known[output])):
                raise ContractError(
                    f"{where}, {node.op_type} {node.name}",
                    expected="a static shape",
                    got=str(_shape(known[output]) if output in known else "no value_info"),
                    todo="Take the size from the bucket, not from data.",
                )
    if stage.runs_on != "npu":
        return
    for node in graph.node:
        if node.op_type not in NPU_OPS:
            raise ContractError(
                f"{where}, {node.name}",
                expected="an op that both NPU providers take",
                got=node.op_type,
                todo="Rewrite it in export_onnx/surgery.",
            )
        if node.op_type == "Conv":
            length = _shape(known[node.output[0]])[3]
            if length is None or length % TIME_MULTIPLE:
                raise ContractError(
                    f"{where}, {node.name}",
                    expected=f"a time axis that is a multiple of {TIME_MULTIPLE}",
                    got=str(length),
                    todo="Choose the bucket's frames and tokens as multiples of 8.",
                )


def _dtype(value: onnx.ValueInfoProto) -> str:
    return str(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))


def _shape(value: onnx.ValueInfoProto) -> tuple[int | None, ...]:
    return tuple(d.dim_value if d.HasField("dim_value") else None for d in value.type.tensor_type.shape.dim)
