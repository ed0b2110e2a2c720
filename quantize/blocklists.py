"""Which groups stay in float where nobody searches: the committed defaults, with what was measured on the demo voice.

The list for 8 bits is what the search found: each group quantized alone in u8/s8, four held-out sentences; the whole
reached 36.1 dB on these, 35.8 dB on all fifteen that fit 5 s.
`python -m quantize --search` makes a list for other weights; the build folder's `blocklist.json` says which was used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NEVER: Final = ("conv_post",)  # its error is the waveform's: 16 dB alone in 8 bits, and a mel spectrum hardly sees it


@dataclass(frozen=True)
class Exclusion:
    """One group that stays in float.

    Attributes:
        alone_snr_db: held-out waveform SNR with nothing but this group quantized, in u8/s8.
    """

    group: str
    alone_snr_db: float
    reason: str


UPSAMPLED = "its input and output are not normalized, and the whole stage reads what it rounds"
CURVE = "one channel that everything follows, and no work"
SHORTCUT = "reads pitch, energy and text features side by side, and no norm follows"

EIGHT_BITS: Final = (
    Exclusion("conv_post", 16.3, "its error is the waveform's: a veil of noise"),
    Exclusion("ups.1", 25.6, UPSAMPLED),
    Exclusion("f0_conv", 63.2, CURVE),
    Exclusion("energy_conv", 33.1, CURVE),
    Exclusion("noise_convs.1", 47.9, "reads raw magnitudes and phases; 0.05 % of the work"),
    Exclusion("encode.shortcut", 34.3, SHORTCUT),
    Exclusion("decode.0.shortcut", 40.9, SHORTCUT),
)

DEFAULTS: Final = {
    "nnapi": EIGHT_BITS,
    "cpu": EIGHT_BITS,
    "qnn": (Exclusion("conv_post", 16.3, "16-bit activations do not help where 8-bit weights make the waveform"),),
}
