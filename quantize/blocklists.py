"""Which convolutions stay in float where nobody searches: one committed list for Kokoro-82M, one for the demo voice.

A list belongs to weights, because what a convolution loses in 8 bits follows from the values that flow through it.
Other weights of Kokoro's architecture get Kokoro-82M's list; the sound gates say whether it serves them, and
`python -m quantize --search` makes a list of their own. The build folder's `blocklist.json` says which was used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# Its error is the waveform's: on Kokoro-82M PESQ 1.1 to 1.3 alone in 8 bits. For 16 bits the weights' 8 bits do harm.
NEVER: Final = ("/conv_post/Conv",)


@dataclass(frozen=True)
class Exclusion:
    """One convolution that stays in float, or some of its output channels.

    Attributes:
        conv: the node's name, which is its module's path.
        alone_mel_db: log-mel distance on search sentences with nothing but this convolution in u8/s8.
        channels: those in float where the rest is in integers; none: the whole convolution stays in float.
    """

    conv: str
    alone_mel_db: float
    reason: str
    channels: tuple[int, ...] = ()


WAVEFORM: Final = "its error is the waveform's: a veil of noise"
UPSAMPLED: Final = "its input and output are not normalized, and the whole stage reads what it rounds"
CURVE: Final = "one channel that everything follows, and no work"
FEATURES: Final = "pitch, energy and text features side by side, as large as they come"


FRONT: Final = ("/encode", "/decode.0", "/decode.1", "/decode.2")

DEMO_8_BITS: Final = (
    Exclusion("/conv_post/Conv", 9.0, WAVEFORM),
    Exclusion("/ups.1/conv/Conv", 1.0, UPSAMPLED),
    Exclusion("/f0_conv/Conv", 0.1, CURVE),
    Exclusion("/energy_conv/Conv", 0.1, CURVE),
    *(Exclusion(f"{block}/shortcuts.1/Conv", 0.1, FEATURES) for block in FRONT),
)
KOKORO_8_BITS: Final = DEMO_8_BITS
POST_ONLY: Final = (Exclusion("/conv_post/Conv", 9.8, WAVEFORM),)

KOKORO: Final = "kokoro-82m"
LISTS: Final[Mapping[str, Mapping[str, tuple[Exclusion, ...]]]] = {
    KOKORO: {"nnapi": KOKORO_8_BITS, "qnn": POST_ONLY, "cpu": KOKORO_8_BITS},
    "demo": {"nnapi": DEMO_8_BITS, "qnn": POST_ONLY, "cpu": DEMO_8_BITS},
}


def owner(weights: str) -> str:
    """Whose list serves the weights of that name: their own, or Kokoro-82M's.

    `kokoro-82m-int8`, the published 8-bit file, is Kokoro-82M.
    """
    return "demo" if weights == "demo" else KOKORO


def has_own_list(weights: str) -> bool:
    """Whether the list was measured on these weights."""
    return weights == "demo" or weights.startswith(KOKORO)


def committed(weights: str, target: str) -> tuple[str, tuple[Exclusion, ...]]:
    """Whose list it is, and the list of one target."""
    return owner(weights), LISTS[owner(weights)][target]
