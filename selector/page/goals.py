"""A target's goal in the same words in which the report lists missed goals."""

from __future__ import annotations

from typing import Final

from quantize.gates import STANDARDS, Limits
from quantize.listen.quality import Quality, Summary
from quantize.recipes import recipe

_NOTHING: Final = Quality(pesq=0.0, stoi=0.0, mel_db=float("inf"), snr_db=-float("inf"))  # misses every limit


def asked(limits: Limits) -> list[str]:
    """Each limit in words, except for those that every result reaches."""
    return [expected for expected, _ in limits.missed(Summary(_NOTHING, _NOTHING, 1))]


def goal_of(target: str) -> list[str]:
    """The goal for the sound of a target."""
    return asked(STANDARDS[recipe(target).activation_bits].goal)
