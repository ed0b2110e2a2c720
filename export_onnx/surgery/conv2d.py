"""Computes 1-D convolutions as 2-D ones of height 1.

Before   Conv1d: [1, C, L] with kernel [k]
After    Conv2d: [1, C, 1, L] with kernel [1, k]
Why      ONNX Runtime's NNAPI provider takes Conv only with a weight of rank 4, and Qualcomm's compiler lays 4-D
         tensors out best; the time axis stays last
Price    exact: the same products
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export_onnx.surgery.weight_norm import folded_bias, folded_weight


def make_conv2d(
    weight: Tensor,
    bias: Tensor | None,
    *,
    padding: int = 0,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
) -> nn.Conv2d:
    """A Conv2d of height 1 from an [out, in / groups, k] weight."""
    outputs, inputs, kernel = weight.shape
    conv = nn.Conv2d(
        inputs * groups,
        outputs,
        (1, kernel),
        stride=(1, stride),
        padding=(0, padding),
        dilation=(1, dilation),
        groups=groups,
        bias=bias is not None,
    )
    with torch.no_grad():
        conv.weight.copy_(weight.unsqueeze(2))
        if bias is not None and conv.bias is not None:
            conv.bias.copy_(bias)
    return conv.requires_grad_(False)


def conv2d_from_conv1d(conv: nn.Conv1d) -> nn.Conv2d:
    """The same convolution on [1, C, 1, L]."""
    return make_conv2d(
        folded_weight(conv),
        folded_bias(conv),
        padding=int(conv.padding[0]),
        stride=conv.stride[0],
        dilation=conv.dilation[0],
        groups=conv.groups,
    )


def conv2d_from_linear(linear: nn.Linear) -> nn.Conv2d:
    """A linear layer over channels as a 1x1 convolution: the NNAPI provider refuses [1, T, C] x [C, D]."""
    return make_conv2d(linear.weight.detach().unsqueeze(2), folded_bias(linear))
