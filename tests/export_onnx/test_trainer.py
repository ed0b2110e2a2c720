"""How the demo voice was trained: alignment, teacher, steps, and the measures that judge it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export_onnx.demo_voice.trainer.align import align, spell, whole_frames
from export_onnx.demo_voice.trainer.espeak import PhonemeEvent, espeak
from export_onnx.demo_voice.trainer.espeak_voices import LANGUAGE
from export_onnx.demo_voice.trainer.measures import cents, voicing_error
from export_onnx.demo_voice.trainer.recognizer import spoken_words, unigrams, word_errors
from export_onnx.demo_voice.trainer.train import TrainingRecipe, learning_rate
from export_onnx.errors import PipelineError


@given(st.lists(st.floats(0, 6), min_size=1, max_size=40), st.integers(0, 30))
def test_whole_frames_sum_to_the_total_and_are_at_least_one(spans: list[float], spare: int) -> None:
    total = len(spans) + spare
    edges = np.concatenate(([0.0], np.cumsum(spans)))
    frames = whole_frames(edges * total / max(edges[-1], 1e-6), total)
    assert frames.sum() == total
    assert frames.min() >= 1


def test_whole_frames_keep_whole_boundaries_and_refuse_too_few() -> None:
    assert whole_frames(np.array([0.0, 3, 4, 9]), 9).tolist() == [3, 1, 5]
    assert whole_frames(np.array([0.0, 2, 2, 2, 6]), 6).tolist() in ([1, 1, 1, 3], [2, 1, 1, 2], [1, 1, 2, 2])
    with pytest.raises(ValueError, match="do not fit"):
        whole_frames(np.array([0.0, 1, 2]), 1)


def test_events_are_spelled_as_misaki_spells_them() -> None:
    phones = [
        PhonemeEvent("k", 0),
        PhonemeEvent("ˈɪ", 10),
        PhonemeEvent("ʔ", 20),
        PhonemeEvent("n̩", 30),
        PhonemeEvent("", 40),
    ]
    letters, spans = spell(phones, 50)
    assert letters == "kˈɪtn"
    assert spans[-1] == (30.0, 40.0)
    assert spell([PhonemeEvent("ɜː", 0), PhonemeEvent("ɹ", 10)], 30) == ("ɜɹ", [(0.0, 5.0), (5.0, 30.0)])


def test_a_pause_belongs_to_the_punctuation() -> None:
    phones = [
        PhonemeEvent("h", 100),
        PhonemeEvent("aɪ", 200),
        PhonemeEvent("", 400),
        PhonemeEvent("j", 1000),
        PhonemeEvent("uː", 1100),
        PhonemeEvent("", 1300),
    ]
    frames = align("hI, ju.", phones, 1500, 50)
    assert frames is not None
    assert frames.sum() == 30
    assert frames.tolist() == [2, 2, 4, 6, 6, 2, 4, 2, 2]  # pad h I , space j u . pad


def test_what_cannot_be_spelled_is_not_aligned() -> None:
    assert align("ha", [PhonemeEvent("h", 0), PhonemeEvent("iː", 500)], 1000, 50) is None


def test_teacher_refuses_an_unknown_voice() -> None:
    with pytest.raises(PipelineError, match="nobody"):
        espeak("Hello.", "nobody", rate=150, pitch=50)


# Training


def test_learning_rate_warms_up_stays_and_falls() -> None:
    recipe = TrainingRecipe(rate=1.0, warmup=10, decay=0.25)
    assert [round(learning_rate(recipe, step, 100), 2) for step in (0, 50, 74, 90, 99)] == [0.1, 1, 1, 0.4, 0.04]


# Measures


def test_a_word_is_as_likely_as_any_other() -> None:
    assert "ngram 1=4" in unigrams(["a", "b"])
    assert [line for line in unigrams(["a", "b"]).splitlines() if line.startswith("-0.")] == [
        "-0.4771 </s>",
        "-0.4771 a",
        "-0.4771 b",
    ]


def test_pitch_measures_see_a_semitone_and_a_lost_voice() -> None:
    curve = np.array([0.0, 100, 110, 120, 0])
    assert cents(curve * 2 ** (1 / 12), curve) == pytest.approx(100)
    assert voicing_error(np.zeros(5), curve) == pytest.approx(0.6)


def test_word_errors_count_every_kind() -> None:
    said = spoken_words("The dog, the cat!")
    assert said == ["the", "dog", "the", "cat"]
    assert word_errors(said, ["the", "dog", "a", "cat"]) == 1
    assert word_errors(said, []) == 4
    assert word_errors(said, ["the", "big", "dog", "the", "cat"]) == 1


def test_language_is_the_front_end_s() -> None:
    assert LANGUAGE.lower().endswith("en-us")
