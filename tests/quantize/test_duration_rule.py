"""The rule of no audible change: what it lets pass, and planted defects that it must reject."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from quantize.text.duration_rule import Durations, compare_durations

VOICES = ("a_heard", "b_unheard")
TOKENS, UTTERANCES = 50, 40  # 2,000 tokens in all

Frames = list[NDArray[np.int64]]


def said() -> Frames:
    return [np.full(TOKENS, 5, np.int64) for _ in range(UTTERANCES)]


def judged(got: Frames) -> Durations:
    return compare_durations(said(), got, [VOICES[i % 2] for i in range(UTTERANCES)])


def moved(*changes: tuple[int, int, int]) -> Frames:
    """Utterance, token and frames of each change."""
    got = said()
    for utterance, token, frames in changes:
        got[utterance][token] += frames
    return got


def test_nothing_changed() -> None:
    same = judged(said())
    assert same.failures() == ()
    assert same.facts()["unchanged"] == UTTERANCES
    assert (same.tokens, same.changed, same.token_frames, same.length_frames) == (2000, 0, 0, 0)


def test_ten_tokens_of_two_thousand_by_a_frame_are_let_pass() -> None:
    spread = judged(moved(*((i, 3, (-1) ** (i // 2)) for i in range(10))))
    assert spread.failures() == ()
    assert spread.facts()["tokens_changed"] == 10
    assert spread.facts()["share_by_voice"] == {"a_heard": 0.005, "b_unheard": 0.005}
    assert judged(moved((0, 1, 1), (0, 9, 1))).failures() == (), "two frames longer"


@pytest.mark.parametrize(
    ("defect", "words"),
    [
        (moved((7, 3, 2)), "a token changes by 2 frames"),
        (moved((7, 3, 1), (7, 9, -2)), "a token changes by 2 frames"),
        (moved((7, 3, 1), (7, 9, 1), (7, 20, 1)), "length changes by 3 frames"),
        (moved(*((i, 3, -1) for i in range(20))), "20 of 2000 tokens"),  # 1 %
        (moved((7, 3, 1), (7, 4, -1), (7, 5, 1), (7, 6, -1)), "4 of 50 tokens of an utterance"),
        (moved(*((i, 3, 1) for i in range(1, 23, 2))), "11 of 1000 tokens by b_unheard"),
    ],
    ids=["two frames", "shorter by two", "longer by three", "one percent", "one bad utterance", "one bad voice"],
)
def test_planted_defects_are_rejected(defect: Frames, words: str) -> None:
    assert any(words in failure for failure in judged(defect).failures())


def test_one_bad_utterance_is_rejected_alone() -> None:
    bad = moved((7, 3, 1), (7, 4, -1), (7, 5, 1), (7, 6, -1))
    assert len(judged(bad).failures()) == 1, "the mean over all does not see it"


def test_a_short_text_may_change_by_one_token() -> None:
    five = [np.full(5, 4, np.int64)]
    longer = [np.array([4, 5, 4, 4, 4])]
    assert compare_durations(five, longer, ["a"]).failures() == ()
    assert compare_durations(five, [longer[0] + 1], ["a"]).failures()
