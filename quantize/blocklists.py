"""Which groups stay in float where nobody searches: the committed defaults, with what was measured on the demo voice.

Evidence: each group quantized alone in u8/s8, four held-out sentences of the demo voice at 9,750 training steps. The
whole, over the other held-out sentences that fit 5 s, stands in the README's table. On this voice a search for 35 dB in
8 bits ends at 34.0 dB with 92.7 % of the full-size work quantized; it leaves resblocks.3 and both noise_convs out, too.
The four blocks of the generator's last stage are at 40 to 42 dB each, and nothing cheap is left. So the list spares
what costs nothing at full size, 1.6 % of the work, and the noise of the rest is reported, not hidden.
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
FEATURES = "pitch, energy and text features side by side, as large as they come; 6 % of a shortcut's weights"

EIGHT_BITS: Final = (
    Exclusion("conv_post", 17.7, "its error is the waveform's: a veil of noise"),
    Exclusion("ups.1", 32.7, UPSAMPLED),
    Exclusion("f0_conv", 59.3, CURVE),
    Exclusion("energy_conv", 33.6, CURVE),
    Exclusion("encode.features", 37.4, FEATURES),
    Exclusion("decode.0.features", 41.9, FEATURES),
    Exclusion("decode.1.features", 41.8, FEATURES),
    Exclusion("decode.2.features", 41.8, FEATURES),
)

DEFAULTS: Final = {
    "nnapi": EIGHT_BITS,
    "cpu": EIGHT_BITS,
    "qnn": (Exclusion("conv_post", 17.7, "16-bit activations do not help where 8-bit weights make the waveform"),),
}
