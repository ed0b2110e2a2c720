"""Which operators let a Transpose through, and how.

`Shape`, `Tile`, `ArgMin` and `ArgMax` are missing: ONNX Runtime moves a Transpose through them too, but the provider
takes none of them, so they only shift where a graph is cut that is refused anyway.

Source: ONNX Runtime, `core/optimizer/transpose_optimization/onnx_transpose_optimization.cc` (handler_map) and
`ort_transpose_optimization.cc` (OrtExtendedHandlers).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from android_test.coverage.nnapi.layout_cancel import reshape, transpose
from android_test.coverage.nnapi.layout_graph import LayoutGraph
from android_test.coverage.nnapi.layout_push import (
    Handler,
    Push,
    broadcast,
    pad,
    quantize,
    reduce_axes,
    slice_axes,
    softmax,
    squeeze,
    through,
    unsqueeze,
    with_axis,
)


def _never(push: Push) -> bool:
    return False  # known to the optimizer, but moved for the CPU provider only


@dataclass(frozen=True)
class Way:
    """How one operator lets a Transpose through: which inputs take part, what is done, and whether outputs move."""

    handler: Handler
    inputs: str = "first"  # first | all | with dimensions
    moves_outputs: bool = True

    def places(self, graph: LayoutGraph, index: int) -> tuple[int, ...]:
        """The inputs that take part."""
        node = graph.node(index)
        if self.inputs == "first":
            return (0,)
        every = range(len(node.input))
        return tuple(p for p in every if self.inputs == "all" or graph.shape(node.input[p]) != ())


ALIKE: Final = """Cast Exp Gelu Identity LeakyRelu Log Reciprocal Relu Sigmoid Sqrt Tanh Abs Not Ceil Floor Neg Erf
    HardSigmoid Round IsInf IsNaN Selu Shrink Sign Softplus Softsign ThresholdedRelu Celu HardSwish Sin Cos Tan Sinh
    Cosh Asin Acos Atan Asinh Acosh Atanh Clip CastLike"""
BROADCAST: Final = """Add Max Min Mul Sub Div And Or Xor Mod PRelu BitShift Equal Greater Less GreaterOrEqual
    LessOrEqual Mean Sum Pow Where"""
REDUCE: Final = """ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
    ReduceL1 ReduceL2"""

WAYS: Final[dict[str, Way]] = {
    **dict.fromkeys(ALIKE.split(), Way(through)),
    **dict.fromkeys(BROADCAST.split(), Way(broadcast, "with dimensions")),
    **dict.fromkeys(REDUCE.split(), Way(reduce_axes)),
    **dict.fromkeys(("Softmax", "Hardmax", "LogSoftmax"), Way(softmax)),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear"), Way(quantize)),
    **dict.fromkeys(("com.microsoft.QuantizeLinear", "com.microsoft.DequantizeLinear"), Way(quantize)),
    **dict.fromkeys(("MaxPool", "Resize"), Way(_never)),
    "Transpose": Way(transpose, moves_outputs=False),
    "Reshape": Way(reshape, moves_outputs=False),
    "Concat": Way(with_axis(None), "all"),
    "Split": Way(with_axis(0)),
    "Pad": Way(pad),
    "Squeeze": Way(squeeze),
    "Unsqueeze": Way(unsqueeze),
    "Slice": Way(slice_axes),
}


def way_of(graph: LayoutGraph, index: int) -> Way | None:
    """How the optimizer pushes through this node, None where it does not."""
    node = graph.node(index)
    return WAYS.get(node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}")
