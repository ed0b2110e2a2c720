"""Which groups stay in float where nobody searches: the committed defaults, with what was measured on the demo voice.

Evidence: each group quantized alone in u8/s8, four held-out sentences of the demo voice at 3,000 training steps. The
whole, over all held-out sentences that fit 5 s: 36.9 dB with 97.8 % of the full-size multiply-adds in integers, 34.8 dB
with 98.0 % (decode.0.shortcut too), which is where the search stopped: it listens to four sentences.
`python -m quantize --search` makes a list for other weights; the build folder's `blocklist.json` says which was used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# Its error is the waveform's: 16 to 22 dB alone in 8 bits, and a mel spectrum hardly sees it.
NEVER: Final = ("conv_post",)


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
    Exclusion("conv_post", 22.5, "its error is the waveform's: a veil of noise"),
    Exclusion("ups.1", 37.0, UPSAMPLED),
    Exclusion("f0_conv", 66.1, CURVE),
    Exclusion("energy_conv", 34.5, CURVE),
    Exclusion("encode.shortcut", 35.2, SHORTCUT),
    Exclusion("decode.0.shortcut", 42.5, SHORTCUT),
    Exclusion("decode.1.shortcut", 41.0, SHORTCUT),
    Exclusion("decode.2.shortcut", 43.8, SHORTCUT),
)

DEFAULTS: Final = {
    "nnapi": EIGHT_BITS,
    "cpu": EIGHT_BITS,
    "qnn": (Exclusion("conv_post", 22.5, "16-bit activations do not help where 8-bit weights make the waveform"),),
}
