"""The two steps of the choice, and the table behind the first."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from export_onnx.buckets import BUCKETS
from export_onnx.errors import ContractError
from selector.choose.choose_bucket import choose_bucket, choose_sound, expected_frames, most_tokens
from selector.choose.length import PAUSE_MARKS, length, mark_ids, pauses
from selector.choose.voice_table import Measured, covered_share, excess, fit_voice, frames_at
from tests.selector.selector_texts import paused, texts

SPEED = st.floats(0.5, 2)


FIT = fit_voice(texts(0, 96), texts(1, 200), 384, 0)


def test_the_table_covers_what_it_never_saw():
    assert FIT.coverage >= 0.99
    assert covered_share(FIT.table, texts(2, 1000), 0, (0.5, 0.77, 1.0, 1.23, 2.0)) >= 0.99


def test_counting_pauses_brings_the_table_close_to_what_is_needed():
    blind, seeing = (fit_voice(paused(0, 160), paused(1, 200), 384, worth) for worth in (0, 4))
    assert seeing.coverage >= 0.97
    assert seeing.excess < 0.65 * blind.excess
    assert excess(FIT.table, texts(1, 200), 0) == FIT.excess


def test_a_text_beyond_the_table_says_nothing_about_it():
    beyond = Measured(385, 0, np.full(385, 90_000))
    assert covered_share(FIT.table, [*texts(1, 200), beyond], 0) == FIT.coverage
    assert covered_share(FIT.table, [*texts(1, 200), Measured(384, 0, beyond.durations)], 0) < FIT.coverage


@pytest.mark.parametrize(
    ("phonemes", "number"),
    [("wʌn", 0), ("wʌn, tˈu.", 2), ("wˈA?! nˈO…", 2), ("“sˈO!” ʃi", 1), ("...", 1), ("", 0), (". . .", 3)],
)
def test_a_run_of_marks_is_one_pause(phonemes, number):
    assert pauses(phonemes) == number
    vocabulary = {c: i + 1 for i, c in enumerate(sorted({*phonemes, *PAUSE_MARKS}))}
    ids = [0, *(vocabulary[c] for c in phonemes), 0]
    assert length(ids, mark_ids(vocabulary), 3) == len(phonemes) + 2 + 3 * number


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no defect
@given(st.text("ab .,!…", max_size=12), st.text("ab .,!…", max_size=12))
def test_lengths_of_pieces_add_up(one, other):
    assert pauses(f"{one} {other}") == pauses(one) + pauses(other)


def test_the_fit_needs_texts():
    with pytest.raises(ContractError):
        fit_voice(texts(0, 9), texts(1, 9), 384, 0)
    with pytest.raises(ContractError):
        fit_voice(texts(0, 90), [], 384, 0)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 383), SPEED, SPEED)
def test_more_tokens_or_less_speed_never_need_fewer_frames(tokens, one, other):
    slow, fast = sorted((one, other))
    more, some, less = (
        expected_frames(FIT.table, n, speed) for n, speed in ((tokens + 1, slow), (tokens, slow), (tokens, fast))
    )
    assert more is not None
    assert some is not None
    assert less is not None
    assert more >= some >= less


def test_at_a_knot_the_table_speaks_and_beyond_it_nobody():
    table = FIT.table
    for j, milli in enumerate(table.speeds_milli):
        for i, tokens in enumerate(table.tokens):
            assert expected_frames(table, tokens, milli / 1000) in (
                table.frames[j][i],
                table.frames[max(0, j - 1)][i],
            ) or (
                milli / 1000 * 1000 != milli  # a speed that rounds down to the thousandth below
            )
    assert expected_frames(table, table.tokens[-1] + 1, 1.0) is None


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 400), SPEED)
def test_choose_takes_the_smallest_that_fits(tokens, speed):
    chosen = choose_bucket(BUCKETS, FIT.table, tokens, speed)
    need = expected_frames(FIT.table, tokens, speed)
    fitting = [b for b in BUCKETS if need is not None and b.frames >= need and b.tokens >= tokens]
    assert chosen == (fitting[0] if fitting else None)
    assert (chosen is not None) == (tokens <= most_tokens(BUCKETS, FIT.table, speed))


@settings(deadline=None)
@given(st.integers(1, 700), st.integers(1, 400))
def test_the_exact_frames_decide_up_or_down(frames, tokens):
    chosen = choose_sound(BUCKETS, frames, tokens)
    if chosen is None:
        assert frames > 600 or tokens > 384
    else:
        assert frames <= chosen.frames
        assert tokens <= chosen.tokens
        assert all(b.frames < frames or b.tokens < tokens for b in BUCKETS if b.frames < chosen.frames)


def test_fast_speech_needs_room_for_its_tokens_too():
    bucket = choose_sound(BUCKETS, 150, 200)
    assert bucket is not None
    assert bucket.name == "10s"  # 3.75 s of sound, but 200 tokens


@pytest.mark.parametrize("speed", [0, 0.0, -1, 0.499, 2.001, math.nan, math.inf, -math.inf, "1", None])
def test_a_speed_that_is_none_is_refused(speed):
    with pytest.raises(ContractError) as raised:
        choose_bucket(BUCKETS, FIT.table, 10, speed)
    assert "0.5 to 2" in str(raised.value)


def test_no_tokens_are_refused():
    with pytest.raises(ContractError):
        choose_bucket(BUCKETS, FIT.table, 0, 1.0)


def test_frames_at_a_speed_as_the_duration_stage_rounds():
    durations = np.array([2000, 2400, 100, 5000])
    assert frames_at(durations, 1.0) == 2 + 2 + 1 + 5
    assert frames_at(durations, 2.0) == 1 + 1 + 1 + 2
    assert frames_at(durations, 0.5) == 4 + 5 + 1 + 10
