"""The share of each group in the convolutions' work at full size, from Kokoro-82M's config alone.

A small voice has other proportions: a block-list that spares 9 % there may spare 2 % of the real model. The formulas
are held against a graph's own count in the tests.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from export_onnx import geometry
from export_onnx.architecture import load_architecture
from export_onnx.contracts import ORIGINAL_DECODER
from export_onnx.stages import CURVES

FULL_SIZE: Final = "kokoro-82m"
FRONT_KERNEL: Final = 3
POST_KERNEL: Final = 7
NOISE_RES_KERNELS: Final = (7, 11)
CONVS_A_BLOCK: Final = 6
POOL_TAPS: Final = 3


def multiply_adds_a_frame(config: Mapping[str, Any]) -> dict[str, int]:
    """Multiply-adds of each group of the vocoder for one frame of 25 ms; what a bucket's ends add is left out."""
    decoder, vocoder = config.get("decoder", ORIGINAL_DECODER), config["istftnet"]
    hidden, residual, text = decoder["hidden"], decoder["residual"], config["hidden_dim"]
    first = vocoder["upsample_initial_channel"]
    rates, kernels = vocoder["upsample_rates"], vocoder["resblock_kernel_sizes"]
    beside = residual + CURVES
    result = {"f0_conv": FRONT_KERNEL, "energy_conv": FRONT_KERNEL}

    def front(name: str, head: int, features: int, outputs: int, rate: int) -> None:
        inputs = head + features
        result[f"{name}.shortcut"], result[f"{name}.features"] = head * outputs, features * outputs
        pool = inputs * POOL_TAPS if rate > 1 else 0
        result[name] = (inputs + outputs) * outputs * FRONT_KERNEL * rate + pool

    front("encode", text, CURVES, hidden, 1)
    result["asr_res"] = text * residual
    for i in range(decoder["blocks"]):
        last = i == decoder["blocks"] - 1
        front(f"decode.{i}", hidden, beside, first if last else hidden, geometry.F0_PER_FRAME if last else 1)
    steps = geometry.F0_PER_FRAME
    for stage, rate in enumerate(rates):
        inputs, outputs = first >> stage, first >> (stage + 1)
        result[f"ups.{stage}"] = inputs * outputs * vocoder["upsample_kernel_sizes"][stage] * steps
        steps *= rate
        left = geometry.STAGE1_PER_FRAME // steps  # columns of the source for one step
        taps = 2 * left if left > 1 else 1
        result[f"noise_convs.{stage}"] = geometry.SPECTRAL_ROWS * outputs * taps * steps
        block = CONVS_A_BLOCK * outputs * outputs * steps
        result[f"noise_res.{stage}"] = block * NOISE_RES_KERNELS[stage]
        for i, kernel in enumerate(kernels):
            result[f"resblocks.{stage * len(kernels) + i}"] = block * kernel
    result["conv_post"] = (first >> len(rates)) * geometry.SPECTRAL_ROWS * POST_KERNEL * steps
    return result


def full_size_share(excluded: Collection[str]) -> float:
    """What is left of the full-size vocoder's convolutions without the groups `excluded`, 0 to 1."""
    counted = multiply_adds_a_frame(load_architecture(FULL_SIZE))
    return sum(count for name, count in counted.items() if name not in excluded) / sum(counted.values())
