"""Time, in one place: sample rate, frame length, and what follows from them.

The first group is the model's (its config must agree, see `architecture.py`); everything else is arithmetic.
One *frame* is one step of the duration predictor: 600 samples, 25 ms.
"""

from __future__ import annotations

from typing import Final

SAMPLE_RATE: Final = 24_000  # Hz
N_FFT: Final = 20  # samples; the vocoder's inverse STFT
HOP: Final = 5  # samples
UPSAMPLE_RATES: Final = (10, 6)  # the generator's two stages
F0_PER_FRAME: Final = 2  # F0 and energy values per frame

BINS: Final = N_FFT // 2 + 1  # 11 magnitudes, 11 phases
SPECTRAL_ROWS: Final = 2 * BINS  # 22
STAGE0_PER_FRAME: Final = F0_PER_FRAME * UPSAMPLE_RATES[0]  # 20
STAGE1_PER_FRAME: Final = STAGE0_PER_FRAME * UPSAMPLE_RATES[1]  # 120 spectral columns per frame, plus one at the end
SAMPLES_PER_FRAME: Final = STAGE1_PER_FRAME * HOP  # 600
SAMPLES_PER_F0: Final = SAMPLES_PER_FRAME // F0_PER_FRAME  # 300
FRAMES_PER_SECOND: Final = SAMPLE_RATE // SAMPLES_PER_FRAME  # 40

# Qualcomm's compiler refuses some odd lengths on the time axis (19,201 and 24,001 end in its error 1002);
# multiples of 8 pass. So the 120F + 1 columns are kept in 120F + 8.
TIME_MULTIPLE: Final = 8
COLUMNS_EXTRA: Final = TIME_MULTIPLE

MAX_PHONEMES: Final = 510  # the number of rows in a voice pack
MAX_TOKENS: Final = MAX_PHONEMES + 2  # one pad at each end


def frames_to_samples(frames: int) -> int:
    """Samples of `frames` duration frames."""
    return frames * SAMPLES_PER_FRAME


def spectral_columns(frames: int) -> int:
    """Columns of the natural-length STFT of `frames` frames of audio (centered: one more than hops)."""
    return frames * STAGE1_PER_FRAME + 1
