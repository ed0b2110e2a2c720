"""A finished graph with everything that the library can fuse: the whole lowering, in order."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from quantize.ops.channels_last import put_channels_last
from quantize.ops.fuse_adain import fuse_adain
from quantize.ops.fuse_conv import fuse_conv
from quantize.ops.fuse_float_conv import fuse_float_conv
from quantize.ops.fuse_residual import fuse_residual
from quantize.ops.share_moments import share_moments
from quantize.ops.sink_turns import sink_turns


@dataclass(frozen=True)
class Fused:
    """A graph that needs the library, and what became of it.

    Attributes:
        model: the graph.
        sites: norms that became AdaIN.
        convolutions: those that run channels last, as QLinearConv or Conv.
        integers: those of them that became Conv, whose sums stay floats.
        floats: convolutions of floats that became FloatConv.
        sums: Adds that became Residual; Conv took the place of most.
    """

    model: onnx.ModelProto
    sites: tuple[str, ...]
    convolutions: tuple[str, ...]
    integers: tuple[str, ...]
    floats: tuple[str, ...]
    sums: tuple[str, ...]


def fuse_graph(model: onnx.ModelProto) -> Fused:
    """A copy of `model`, INT8 or float, of fixed or symbolic length, with fused operators."""
    styled = fuse_adain(model)  # first: the convolutions' layout follows from their neighbors
    last = put_channels_last(styled.model)
    summed = fuse_residual(last.model)  # takes the sums that AdaIN left, and the Transposes in front of them
    convolved = fuse_conv(summed.model)  # behind both: whether sums may stay floats depends on who reads them
    floats = fuse_float_conv(convolved.model)  # behind the others: an Add that is left becomes part of it
    sunk = sink_turns(floats.model)  # behind them: what they brought along
    shared = share_moments(sunk.model)  # last: now an AdaIN meets its convolution
    return Fused(shared.model, styled.changed, last.changed, convolved.changed, floats.changed, summed.changed)
