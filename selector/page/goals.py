"""What a target's goal asks, in the words in which the report says what was missed."""

from __future__ import annotations

from typing import Final

from quantize.gates import STANDARDS, Limits
from quantize.listen.quality import Quality, Summary
from quantize.recipes import recipe

_NOTHING: Final = Quality(pesq=0.0, stoi=0.0, mel_db=float("inf"), snr_db=-float("inf"))  # misses whatever is asked


def asked(limits: Limits) -> list[str]:
    """Each limit in words; one that nothing can miss is none."""
    return [expected for expected, _ in limits.missed(Summary(_NOTHING, _NOTHING, 1))]


def goal_of(target: str) -> list[str]:
    """What the sound of a target is to reach."""
    return asked(STANDARDS[recipe(target).activation_bits].goal)
