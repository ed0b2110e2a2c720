"""The convolutions that stay in float without a search: one committed list for Kokoro-82M, one for the demo voice.

A list belongs to weights, because the values that flow through a convolution decide how much it loses in 8 bits. Other
weights of Kokoro's architecture get Kokoro-82M's list. The sound gates reject it if it does not serve them, and
`python -m quantize --search` makes a list of their own. The build folder's `blocklist.json` states which was used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# Its error is the waveform's: PESQ 1.2 on Kokoro-82M if it alone is in 8 bits. With 16 bits its 8-bit weights do harm.
NEVER: Final = ("/conv_post/Conv",)


@dataclass(frozen=True)
class Exclusion:
    """One convolution that stays in float, or some of its output channels.

    Attributes:
        conv: the node's name, which is its module's path.
        alone_mel_db: log-mel distance, dB, on search sentences if only this convolution is in u8/s8.
        reason: why it is harmed, in words.
        channels: output channels that stay in float; if there are none, the whole convolution does.
    """

    conv: str
    alone_mel_db: float
    reason: str
    channels: tuple[int, ...] = ()


WAVEFORM: Final = "its error is the waveform's: a veil of noise"
UPSAMPLED: Final = "its input and output are not normalized, and the whole stage reads what it rounds"
CURVE: Final = "one channel that everything follows, and no work"
FEATURES: Final = "pitch, energy and text features side by side, as large as they come"
WEIGHTS: Final = "one input channel has weights 25 times as large as the others', which share their steps"
WIDE: Final = "its values are 15 deviations wide in the loudest moments"
SUMMED: Final = "its output is added to the sum that the waveform is made from"
CHEAP: Final = "nearly no work"
FEW: Final = "four channels, each up to nine times as wide as the others, carry nearly all of its error"

# The convolutions that `python -m quantize --search` left in float on Kokoro-82M, weights from its published 8-bit
# file, and one more, resblocks.4's. It takes the mean log-mel distance of search sentences from 0.96 to 0.90 dB, which
# leaves room for voices that are not in the search.
KOKORO_8_BITS: Final = (
    Exclusion("/conv_post/Conv", 9.95, WAVEFORM),
    Exclusion("/ups.1/conv/Conv", 0.76, UPSAMPLED),
    Exclusion("/resblocks.1/convs2.2/Conv", 0.50, FEW, (68, 58, 149, 133)),
    Exclusion("/resblocks.4/convs2.2/Conv", 0.34, SUMMED),
    Exclusion("/resblocks.5/convs1.0/Conv", 0.37, WIDE),
    Exclusion("/encode/conv1/Conv", 0.36, WEIGHTS),
    Exclusion("/f0_conv/Conv", 0.13, CURVE),
    Exclusion("/decode.3/pool/conv/Conv", 0.13, CHEAP),
    Exclusion("/encode/shortcuts.1/Conv", 0.09, FEATURES),
    Exclusion("/energy_conv/Conv", 0.08, CURVE),
    Exclusion("/asr_res/Conv", 0.05, CHEAP),
    Exclusion("/decode.3/shortcuts.1/Conv", 0.05, FEATURES),
    Exclusion("/noise_convs.1/Conv", 0.04, CHEAP),
)
KOKORO_16_BITS: Final = (
    Exclusion("/conv_post/Conv", 9.95, WAVEFORM),
    Exclusion("/encode/conv1/Conv", 0.36, WEIGHTS),
)
# The convolutions that the search left in float on the demo voice.
DEMO_8_BITS: Final = (
    Exclusion("/conv_post/Conv", 6.08, WAVEFORM),
    Exclusion("/ups.1/conv/Conv", 1.10, UPSAMPLED),
    Exclusion("/encode/shortcuts.1/Conv", 0.23, FEATURES),
    Exclusion("/energy_conv/Conv", 0.18, CURVE),
    Exclusion("/f0_conv/Conv", 0.03, CURVE),
)
DEMO_16_BITS: Final = (Exclusion("/conv_post/Conv", 6.08, WAVEFORM),)

KOKORO: Final = "kokoro-82m"
LISTS: Final[Mapping[str, Mapping[str, tuple[Exclusion, ...]]]] = {
    KOKORO: {"nnapi": KOKORO_8_BITS, "qnn": KOKORO_16_BITS, "cpu": KOKORO_8_BITS},
    "demo": {"nnapi": DEMO_8_BITS, "qnn": DEMO_16_BITS, "cpu": DEMO_8_BITS},
}


def owner(weights: str) -> str:
    """The owner of the list for the weights of that name: they themselves, or Kokoro-82M.

    `kokoro-82m-int8`, the published 8-bit file, is Kokoro-82M.
    """
    return "demo" if weights == "demo" else KOKORO


def has_own_list(weights: str) -> bool:
    """Whether the list was measured on these weights."""
    return weights in ("demo", KOKORO, f"{KOKORO}-int8")


def committed(weights: str, target: str) -> tuple[str, tuple[Exclusion, ...]]:
    """The list's owner, and the list of one target."""
    return owner(weights), LISTS[owner(weights)][target]
