"""The two AdaIN residual blocks, with masks of the real steps.

Before   AdaINResBlock1 (Snake, generator) and AdainResBlk1d (LeakyReLU, decoder front and F0 / energy)
After    the same flow on [1, C, 1, L], with the other surgeries for its parts; a shortcut over [x, features]
         is one over x plus one over the features
Why      every norm needs the mask, so the blocks must pass it on; an input of a convolution wider than 1 must be zero
         on padding, like the original's own zero padding. F0, energy and text features are concatenated to x without
         a norm; in one convolution, the 6 % of the shortcuts' weights that read them would keep the other 94 % from
         being integers
Price    exact: >= 100 dB in float32. A block's output is not masked: each consumer masks what it needs
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from kokoro.istftnet import AdaIN1d, AdainResBlk1d, AdaINResBlock1
from torch import Tensor, nn

from export_onnx.surgery.conv2d import conv2d_from_conv1d, make_conv2d
from export_onnx.surgery.mask import Mask, repeat_steps
from export_onnx.surgery.masked_adain import MaskedAdaIN
from export_onnx.surgery.named_factor import NamedFactor
from export_onnx.surgery.polyphase import DepthwiseUpsample
from export_onnx.surgery.snake import Snake
from export_onnx.surgery.style import Style, StyleLayers
from export_onnx.surgery.weight_norm import folded_weight

StyleOf = Callable[[AdaIN1d], nn.Module]


class SnakeResBlock(nn.Module):
    """AdaINResBlock1: three dilated pairs of norm, Snake, convolution."""

    def __init__(self, original: AdaINResBlock1, style: StyleOf = StyleLayers) -> None:
        super().__init__()
        self.norms1 = nn.ModuleList(MaskedAdaIN(norm, style=style) for norm in original.adain1)
        self.norms2 = nn.ModuleList(MaskedAdaIN(norm, style=style) for norm in original.adain2)
        self.snakes1 = nn.ModuleList(Snake(alpha) for alpha in original.alpha1)
        self.snakes2 = nn.ModuleList(Snake(alpha) for alpha in original.alpha2)
        self.convs1 = nn.ModuleList(conv2d_from_conv1d(conv) for conv in original.convs1)
        self.convs2 = nn.ModuleList(conv2d_from_conv1d(conv) for conv in original.convs2)

    def forward(self, x: Tensor, style: Style, mask: Mask | None) -> Tensor:
        """[1, C, 1, L] -> [1, C, 1, L]."""
        for norm1, snake1, conv1, norm2, snake2, conv2 in zip(
            self.norms1, self.snakes1, self.convs1, self.norms2, self.snakes2, self.convs2, strict=True
        ):
            y = conv1(snake1(norm1(x, style, mask)))
            x = conv2(snake2(norm2(y, style, mask))) + x
        return x


class LeakyResBlock(nn.Module):
    """AdainResBlk1d: twice norm, LeakyReLU and convolution, plus a shortcut; may double the time axis."""

    def __init__(
        self,
        original: AdainResBlk1d,
        statistics: torch.dtype = torch.float32,
        style: StyleOf = StyleLayers,
        features: int = 0,
        padded: bool = True,
    ) -> None:
        super().__init__()
        self.split = [original.norm1.norm.num_features - features, features]
        self.doubles = original.upsample_type != "none"
        self.slope = original.actv.negative_slope
        self.norm1 = MaskedAdaIN(original.norm1, statistics, style)
        self.norm2 = MaskedAdaIN(original.norm2, statistics, style)
        self.conv1 = conv2d_from_conv1d(original.conv1)
        self.conv2 = conv2d_from_conv1d(original.conv2)
        self.shortcuts = nn.ModuleList(_split_conv(original.conv1x1, self.split) if original.learned_sc else ())
        self.pool = DepthwiseUpsample(original.pool, padded) if self.doubles else None
        # Qualcomm's compiler gets a sum wrong that is multiplied once and then rounded for a convolution (0.6 dB), see
        # tests/android_test/test_silent_miscompiles.py. So if the next block's shortcut reads the sum, 1 / sqrt(2) is
        # folded into the weights.
        self.folded = features > 0 and not self.doubles
        self.root_half = NamedFactor(1 / math.sqrt(2))
        if self.folded:
            for conv in (self.conv2, *self.shortcuts):
                for parameter in conv.parameters():
                    parameter.mul_(1 / math.sqrt(2))

    def forward(
        self, x: Tensor, style: Style, mask: Mask | None, after: Mask | None, features: Tensor | None = None
    ) -> Tensor:
        """x [1, C, 1, L], features [1, E, 1, L] -> [1, D, 1, L or 2L]; `mask` is the input's, `after` the output's."""
        parts = [x] if features is None else [x, features]
        y = nn.functional.leaky_relu(self.norm1(torch.cat(parts, 1), style, mask), self.slope)
        if self.shortcuts:  # before the doubling; the original has it behind: the same at twice the price
            x = self.shortcuts[0](x)
            x = x if features is None else x + self.shortcuts[1](features)
        if self.pool is not None:
            y = self.pool(y, after.real if after else None)
            x = repeat_steps(x, 2)
        y = self.conv1(y)
        y = self.conv2(nn.functional.leaky_relu(self.norm2(y, style, after), self.slope))
        return y + x if self.folded else self.root_half(y + x)


def _split_conv(conv: nn.Conv1d, sizes: list[int]) -> list[nn.Conv2d]:
    """One convolution per input that is not empty; their sum is `conv` over all inputs side by side."""
    assert conv.bias is None
    return [make_conv2d(part, None) for part in torch.split(folded_weight(conv), sizes, 1) if part.shape[1]]
