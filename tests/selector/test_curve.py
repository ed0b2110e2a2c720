"""The curve and its margin, what a pause is worth, and the gate: per voice, sensitive to one bad voice among five."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from export_onnx.errors import ParityError
from selector.choose.curve import DEVIATIONS, fit_curve
from selector.choose.voice_table import Fit, covered_share, excess, fit_voice, frames_at, pause_worth
from selector.choose.worth import check_worth, coverage_floor, summarize_fits
from tests.selector.selector_texts import bent, paused, texts

FITS = {f"voice_{i}": fit_voice(texts(i, 96), texts(50 + i, 200), 384, 0) for i in range(5)}


def test_every_voice_keeps_the_promise():
    check_worth(FITS)
    assert summarize_fits(FITS)["worst"] >= 0.985  # each text has a pace of its own here, which is harder
    assert summarize_fits(FITS)["excess"] < 0.2


def test_the_margin_of_few_texts_holds_as_well():
    worst = min(covered_share(fit_voice(texts(i, 40), texts(9, 9), 384, 0).table, texts(80, 400), 0) for i in range(10))
    assert worst >= 0.97


def test_a_voice_whose_rows_differ_in_pace_gets_a_bent_curve():
    lengths = [text.tokens for text in bent(0, 96)]
    frames = [frames_at(text.durations, 1) for text in bent(0, 96)]
    curve = fit_curve(lengths, frames, 384)
    line = np.polyfit(lengths, frames, 1)
    straight = np.std((np.array(frames) - np.polyval(line, lengths)) / np.sqrt(np.array(lengths) + 30))
    assert curve.deviation < 0.7 * straight
    fit = fit_voice(bent(0, 96), bent(1, 200), 384, 0)
    assert fit.coverage >= 0.99


def test_the_margin_is_never_below_the_greatest_of_few_residuals():
    lengths, frames = list(range(10, 60)), [3 * n for n in range(10, 60)]
    frames[25] += 40  # one text unlike all others
    curve = fit_curve(lengths, frames, 60)
    assert curve.margin > DEVIATIONS * curve.deviation
    assert curve(lengths)[25] >= frames[25]
    assert np.allclose(fit_curve(lengths, [3 * n for n in lengths], 60)(lengths), [3 * n for n in lengths])


def test_what_a_pause_is_worth_is_found():
    voices = {"a": paused(0, 160), "b": paused(1, 160)}
    assert pause_worth(voices, 384) in (3, 4, 5)
    assert pause_worth({"a": texts(0, 90)}, 384) == 0


@pytest.mark.parametrize(("held_out", "misses"), [(200, 6), (128, 4), (16, 2), (1, 1)])
def test_the_floor_is_what_a_table_of_99_percent_misses_by_chance(held_out, misses):
    assert coverage_floor(held_out) == pytest.approx(1 - misses / held_out)
    draws = np.random.default_rng(0).binomial(held_out, 0.01, 100_000)
    assert (draws > misses).mean() < 0.0105
    assert (draws > misses - 1).mean() >= 0.009


def spoiled(fit: Fit, fitted_on: list, held_out: list) -> Fit:
    """A fit with the table of other texts."""
    other = fit_voice(fitted_on, held_out, 384, 0).table
    return replace(fit, table=other, coverage=covered_share(other, held_out, 0), excess=excess(other, held_out, 0))


def test_one_bad_voice_among_five_is_refused_by_name():
    fast = texts(70, 96, mean=2.05)  # the table of a voice that speaks 7 % faster
    bad = spoiled(FITS["voice_3"], fast, texts(53, 200))
    assert bad.coverage < 0.97
    fits = FITS | {"voice_3": bad}
    assert summarize_fits(fits)["mean"] > 0.97  # the mean alone would let it pass
    with pytest.raises(ParityError, match="voice_3"):
        check_worth(fits)


def test_a_table_without_its_margin_is_refused():
    table = FITS["voice_0"].table
    bare = replace(table, frames=tuple(tuple(round(0.93 * f) for f in row) for row in table.frames))
    fit = replace(FITS["voice_0"], table=bare, coverage=covered_share(bare, texts(50, 200), 0))
    assert fit.coverage < 0.9
    with pytest.raises(ParityError, match="held-out texts"):
        check_worth({"voice": fit})
