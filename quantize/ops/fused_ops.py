"""The fused operators as a graph has them: domain, version, names, and the order of inputs and outputs.

README.md in this folder has their formulas; `adain_op.cpp` checks the shapes.
"""

from __future__ import annotations

from typing import Final

FUSED_TARGET: Final = "cpu"  # the target whose vocoder has them, beside the stock operators
OPS_DOMAIN: Final = "kokoro_npu"
OPS_VERSION: Final = 2
ADAIN: Final = "AdaIN"
ADAIN_INPUTS: Final = (
    "bytes",  # u8 [1, 1, T, C], or absent
    "byte_step",  # the step and the zero point of `bytes`
    "byte_zero",
    "factor",  # [1, C, 1, 1] or absent: bytes become (bytes - byte_zero) * byte_step * factor
    "added",  # float [1, 1, T, C], or absent
    "mask",  # 0 and 1, [1, 1, 1, T], or absent
    "gain",  # [1, C, 1, 1], as all below
    "shift",
    "epsilon",  # one number, or one per channel
    "frequency",  # of Snake; absent where the activation is LeakyReLU
    "amplitude",
    "step",  # of the output `out`, if there is one
    "zero",
    "moments",  # float [1, parts, 3, C]: mean, squared distances from it and count of parts of `added`; or absent
)
RESIDUAL: Final = "Residual"
RESIDUAL_INPUTS: Final = ("bytes", "byte_step", "byte_zero", "factor", "added")  # as AdaIN's; the output is their sum
CONV: Final = "Conv"
CONV_INPUTS: Final = (
    "bytes",  # u8 [1, 1, T, C], with one step and zero point
    "byte_step",
    "byte_zero",
    "weight",  # s8 [C out, C, 1, K], constant
    "weight_step",  # one number, or one per output channel
    "bias",  # s32 [C out], in steps of byte_step * weight_step, or absent
    "factor",  # as AdaIN's; both may be absent
    "added",  # float [1, 1, T out, C out]
)
FLOAT_CONV: Final = "FloatConv"
FLOAT_CONV_INPUTS: Final = (
    "floats",  # [1, 1, T, C]
    "weight",  # s16 [C out, C * K], constant
    "weight_step",  # one number, or one per output channel
    "bias",  # float [C out], or absent
    "added",  # as Conv's
)
ADAIN_OUTPUTS: Final = ("out", "sum", "active")  # u8; the value in floats; the activated value in floats: each optional
CONV_OUTPUTS: Final = ("out", "moments")  # of Conv and FloatConv: the result, and what AdaIN reads; that is optional
