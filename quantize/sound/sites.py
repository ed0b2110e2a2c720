"""Where the vocoder's channels may be rescaled for nothing: each site is one scale a channel, and all it touches.

    conv -> norm            the norm divides the scale out again, and takes a shift out too (only epsilon must follow)
    norm -> Snake -> conv   gain and shift grow by s; snake_a(x) * s = snake_(a/s)(s * x); the conv's inputs shrink by s
    norm -> LeakyRelu ->    a positive scale passes; through the depthwise upsampling too
    conv -> residual sum    a sum keeps its units, so a Mul behind the conv takes the scale back: one node, 8 bits only
    features                F0 in Hz beside features of order one: each part of the concatenation has its own scale

A `Touch` names a node and how it follows the scale. The graph's node names are the modules' paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import onnx

Follow = Literal[
    "conv out",  # weights and bias of an output channel times s (plus shift)
    "conv in",  # weights of an input channel over s
    "depthwise in",  # the same where every channel has filters of its own
    "style",  # gain and shift of a norm times s
    "norm in",  # epsilon times s squared
    "snake",  # alpha over s, 1 / alpha times s
    "constant",  # a factor times s; a scalar becomes one a channel
    "constant end",  # a factor over s
    "new factor",  # a graph input has no producer to fold into: one Mul
    "factor behind",  # a sum has no single producer either: one Mul
    "taken back",  # behind a conv whose readers cannot follow: one Mul
]


@dataclass(frozen=True)
class Touch:
    """One node that follows a site's scale.

    Attributes:
        node: a node's name, or the path of a norm or of a Snake; for "new factor" the value's name.
        start: first channel in the node's own channels.
        repeat: times that each channel stands side by side (polyphase outputs).
    """

    follow: Follow
    node: str
    start: int = 0
    repeat: int = 1


@dataclass(frozen=True)
class Seen:
    """A quantized value that the scale changes, and where its channels stand in it."""

    value: str
    start: int = 0
    repeat: int = 1


@dataclass(frozen=True)
class Site:
    """One free scale a channel.

    Attributes:
        name: for reports.
        channels: how many.
        touches: what follows; empty sides are impossible: a scale that grows somewhere ends somewhere.
        seen: the values whose ranges it shapes.
        shifts: whether an offset a channel is free, too.
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
    view = _View(model)
    blocks = [name[1:].removesuffix("/conv2/Conv") for name in view.nodes if name.endswith("/conv2/Conv")]
    sites = [site for block in blocks for site in _leaky_block(view, block)]
    sites += _front(view, blocks)
    kernels = view.count("/resblocks.{}/convs1.0/Conv") // GENERATOR_STAGES
    for stage in range(GENERATOR_STAGES):
        members = [f"noise_res.{stage}", *(f"resblocks.{stage * kernels + i}" for i in range(kernels))]
        sites += [site for block in members for site in _snake_block(view, block)]
        sites += _summed(view, stage, members)
    source = view.input_of("/noise_convs.0/Conv")
    readers = tuple(Touch("conv in", f"/noise_convs.{stage}/Conv") for stage in range(GENERATOR_STAGES))
    rows = view.inputs("/noise_convs.0/Conv")
    return (*sites, Site(f"in {source}", rows, (Touch("new factor", source), *readers), (Seen(source),)))


class _View:
    """A graph by names."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.nodes = {node.name: node for node in model.graph.node}
        self.made_by = {output: node for node in model.graph.node for output in node.output}
        self.sizes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}

    def count(self, pattern: str) -> int:
        """How many of the numbered nodes there are."""
        number = 0
        while pattern.format(number) in self.nodes:
            number += 1
        return number

    def input_of(self, node: str) -> str:
        return str(self.nodes[node].input[0])

    def output_of(self, node: str) -> str:
        return str(self.nodes[node].output[0])

    def width(self, conv: str) -> int:
        """Output channels."""
        return int(self.sizes[self.nodes[conv].input[1]][0])

    def inputs(self, conv: str) -> int:
        """Input channels a group."""
        return int(self.sizes[self.nodes[conv].input[1]][1])

    def epsilon(self, norm: str) -> str:
        """The Add of a norm's epsilon; norms that read the same value share one."""
        gain = self.output_of(f"{norm}/style/Slice")
        scaled = next(n for n in self.nodes.values() if gain in n.input and n.op_type == "Div")
        root = self.made_by[scaled.input[1]]
        return str(self.made_by[root.input[0]].name)

    def factor_before(self, conv: str) -> str:
        """The Mul by a constant from which an unnormalized conv's input comes, mask and LeakyRelu in between."""
        node = self.made_by[self.input_of(conv)]
        while not (node.op_type == "Mul" and any(name in self.sizes for name in node.input)):
            node = self.made_by[node.input[0]]
        return str(node.name)


def _norm_to_conv(view: _View, norm: str, conv: str, snake: str | None = None) -> Site:
    middle = () if snake is None else (Touch("snake", snake),)
    touches = (Touch("style", norm), *middle, Touch("conv in", conv))
    return Site(f"in {conv}", view.inputs(conv), touches, (Seen(view.input_of(conv)),))


def _conv_to_norm(view: _View, conv: str, norm: str) -> Site:
    touches = (Touch("conv out", conv), Touch("norm in", view.epsilon(norm)))
    return Site(f"out {conv}", view.width(conv), touches, (Seen(view.output_of(conv)),), shifts=True)


def _snake_block(view: _View, block: str) -> list[Site]:
    sites = []
    for i in range(view.count(f"/{block}/convs1.{{}}/Conv")):
        for half in (1, 2):
            norm, snake = f"/{block}/norms{half}.{i}", f"/{block}/snakes{half}.{i}"
            sites.append(_norm_to_conv(view, norm, f"/{block}/convs{half}.{i}/Conv", snake))
        sites.append(_conv_to_norm(view, f"/{block}/convs1.{i}/Conv", f"/{block}/norms2.{i}"))
    return sites


def _leaky_block(view: _View, block: str) -> list[Site]:
    first, second, pool = (f"/{block}/{name}/Conv" for name in ("conv1", "conv2", "pool/conv"))
    norm1, norm2 = f"/{block}/norm1", f"/{block}/norm2"
    sites = [_conv_to_norm(view, first, norm2), _norm_to_conv(view, norm2, second)]
    if pool not in view.nodes:
        return [*sites, _norm_to_conv(view, norm1, first)]
    channels = view.width(pool) // 2
    before = (Touch("style", norm1), Touch("depthwise in", pool, repeat=2))
    sites.append(Site(f"in {pool}", channels, before, (Seen(view.input_of(pool)),)))
    added = Touch("constant", f"/{block}/pool/Mul")  # the upsampling's bias, under the mask
    behind = (Touch("conv out", pool, repeat=2), added, Touch("conv in", first))
    seen = (Seen(view.output_of(pool), repeat=2), Seen(view.input_of(first)))
    return [*sites, Site(f"in {first}", channels, behind, seen)]


def _front(view: _View, blocks: Sequence[str]) -> list[Site]:
    """The front's blocks: their outputs, and the features that each of them reads beside the last one's output."""
    sites: list[Site] = []
    heads: list[int] = []  # channels before the features
    for i, block in enumerate(blocks):
        added = [f"/{block}/{name}/Conv" for name in ("conv2", "shortcuts.0", "shortcuts.1")]
        half = f"/{block}/Mul"
        if half in view.nodes:  # the sum is multiplied by 1 / sqrt(2): one scale for all that is added
            ends = (*(Touch("conv out", conv) for conv in added), Touch("constant end", half))
            seen = tuple(Seen(view.output_of(conv)) for conv in added)
            sites.append(Site(f"out {block}", view.width(added[0]), ends, seen))
        else:
            sites += [_added(view, conv) for conv in added]
        shortcut = added[1]
        head = view.input_of(shortcut)
        heads.append(view.inputs(shortcut))
        readers = (Touch("conv in", shortcut), Touch("norm in", view.epsilon(f"/{block}/norm1")))
        if i:
            before: tuple[Touch, ...] = (Touch("factor behind", head),)
        else:
            before = (Touch("new factor", head), Touch("conv in", "/asr_res/Conv"))
        sites.append(Site(f"head of {block}", heads[i], (*before, *readers), (Seen(head),)))
    return [*sites, *(_feature(view, conv, blocks, heads) for conv in FEATURES)]


def _feature(view: _View, conv: str, blocks: Sequence[str], heads: Sequence[int]) -> Site:
    value = view.output_of(conv)
    touches, seen = [Touch("conv out", conv)], [Seen(value)]
    for block, head in zip(blocks, heads, strict=True):
        features = view.input_of(f"/{block}/shortcuts.1/Conv")
        parts = list(view.made_by[features].input)
        if value in parts:
            start = sum(view.width(view.made_by[part].name) for part in parts[: parts.index(value)])
            touches += [
                Touch("conv in", f"/{block}/shortcuts.1/Conv", start),
                Touch("norm in", view.epsilon(f"/{block}/norm1"), head + start),
            ]
            seen.append(Seen(features, start))
    return Site(f"out {conv}", view.width(conv), tuple(touches), tuple(seen))


def _summed(view: _View, stage: int, members: Sequence[str]) -> list[Site]:
    """What is summed in one stage of the generator, each with a scale of its own, and the input of the upsampling.

    One scale for the whole sum needs no node, but eleven values of different shape agree badly on it: 4 to 11 dB.
    """
    up = f"/ups.{stage}/conv/Conv"
    added = [up, f"/noise_convs.{stage}/Conv"]
    for block in members:
        added += [f"/{block}/convs2.{i}/Conv" for i in range(view.count(f"/{block}/convs2.{{}}/Conv"))]
    before = (Touch("constant", view.factor_before(up)), Touch("conv in", up))
    return [
        Site(f"in {up}", view.inputs(up), before, (Seen(view.input_of(up)),)),
        *(_added(view, conv) for conv in added),
    ]


def _added(view: _View, conv: str) -> Site:
    """A convolution whose output is added to something that does not follow."""
    touches = (Touch("conv out", conv), Touch("taken back", conv))
    return Site(f"out {conv}", view.width(conv), touches, (Seen(view.output_of(conv)),))
