"""The demo's voices as espeak-ng settings, and the features from which a style row is made.

A style row is a linear map of the setting (learned with the model), so a setting outside the training set has one too:
`dx_held` has the variant of `dm_ben` and `dm_dan` and a pitch between theirs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

LANGUAGE: Final = "gmw/en-US"  # espeak's name of American English, the dictionary that `text.phonemize` uses too
VARIANTS: Final = ("f5", "m3", "f2")
RATE: Final = 150  # words per minute; slower than espeak's 175, so that a short phoneme still fills a 25 ms frame
LENGTH_CENTRE: Final = 60.0  # phonemes of a common sentence; the length feature is 0 there
LENGTH_RANGE: Final = (10.0, 250.0)  # phonemes; what the training sentences cover, clamped outside


@dataclass(frozen=True)
class VoiceSetting:
    """One espeak-ng voice.

    Attributes:
        name: in Kokoro's style: language letter, `f` / `m` / `x`, underscore, name.
        variant: espeak's variant file, which sets formants and the source.
        pitch: espeak's pitch parameter, 0 to 100.
    """

    name: str
    variant: str
    pitch: int

    def features(self, n_phonemes: float) -> list[float]:
        """The style map's inputs: variant (one-hot), pitch, logarithm of the length."""
        length = min(max(n_phonemes, LENGTH_RANGE[0]), LENGTH_RANGE[1])
        one_hot = [float(self.variant == variant) for variant in VARIANTS]
        return [*one_hot, (self.pitch - 65) / 20, math.log(length / LENGTH_CENTRE)]


N_FEATURES: Final = len(VARIANTS) + 2
TRAINED: Final = (
    VoiceSetting("df_ada", "f5", 45),
    VoiceSetting("dm_ben", "m3", 60),
    VoiceSetting("df_cleo", "f2", 70),
    VoiceSetting("dm_dan", "m3", 90),
)
HELD_OUT: Final = VoiceSetting("dx_held", "m3", 75)
VOICES: Final = (*TRAINED, HELD_OUT)
