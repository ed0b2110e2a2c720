"""Makes the graph that ships from the traced one: runs onnxsim, then our passes in order, then checks the result.

The order matters: constants come first, because later passes read initializers; shapes come last, because they
describe the result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Final

import onnx
import onnxsim
from onnx import helper, shape_inference

from export_onnx.buckets import Bucket
from export_onnx.contracts import FREE, Stage
from export_onnx.errors import ContractError
from export_onnx.geometry import TIME_MULTIPLE

OPSET: Final = 17  # from 18 on the reductions take their axes as an input; both NPU providers take 17 in every release
IR_VERSION: Final = 8

# The ops of an NPU stage: those that both ONNX Runtime's NNAPI provider and Qualcomm's HTP take in float.
NPU_OPS: Final = frozenset(
    {"Add", "Concat", "Conv", "Div", "Gather", "Gemm", "LeakyRelu", "MatMul", "Mul", "Pad", "ReduceMean", "Reshape"}
    | {"Sin", "Slice", "Softmax", "Sqrt", "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze"}
)
# Nodes that may share a constant with others. All other nodes get their own copy (see own_constants).
SHARING_OPS: Final = frozenset({"Conv", "ConvTranspose", "Gemm", "LSTM", "MatMul", "Gather"})


def constants_to_initializers(model: onnx.ModelProto) -> None:
    """Turns Constant nodes into initializers, because the NNAPI provider takes only those."""
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


def trim_inputs(model: onnx.ModelProto) -> None:
    """Optional inputs that are left out at a node's end vanish.

    The exporter writes them as empty names, and the NNAPI provider takes an empty name for a value that is no constant.
    """
    for node in model.graph.node:
        while node.input and not node.input[-1]:
            node.input.pop()


def own_constants(model: onnx.ModelProto) -> None:
    """Gives elementwise nodes their own copy of a constant.

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
    """Sorts initializers by name and drops unread ones, so that the bytes do not depend on the passes' order."""
    read = {name for node in model.graph.node for name in node.input}
    kept = sorted((t for t in model.graph.initializer if t.name in read), key=lambda t: t.name)
    copies = [onnx.TensorProto.FromString(t.SerializeToString()) for t in kept]
    del model.graph.initializer[:]
    model.graph.initializer.extend(copies)


def anonymize(model: onnx.ModelProto) -> None:
    """Removes paths, stack traces and versions of the machine that exported."""
    model.producer_name, model.producer_version, model.doc_string = "kokoro-npu", "", ""
    model.ir_version = IR_VERSION
    del model.metadata_props[:]
    model.graph.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]


def infer_shapes(model: onnx.ModelProto) -> None:
    """Gives every value its type and shape, because the NNAPI provider refuses a node without."""
    del model.graph.value_info[:]
    inferred = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    model.CopyFrom(inferred)


PASSES: Final[tuple[Callable[[onnx.ModelProto], None], ...]] = (
    constants_to_initializers,
    trim_inputs,
    own_constants,
    sort_initializers,
    anonymize,
    infer_shapes,
)


def simplify(model: onnx.ModelProto, stage: Stage, sizes: dict[str, int], bucket: Bucket) -> onnx.ModelProto:
    """Makes the graph that ships, and checks it.

    Raises:
        ContractError: the result breaks a promise of `check_graph`.
    """
    where = f"{stage.name}_{bucket.name}"
    simple, _ = onnxsim.simplify(model)  # its own check is off by default; `parity.py` compares the result
    for run in PASSES:
        run(simple)
    check_graph(simple, stage, sizes, where, FREE if bucket.dynamic else ())
    return simple


def check_graph(
    model: onnx.ModelProto, stage: Stage, sizes: dict[str, int], where: str, free: Collection[str] = ()
) -> None:
    """Checks the contract's ports and that every dimension is known; on NPU stages also the ops and time lengths.

    Args:
        free: sizes that have no number. If there are any, only the ranks of values inside must be known.

    Raises:
        ContractError: a promise does not hold; the error names the node or value.
    """
    onnx.checker.check_model(model, full_check=True)
    graph = model.graph
    for ports, values in ((stage.inputs, graph.input), (stage.outputs, graph.output)):
        expected = [(p.name, p.dtype, p.resolve({**sizes, **{name: name for name in free}})) for p in ports]
        got = [(v.name, _dtype(v), _shape(v)) for v in values]
        if expected != got:
            raise ContractError(
                f"{where}, ports", expected=str(expected), got=str(got), todo="Mend contracts or stage."
            )
    known = {v.name: v for v in (*graph.value_info, *graph.input, *graph.output)}
    for node in graph.node:
        for output in filter(None, node.output):
            if output not in known or not (free or all(isinstance(size, int) for size in _shape(known[output]))):
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
            if not isinstance(length, int) or length % TIME_MULTIPLE:
                raise ContractError(
                    f"{where}, {node.name}",
                    expected=f"a time axis that is a multiple of {TIME_MULTIPLE}",
                    got=str(length),
                    todo="Choose the bucket's frames and tokens as multiples of 8.",
                )


def _dtype(value: onnx.ValueInfoProto) -> str:
    return str(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))


def _shape(value: onnx.ValueInfoProto) -> tuple[int | str | None, ...]:
    dims = value.type.tensor_type.shape.dim
    return tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in dims)
