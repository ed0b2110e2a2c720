"""Computes the style layers of all AdaIN norms together, in a graph of their own.

Before   every AdaIN1d has a Linear from the style to 2 C numbers, gamma and beta
After    `AllStyleLayers`: style [1, 128] -> gains [1, N], shifts [1, N], the channels of all norms one after the other;
         each norm takes its part by a slice (`StylePart`)
Why      4.8 million weights read one vector. On an NPU they would stay float32 (19 MB of every package), because errors
         of an 8-bit gain are heard in everything that a norm scales. They depend on nothing but the voice, so the CPU
         computes them in float32, and the NPU's graph has 108 small products less
Price    exact: the same products. (1 + gamma) * (scale * n + shift) + beta is sorted by n, the normalized value, so
         the affine part of InstanceNorm, if a checkpoint has one, costs nothing
"""

from __future__ import annotations

import torch
from kokoro.istftnet import AdaIN1d
from torch import Tensor, nn

Style = Tensor | tuple[Tensor, Tensor]  # style [1, 128], or gains and shifts of all norms, [1, N, 1, 1]


class StyleLayers(nn.Module):
    """Computes one norm's gain and shift from the style."""

    def __init__(self, original: AdaIN1d) -> None:
        super().__init__()
        norm, fc = original.norm, original.fc
        channels = norm.num_features
        scale = norm.weight.detach() if norm.weight is not None else torch.ones(channels)
        shift = norm.bias.detach() if norm.bias is not None else torch.zeros(channels)
        gamma_w, beta_w = fc.weight.detach().split(channels)
        gamma_b, beta_b = fc.bias.detach().split(channels)
        self.gain = nn.Linear(fc.in_features, channels)
        self.shift = nn.Linear(fc.in_features, channels)
        with torch.no_grad():
            self.gain.weight.copy_(scale[:, None] * gamma_w)
            self.gain.bias.copy_(scale * (1 + gamma_b))
            self.shift.weight.copy_(beta_w + shift[:, None] * gamma_w)
            self.shift.bias.copy_(beta_b + shift * (1 + gamma_b))
        self.requires_grad_(False)

    def forward(self, style: Tensor) -> tuple[Tensor, Tensor]:
        """[1, 128] -> gain, shift [1, C, 1, 1]."""
        return self.gain(style).reshape(1, -1, 1, 1), self.shift(style).reshape(1, -1, 1, 1)


class AllStyleLayers(nn.Module):
    """The style layers of every AdaIN1d of `module`, in the order of its modules, as two products."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        layers = [StyleLayers(norm) for norm in norms_of(module)]
        self.gain, self.shift = (_stacked([getattr(one, name) for one in layers]) for name in ("gain", "shift"))
        self.requires_grad_(False)

    def forward(self, style: Tensor) -> tuple[Tensor, Tensor]:
        """[1, 128] -> gains, shifts [1, N]."""
        return self.gain(style), self.shift(style)


class StylePart(nn.Module):
    """Slices one norm's gain and shift out of those of all norms."""

    def __init__(self, start: int, channels: int) -> None:
        super().__init__()
        self.gain = ChannelSlice(start, start + channels)
        self.shift = ChannelSlice(start, start + channels)

    def forward(self, styles: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """gains, shifts [1, N, 1, 1] -> gain, shift [1, C, 1, 1]."""
        gains, shifts = styles
        return self.gain(gains), self.shift(shifts)


class ChannelSlice(nn.Module):
    """Some channels of a tensor, under a name of its own: equalization finds a norm's gain by it.

    Args:
        start, stop: the first channel, and the first behind the last.
    """

    def __init__(self, start: int, stop: int) -> None:
        super().__init__()
        self.start, self.stop = start, stop

    def forward(self, x: Tensor) -> Tensor:
        """[1, N, 1, 1] -> [1, stop - start, 1, 1]."""
        return x[:, self.start : self.stop]


class StyleParts:
    """Makes the slice of each AdaIN1d of `module`."""

    def __init__(self, module: nn.Module) -> None:
        self.starts: dict[AdaIN1d, int] = {}
        channels = 0
        for norm in norms_of(module):
            self.starts[norm] = channels
            channels += norm.norm.num_features

    def __call__(self, original: AdaIN1d) -> StylePart:
        """The slice of one norm."""
        return StylePart(self.starts[original], original.norm.num_features)


def norms_of(module: nn.Module) -> list[AdaIN1d]:
    """The AdaIN1d in `module`, in the order in which they were registered."""
    return [found for found in module.modules() if isinstance(found, AdaIN1d)]


def _stacked(layers: list[nn.Linear]) -> nn.Linear:
    weight = torch.cat([layer.weight.detach() for layer in layers])
    stacked = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        stacked.weight.copy_(weight)
        stacked.bias.copy_(torch.cat([layer.bias.detach() for layer in layers]))
    return stacked
