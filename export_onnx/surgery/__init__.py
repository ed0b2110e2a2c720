"""The rewrites from the original's modules to a graph that NPUs take, one per file.

The first lines of each file give the computation before and after, the reason, and the price. `SURGERIES` lists the
rewrites in the order in which they build on each other; `stages.py` puts them together. Nothing here changes the
original: every rewrite is a new module that copies its weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Surgery:
    """One file of this folder, and the reason for its place in the order."""

    name: str  # the file's
    replaces: str  # in the original
    because: str  # the reason for its place in the order


SURGERIES: Final = (
    Surgery("weight_norm", "torch's weight_norm hooks", "first: every later rewrite reads final weights"),
    Surgery("conv2d", "Conv1d and Linear", "needs final weights; gives everything below its layout [1, C, 1, L]"),
    Surgery("mask", "nothing: the original has no padding", "needs the layout; the norms below need the masks"),
    Surgery("named_factor", "products by a constant", "needs nothing; the rewrites below name their factors by it"),
    Surgery("polyphase", "ConvTranspose1d, dense and depthwise", "made of convolutions of that layout"),
    Surgery("style", "the Linear of every AdaIN1d", "gives the norms their gain and shift"),
    Surgery("masked_adain", "AdaIN1d", "needs masks and style"),
    Surgery("snake", "sin(a x) ** 2 / a in AdaINResBlock1", "stands behind a masked norm, so it need not mask"),
    Surgery("resblocks", "AdaINResBlock1, AdainResBlk1d", "puts the five above together"),
    Surgery("reflect_pad", "ReflectionPad1d in the generator", "between two upsampled stages"),
    Surgery("phase", "torch.angle", "the STFT needs it"),
    Surgery("stft", "torch.stft, torch.istft", "ends the source, begins the tail"),
    Surgery("harmonic_source", "SineGen and SourceModuleHnNSF", "feeds the STFT"),
    Surgery("layer_norm", "LayerNorm", "ALBERT and the text encoder need it"),
    Surgery("albert", "transformers' AlbertModel", "needs 1x1 convolutions and the norm above"),
    Surgery("masked_lstm", "packed sequences and nn.LSTM", "independent; the CPU's stages only"),
    Surgery("alignment", "repeat_interleave and a one-hot product", "independent; the CPU's stages only"),
)
