"""Checks whether the selector's tables hold on texts that they were not fitted on, voice by voice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from export_onnx.errors import ParityError
from selector.choose.curve import QUANTILE
from selector.choose.voice_table import Fit

FALSE_ALARM: Final = 0.01  # the largest chance per voice that a table of exactly 99 % is refused


def summarize_fits(fits: Mapping[str, Fit]) -> dict[str, float]:
    """The held-out coverage over all voices and of the worst voice, and the median excess, averaged over voices."""
    values = [fit.coverage for fit in fits.values()]
    loose = sum(fit.excess for fit in fits.values()) / len(fits)
    return {"mean": sum(values) / len(values), "worst": min(values), "excess": loose}


def coverage_floor(texts: int) -> float:
    """The coverage that a voice must reach on so many held-out texts.

    Of n texts, a table that covers 99 % misses a binomial number. The floor allows the least k of which more than k
    misses come with a chance below `FALSE_ALARM`: n = 128 allows 4, so 96.9 %; n = 16 allows 2, so 87.5 %. Speeds of
    a text count as one draw, for they are missed together. A table that covers 99.4 %, at which the margin aims
    (`curve.py`), is refused with a chance of 1 in 700 at n = 128; one of 99.8 % with 7 in a million.
    """
    share, misses = 0.0, -1
    while share <= 1 - FALSE_ALARM:
        misses += 1
        share += math.comb(texts, misses) * (1 - QUANTILE) ** misses * QUANTILE ** (texts - misses)
    return 1 - misses / texts


def check_worth(fits: Mapping[str, Fit]) -> None:
    """Checks that every voice's held-out coverage reaches its floor.

    Raises:
        ParityError: a voice's does not; the selector would often choose a bucket that is too small for that voice.
    """
    for voice, fit in sorted(fits.items(), key=lambda item: item[1].coverage):
        floor = coverage_floor(fit.held_out_texts)
        if fit.coverage < floor:
            raise ParityError(
                f"selector table, voice {voice}",
                expected=f"at least {floor:.1%} of {fit.held_out_texts} held-out texts covered",
                got=f"{fit.coverage:.1%}",
                todo="Fit on texts that are like those held out, and check that the voice is not damaged.",
            )
