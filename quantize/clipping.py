"""How much a clipped value counts beside a rounded one, by convolution: what `ranges.choose` weighs.

The generator's last residual blocks run at 120 steps per frame. Their values are 15 deviations wide in the loudest
moments and small in all others, and what is heard is the step in the others. The wider the kernel, the more inputs each
with a clipped value of its own share one output, so the least weight belongs to the block of eleven taps. Before that
stage a clipped value spreads over many samples.

Chosen on search sentences of Kokoro-82M, weights from its published 8-bit file, everything but the committed list in
8 bits (PESQ mean / worst, mean log-mel): 1 everywhere 4.45 / 4.41, 0.95 dB; 0.1 in the last stage 4.49 / 4.48, 0.90 dB;
0.03 in resblocks.5 and 3 before the last stage 4.52 / 4.49, 0.89 dB; 0.01 in resblocks.5 4.52 / 4.48, 0.96 dB.
"""

from __future__ import annotations

from typing import Final

LAST_STAGE: Final = {"resblocks.3": 0.1, "resblocks.4": 0.1, "resblocks.5": 0.03}
ELSEWHERE: Final = 3.0


def weight_of_clipping(conv: str) -> float:
    """Of the values that a convolution, named by its module's path, reads and writes."""
    return LAST_STAGE.get(conv.strip("/").partition("/")[0], ELSEWHERE)
