"""Where the vocoder's channels may be rescaled at no cost. A *site* is one free scale per channel, with everything that
must follow it so that the function stays the same.

    conv -> norm            the norm divides the scale out again, and takes a shift out too; only epsilon must follow
    norm -> Snake -> conv   gain and shift grow by s; snake_a(x) * s = snake_(a/s)(s * x); the conv's weights shrink
    norm -> LeakyReLU ->    a positive scale passes through, and through the depthwise upsampling as well
    conv -> residual sum    the sum keeps its units, so a Mul behind the conv takes the scale back: a node, 8 bits only
    features                F0 in Hz stands beside features of order one: each part of the concatenation has a scale

How `vocoder_sites` finds them:

    1. Every residual block of the decoder, in order: two or three sites inside it, and one for its output.
    2. The decoder's features (text, F0, energy): one site each, whose readers are all the blocks behind it.
    3. Both stages of the generator: the sites inside each Snake block, then one per convolution that the sum adds.
    4. The harmonic source, which both `noise_convs` read.

An example with two channels, norm -> Snake -> conv. Calibration saw values up to 8 in channel 0 and up to 0.5 in
channel 1, so one u8 step for both is 16 / 255 = 0.063: channel 1 uses 16 of 255 steps. With the scale s = (0.25, 4)
both channels reach 2, the step is 4 / 255 = 0.016, and channel 1 uses all steps. The norm's gain and shift are
multiplied by s, Snake's frequency is divided by s and its amplitude multiplied by it, and the convolution's weights for
channel i are divided by s_i: the convolution's output is the same.

A `Touch` names a node and how it follows the scale. Nodes are named by their module's path, and products by a constant
have modules of their own (`export_onnx/surgery/named_factor.py`), so every name here is one that surgery chose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import onnx
import onnx_ir as ir

from export_onnx.graph.graph_ir import (
    constants_of,
    input_of,
    name_of,
    node_of,
    nodes_by_name,
    producer_of,
    read_graph,
    size_of,
)

Follow = Literal[
    "conv out",  # weights and bias of an output channel times s (plus shift)
    "conv in",  # weights of an input channel over s
    "depthwise in",  # the same where every channel has filters of its own
    "style",  # a norm's slice of all gains, or of all shifts, times s
    "norm in",  # epsilon times s squared
    "constant",  # a factor times s; a scalar becomes one per channel
    "constant end",  # a factor over s
    "new factor",  # a graph input has no producer to fold into: one Mul
    "factor behind",  # a sum has no single producer either: one Mul
    "taken back",  # behind a conv whose readers cannot follow: one Mul
]


@dataclass(frozen=True)
class Touch:
    """One node that follows a site's scale.

    Attributes:
        node: a node's name; for "new factor" and "factor behind" the value's name.
        start: first channel in the node's own channels.
        repeat: how many copies of each channel are side by side (polyphase outputs).
    """

    follow: Follow
    node: str
    start: int = 0
    repeat: int = 1


@dataclass(frozen=True)
class Seen:
    """A quantized value that the scale changes, and the place of the site's channels in it."""

    value: str
    start: int = 0
    repeat: int = 1


@dataclass(frozen=True)
class Site:
    """One free scale per channel.

    Attributes:
        name: for reports.
        channels: how many.
        touches: the nodes that follow the scale.
        seen: the quantized values whose ranges the scale changes.
        shifts: whether an offset per channel is free, too.
    """

    name: str
    channels: int
    touches: tuple[Touch, ...]
    seen: tuple[Seen, ...]
    shifts: bool = False


GENERATOR_STAGES: Final = 2
FEATURES: Final = ("/asr_res/Conv", "/f0_conv/Conv", "/energy_conv/Conv")


def vocoder_sites(model: onnx.ModelProto) -> tuple[Site, ...]:
    """Every site of a vocoder graph, at any width."""
    modules = _Modules(model)
    blocks = [name[1:].removesuffix("/conv2/Conv") for name in modules.nodes if name.endswith("/conv2/Conv")]
    sites = [site for block in blocks for site in _leaky_block(modules, block)]
    sites += _front(modules, blocks)
    kernels = modules.count("/resblocks.{}/convs1.0/Conv") // GENERATOR_STAGES
    for stage in range(GENERATOR_STAGES):
        members = [f"noise_res.{stage}", *(f"resblocks.{stage * kernels + i}" for i in range(kernels))]
        sites += [site for block in members for site in _snake_block(modules, block)]
        sites += _summed(modules, stage, members)
    source = modules.input_of("/noise_convs.0/Conv")
    readers = tuple(Touch("conv in", f"/noise_convs.{stage}/Conv") for stage in range(GENERATOR_STAGES))
    rows = modules.inputs("/noise_convs.0/Conv")
    return (*sites, Site(f"in {source}", rows, (Touch("new factor", source), *readers), (Seen(source),)))


class _Modules:
    """The vocoder's nodes by the paths of their modules."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.nodes = nodes_by_name(read_graph(model).graph)

    def count(self, pattern: str) -> int:
        """How many of the numbered nodes there are."""
        number = 0
        while pattern.format(number) in self.nodes:
            number += 1
        return number

    def node(self, module: str) -> str:
        """The name of a module's only node."""
        return str(node_of(module, self.nodes).name)

    def input_of(self, node: str) -> str:
        return name_of(input_of(self.nodes[node]))

    def output_of(self, node: str) -> str:
        return name_of(self.nodes[node].outputs[0])

    def parts_of(self, node: str) -> list[ir.Value]:
        """The values that the concatenation in front of a node joins."""
        return [value for value in producer_of(input_of(self.nodes[node])).inputs if value is not None]

    def width(self, conv: str) -> int:
        """How many output channels the convolution has."""
        return size_of(input_of(self.nodes[conv], 1), 0)

    def inputs(self, conv: str) -> int:
        """How many input channels per group the convolution has."""
        return size_of(input_of(self.nodes[conv], 1), 1)

    def epsilon(self, norm: str) -> str:
        """The Add of a norm's epsilon, which is gain / sqrt(variance + epsilon); norms of one value share it."""
        gain = node_of(f"{norm}/style/gain", self.nodes).outputs[0]
        (scaled,) = [node for node in gain.consumers() if node.op_type == "Div"]
        return str(producer_of(input_of(producer_of(input_of(scaled, 1)))).name)

    def factor_before(self, conv: str) -> str:
        """The Mul by a constant from which an unnormalized conv's input comes, mask and LeakyReLU in between."""
        node = producer_of(input_of(self.nodes[conv]))
        while not (node.op_type == "Mul" and any(constants_of(node))):
            node = producer_of(input_of(node))
        return str(node.name)


def _norm_to_conv(modules: _Modules, norm: str, conv: str, snake: str | None = None) -> Site:
    touches = (*_style(modules, norm), *_snake(modules, snake), Touch("conv in", conv))
    return Site(f"in {conv}", modules.inputs(conv), touches, (Seen(modules.input_of(conv)),))


def _style(modules: _Modules, norm: str) -> tuple[Touch, ...]:
    return tuple(Touch("style", modules.node(f"{norm}/style/{part}")) for part in ("gain", "shift"))


def _snake(modules: _Modules, snake: str | None) -> tuple[Touch, ...]:
    if snake is None:
        return ()
    frequency, amplitude = (modules.node(f"{snake}/{factor}") for factor in ("frequency", "amplitude"))
    return (Touch("constant end", frequency), Touch("constant", amplitude))


def _conv_to_norm(modules: _Modules, conv: str, norm: str) -> Site:
    touches = (Touch("conv out", conv), Touch("norm in", modules.epsilon(norm)))
    return Site(f"out {conv}", modules.width(conv), touches, (Seen(modules.output_of(conv)),), shifts=True)


def _snake_block(modules: _Modules, block: str) -> list[Site]:
    sites = []
    for i in range(modules.count(f"/{block}/convs1.{{}}/Conv")):
        for half in (1, 2):
            norm, snake = f"/{block}/norms{half}.{i}", f"/{block}/snakes{half}.{i}"
            sites.append(_norm_to_conv(modules, norm, f"/{block}/convs{half}.{i}/Conv", snake))
        sites.append(_conv_to_norm(modules, f"/{block}/convs1.{i}/Conv", f"/{block}/norms2.{i}"))
    return sites


def _leaky_block(modules: _Modules, block: str) -> list[Site]:
    first, second, pool = (f"/{block}/{name}/Conv" for name in ("conv1", "conv2", "pool/conv"))
    norm1, norm2 = f"/{block}/norm1", f"/{block}/norm2"
    sites = [_conv_to_norm(modules, first, norm2), _norm_to_conv(modules, norm2, second)]
    if pool not in modules.nodes:
        return [*sites, _norm_to_conv(modules, norm1, first)]
    channels = modules.width(pool) // 2
    before = (*_style(modules, norm1), Touch("depthwise in", pool, repeat=2))
    sites.append(Site(f"in {pool}", channels, before, (Seen(modules.input_of(pool)),)))
    added = Touch("constant", modules.node(f"/{block}/pool/bias"))  # under the mask
    behind = (Touch("conv out", pool, repeat=2), added, Touch("conv in", first))
    seen = (Seen(modules.output_of(pool), repeat=2), Seen(modules.input_of(first)))
    return [*sites, Site(f"in {first}", channels, behind, seen)]


def _front(modules: _Modules, blocks: Sequence[str]) -> list[Site]:
    """The decoder's blocks: a site for each one's output, and for the features that it reads beside that output."""
    sites: list[Site] = []
    heads: list[int] = []  # channels before the features
    for i, block in enumerate(blocks):
        added = [f"/{block}/{name}/Conv" for name in ("conv2", "shortcuts.0", "shortcuts.1")]
        half = f"/{block}/root_half/Mul"
        if half in modules.nodes:  # the sum is multiplied by 1 / sqrt(2): one scale for all that is added
            ends = (*(Touch("conv out", conv) for conv in added), Touch("constant end", half))
            seen = tuple(Seen(modules.output_of(conv)) for conv in added)
            sites.append(Site(f"out {block}", modules.width(added[0]), ends, seen))
        else:
            sites += [_added(modules, conv) for conv in added]
        shortcut = added[1]
        head = modules.input_of(shortcut)
        heads.append(modules.inputs(shortcut))
        readers = (Touch("conv in", shortcut), Touch("norm in", modules.epsilon(f"/{block}/norm1")))
        if i:
            before: tuple[Touch, ...] = (Touch("factor behind", head),)
        else:
            before = (Touch("new factor", head), Touch("conv in", "/asr_res/Conv"))
        sites.append(Site(f"head of {block}", heads[i], (*before, *readers), (Seen(head),)))
    return [*sites, *(_feature(modules, conv, blocks, heads) for conv in FEATURES)]


def _feature(modules: _Modules, conv: str, blocks: Sequence[str], heads: Sequence[int]) -> Site:
    value = modules.output_of(conv)
    touches, seen = [Touch("conv out", conv)], [Seen(value)]
    for block, head in zip(blocks, heads, strict=True):
        features = modules.input_of(f"/{block}/shortcuts.1/Conv")
        parts = [name_of(part) for part in modules.parts_of(f"/{block}/shortcuts.1/Conv")]
        if value in parts:
            before = modules.parts_of(f"/{block}/shortcuts.1/Conv")[: parts.index(value)]
            start = sum(size_of(part, 1) for part in before)
            touches += [
                Touch("conv in", f"/{block}/shortcuts.1/Conv", start),
                Touch("norm in", modules.epsilon(f"/{block}/norm1"), head + start),
            ]
            seen.append(Seen(features, start))
    return Site(f"out {conv}", modules.width(conv), tuple(touches), tuple(seen))


def _summed(modules: _Modules, stage: int, members: Sequence[str]) -> list[Site]:
    """Sites for the convolutions that one stage of the generator sums, and for the input of its upsampling.

    One scale for the whole sum would need no node, but it costs 4 to 11 dB, because eleven values of different ranges
    share it badly.
    """
    up = f"/ups.{stage}/conv/Conv"
    added = [up, f"/noise_convs.{stage}/Conv"]
    for block in members:
        added += [f"/{block}/convs2.{i}/Conv" for i in range(modules.count(f"/{block}/convs2.{{}}/Conv"))]
    before = (Touch("constant", modules.factor_before(up)), Touch("conv in", up))
    return [
        Site(f"in {up}", modules.inputs(up), before, (Seen(modules.input_of(up)),)),
        *(_added(modules, conv) for conv in added),
    ]


def _added(modules: _Modules, conv: str) -> Site:
    """The site of a convolution whose output is added to a value that does not follow the scale."""
    touches = (Touch("conv out", conv), Touch("taken back", conv))
    return Site(f"out {conv}", modules.width(conv), touches, (Seen(modules.output_of(conv)),))
