"""What ONNX Runtime's NNAPI provider takes, as data. The limits that need code are in `node_rules.py` and beside it.

Source: ONNX Runtime, `core/providers/nnapi/nnapi_builtin/builders` (unchanged for years; holds for 1.31).
Feature levels are Android API levels: 27 is Android 8.1, 29 is 10, 30 is 11, 31 is 12.
"""

from __future__ import annotations

from typing import Final

FEATURE_LEVELS: Final = (27, 29, 30, 31)
DEFAULT_LEVEL: Final = 30  # Android 11: the lowest with every operator below

MIN_OPSET: Final = 13  # what this project ships; some operators below start at 10 to 13
MAX_SINCE_VERSION: Final = 27
# Operator -> the first version that the provider takes; all versions of the others.
MIN_SINCE_VERSION: Final = {"Pad": 11, "Slice": 10, "Resize": 11, "Split": 13, "Gemm": 7, "BatchNormalization": 7}
MAX_RANK: Final = 4  # of NNAPI's operands
# Operator -> lowest and highest rank that the provider takes, and of how many inputs. No bound for the others.
RANKS: Final[dict[str, tuple[int, int, int]]] = {
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow", "PRelu"), (0, 4, 2)),
    **dict.fromkeys(("Transpose", "Reshape", "Concat", "Squeeze", "Flatten", "Pad", "ReduceMean", "Gather"), (1, 4, 1)),
    **dict.fromkeys(("Softmax", "Slice"), (0, 4, 1)),
    **dict.fromkeys(("LRN", "DepthToSpace"), (4, 4, 1)),
}
# Operators that may work on uint8 outside a unit, as they only move elements.
INSIDE_A_PARTITION: Final = frozenset({"Transpose", "Resize", "Concat", "MaxPool"})

# Operator -> the feature level it needs. What is missing here is refused.
FLOAT_OPS: Final[dict[str, int]] = {
    op: level
    for level, ops in {
        27: "Add Mul Gemm MatMul Concat Reshape Flatten Unsqueeze Identity Relu LeakyRelu Sigmoid Tanh Floor Clip "
        "DepthToSpace DequantizeLinear",
        28: "Conv AveragePool MaxPool GlobalAveragePool GlobalMaxPool BatchNormalization LRN "
        "Sub Div Transpose Squeeze Slice Pad ReduceMean Softmax",
        29: "Resize Abs Exp Log Neg Sin Sqrt Pow PRelu Max Min Split Gather Cast QuantizeLinear",
        30: "Elu",
    }.items()
    for op in ops.split()
}

# Units DQ..op..Q. Everything else that ONNX Runtime groups is refused as a unit.
QUANTIZED_OPS: Final = frozenset(
    {
        "Conv",
        "Gemm",
        "MatMul",
        "Add",
        "Mul",
        "AveragePool",
        "Transpose",
        "Reshape",
        "Softmax",
        "Concat",
        "Resize",
    }
)

# A partition of one such node is handed back to the CPU: it only copies.
NOT_WORTH_A_PARTITION: Final = frozenset({"Reshape", "Flatten", "Identity"})

# What to write instead. Exact rewrites inside the set.
REWRITES: Final[dict[str, str]] = {
    "Cos": "Cos(x) = Sin(x + pi/2).",
    "ReduceSum": "ReduceSum = ReduceMean * N.",
    "ConvTranspose": "Write it as polyphase convolutions and a reshape.",
    "InstanceNormalization": "Write it as ReduceMean, Sub, Mul(d, d), ReduceMean, Add, Sqrt, Div.",
    "LayerNormalization": "Write it as ReduceMean, Sub, Mul(d, d), ReduceMean, Add, Sqrt, Div.",
    "Where": "Mask with a 0/1 float and Mul or Add.",
    "Expand": "Mul and Add broadcast by themselves.",
    "Tile": "Concat the value with itself.",
    "Reciprocal": "Div(1, x).",
    "Erf": "GELU in its Tanh form uses Mul, Add and Tanh.",
    "Gelu": "GELU in its Tanh form uses Mul, Add and Tanh.",
    "LSTM": "Keep recurrent layers in a CPU stage.",
    "GRU": "Keep recurrent layers in a CPU stage.",
    "Shape": "Every shape is fixed: fold it.",
}
