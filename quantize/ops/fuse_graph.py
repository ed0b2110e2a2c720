"""A finished graph with everything that the library can fuse: the whole lowering, in order."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from quantize.ops.channels_last import put_channels_last
from quantize.ops.fuse_adain import fuse_adain
from quantize.ops.fuse_residual import fuse_residual


@dataclass(frozen=True)
class Fused:
    """A graph that needs the library, and what became of it.

    Attributes:
        model: the graph.
        sites: norms that became AdaIN.
        convolutions: those that became QLinearConv, channels last.
        sums: Adds that became Residual.
    """

    model: onnx.ModelProto
    sites: tuple[str, ...]
    convolutions: tuple[str, ...]
    sums: tuple[str, ...]


def fuse_graph(model: onnx.ModelProto) -> Fused:
    """A copy of `model`, INT8 or float, of fixed or symbolic length, with fused operators."""
    styled = fuse_adain(model)  # first: the convolutions' layout follows from their neighbors
    last = put_channels_last(styled.model)
    summed = fuse_residual(last.model)  # last: it takes the sums that AdaIN left, and the Transposes in front of them
    return Fused(summed.model, styled.sites, last.convolutions, summed.sums)
