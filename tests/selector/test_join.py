"""Joins: speech untouched, pauses as wanted, no click, no dead air; both figures see a planted defect."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_onnx.checkpoint.architecture import load_architecture
from export_onnx.geometry import SAMPLE_RATE, frames_to_samples
from selector.speak.join import FADE, GUARD, PAUSE, Joiner, gap, pause, speech
from selector.speak.phonemes_at import SILENT, phonemes_at
from selector.speak.whole_words import Rendered, check_joined
from selector.text.bounds import Bound
from tests.selector.seam_limits import CLICK_LIMIT_DB, DEAD_AIR_LIMIT


def voice(seconds: float, lead: float = 0.0, trail: float = 0.0, seed: int = 0, noise: float = 1e-4) -> np.ndarray:
    """A vowel-like sound of 0.3 full scale with silence around it, over a noise floor."""
    draws = np.random.default_rng(seed)
    n = round(seconds * SAMPLE_RATE)
    time = np.arange(n) / SAMPLE_RATE
    tone = np.asarray(sum(np.sin(2 * np.pi * 140 * k * time + k) / k for k in range(1, 8))) * 0.12
    edge = np.linspace(0, 1, SAMPLE_RATE // 500)  # no voice starts or stops within a sample
    if lead:
        tone[: len(edge)] *= edge
    if trail:
        tone[-len(edge) :] *= edge[::-1]
    padded = np.concatenate([np.zeros(round(lead * SAMPLE_RATE)), tone, np.zeros(round(trail * SAMPLE_RATE))])
    return (padded + noise * draws.standard_normal(len(padded))).astype(np.float32)


def join(*chunks: np.ndarray, bound: Bound = Bound.SENTENCE, speed: float = 1.0):
    joiner = Joiner(speed)
    pushed = [joiner.push(chunk, bound) for chunk in chunks]
    return np.concatenate([*(samples for samples, _ in pushed), joiner.finish()]), [s for _, s in pushed if s]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.05, 0.6), st.floats(0, 0.9), st.floats(0, 0.9)), min_size=1, max_size=4),
    st.sampled_from(list(Bound)),
    st.sampled_from([0.5, 1.0, 2.0]),
)
def test_speech_is_kept_and_every_join_is_clean(shapes, bound, speed):
    chunks = [voice(seconds, lead, trail, seed=i) for i, (seconds, lead, trail) in enumerate(shapes)]
    joined, seams = join(*chunks, bound=bound, speed=speed)
    for chunk in chunks:
        start, end = speech(chunk)
        assert chunk[start:end].tobytes() in joined.tobytes()
    assert len(seams) == len(chunks) - 1
    for seam in seams:
        assert seam.click_db <= CLICK_LIMIT_DB
        assert seam.dead_air <= DEAD_AIR_LIMIT
        assert len(seam.sound[seam.start : seam.end]) == round(pause(bound, speed) * SAMPLE_RATE) - 2 * GUARD


@pytest.mark.parametrize("silence", [0.05, 0.2, 1.0])  # with none of their own, the guards are speech too
@pytest.mark.parametrize("bound", list(Bound))
def test_the_pause_is_what_the_punctuation_wants(silence, bound):
    _, (seam,) = join(voice(0.5, silence, silence), voice(0.5, silence, silence, seed=1), bound=bound)
    assert seam.wanted == pytest.approx(pause(bound, 1.0))
    assert abs(seam.dead_air) <= 0.03


def quiet_ending() -> np.ndarray:
    """A second at -6 dB, a second at 46 dB less, and zeros around them."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    loud = 0.5 * np.sin(2 * np.pi * 200 * time)
    zeros = np.zeros(SAMPLE_RATE // 5)
    return np.concatenate([zeros, loud, loud * 10 ** (-46 / 20), zeros]).astype(np.float32)


def test_a_quiet_ending_is_kept_where_the_durations_say_that_a_phoneme_is():
    sound = quiet_ending()
    phonemes = (SAMPLE_RATE // 5, len(sound) - SAMPLE_RATE // 5)
    joiner, blind = Joiner(1.0), Joiner(1.0)
    kept = np.concatenate([*(joiner.push(sound, Bound.SENTENCE, phonemes)[0] for _ in range(2)), joiner.finish()])
    cut = np.concatenate([*(blind.push(sound, Bound.SENTENCE)[0] for _ in range(2)), blind.finish()])
    body = sound[phonemes[0] : phonemes[1]].tobytes()
    assert kept.tobytes().count(body) == 2
    assert body not in cut.tobytes(), "the defect: loudness alone"
    assert len(kept) - len(cut) > 1.6 * SAMPLE_RATE
    chunk = Rendered(sound, (8, 80, 8), phonemes)
    assert check_joined([chunk, chunk], kept).faults == ()
    assert len([f for f in check_joined([chunk, chunk], cut).faults if "changed" in f]) == 2


def test_silence_that_a_phoneme_ends_with_is_no_part_of_the_pause():
    """A duration covers the silence behind its sound, too; only sound counts."""
    sound, silent = voice(0.5, 0.2, 0.6, noise=1e-6), round(0.6 * SAMPLE_RATE)
    phonemes = (round(0.2 * SAMPLE_RATE), len(sound) - silent // 3)
    assert speech(sound, phonemes) == speech(sound)
    joiner = Joiner(1.0)
    joiner.push(sound, Bound.SENTENCE, phonemes)
    _, seam = joiner.push(sound, Bound.SENTENCE, phonemes)
    assert seam is not None
    assert abs(seam.dead_air) <= 0.03


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 20000), st.integers(0, 20000))
def test_durations_never_make_speech_shorter(one, other):
    sound = quiet_ending()
    start, end = speech(sound)
    first, last = speech(sound, (min(one, other), max(one, other)))
    assert first <= start
    assert last >= end


def test_phonemes_are_letters_between_marks():
    frames = [8, 3, 4, 2, 5, 6, 9, 7]
    assert phonemes_at("“a, bˈ", frames) == (frames_to_samples(11), frames_to_samples(37))
    assert phonemes_at("ab.", [2, 3, 4, 5, 6]) == (frames_to_samples(2), frames_to_samples(9))
    assert phonemes_at("…!", [2, 3, 4, 5]) is None
    assert phonemes_at("ɑ\u0303", [2, 3, 4, 5]) == (frames_to_samples(2), frames_to_samples(9)), "a mark over a vowel"


def test_every_symbol_is_a_sound_or_known_to_be_silent():
    vocabulary = load_architecture("kokoro-82m")["vocab"]
    assert set(SILENT) <= set(vocabulary)
    marks = {c for c in vocabulary if unicodedata.category(c)[0] in "PZ"}
    assert marks == set(SILENT)


def test_a_hard_cut_is_a_click():
    _, (seam,) = join(voice(0.5, 0.2, 0.2), voice(0.5, 0.2, 0.2, seed=1))
    cut = seam.sound.copy()
    cut[seam.start + 200 :][:1] = 0.35  # one sample out of place
    assert replace(seam, sound=cut).click_db > CLICK_LIMIT_DB
    # Two chunks without silence, put together with a hole: the sound breaks off at its loudest.
    loud = voice(0.5)
    peak = int(np.argmax(np.abs(loud[6000:9000]))) + 6000
    before = loud[peak - 2400 : peak + 1]
    hole = np.concatenate([before, np.zeros(4000, np.float32), loud[:2400]])
    assert replace(seam, sound=hole, start=2401, end=6401).click_db > CLICK_LIMIT_DB


def test_too_long_a_pause_is_dead_air():
    _, (seam,) = join(voice(0.5, 0.2, 0.2), voice(0.5, 0.2, 0.2, seed=1))
    assert seam.dead_air <= DEAD_AIR_LIMIT
    longer = np.insert(seam.sound, seam.start + 100, np.zeros(SAMPLE_RATE // 5, np.float32))
    assert replace(seam, sound=longer).dead_air > DEAD_AIR_LIMIT


def test_plain_concatenation_would_fail_one_of_the_figures():
    one, other = voice(0.5, 0.6, 0.6), voice(0.5, 0.6, 0.6, seed=1)
    _, (seam,) = join(one, other)
    _, end = speech(one)
    start, _ = speech(other)
    plain = np.concatenate([one[end - 2400 :], other[: start + 2400]])
    assert replace(seam, sound=plain, start=2400, end=len(plain) - 2400).dead_air > DEAD_AIR_LIMIT


def test_the_fade_keeps_the_power_of_room_noise():
    draws = np.random.default_rng(0)
    tail, head = (draws.standard_normal(9000).astype(np.float32) for _ in range(2))
    levels = [np.std(gap(tail, head, 8000)[at : at + FADE]) for at in range(0, 8000 - FADE, FADE)]
    assert min(levels) > 0.8
    assert max(levels) < 1.2


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 3000))
def test_a_gap_has_the_length_asked_for_and_ends_in_its_neighbours(tail, head, length):
    out = gap(np.full(tail, 0.5, np.float32), np.full(head, 0.25, np.float32), length)
    assert len(out) == length
    assert np.abs(out).max(initial=0) <= 0.75
    if tail > FADE and head > FADE and length > 2 * FADE + 2:
        assert out[0] == pytest.approx(0.5)
        assert out[-1] == pytest.approx(0.25)


def test_pauses_grow_with_what_ends():
    assert [PAUSE[b] for b in Bound] == sorted(PAUSE.values())


@pytest.mark.parametrize("chunk", [np.zeros(0, np.float32), np.zeros(600, np.float32), np.ones(50, np.float32)])
def test_silent_and_tiny_chunks_pass(chunk):
    joined, _ = join(chunk, voice(0.2), chunk)
    assert np.isfinite(joined).all()


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_a_rest_that_the_text_names_is_the_pause_at_any_speed(speed):
    joiner = Joiner(speed)
    joiner.push(voice(0.3, 0.5, 0.5), Bound.SENTENCE)
    joiner.rest(0.5)
    joiner.rest(0.25)
    _, seam = joiner.push(voice(0.3, 0.5, 0.5, seed=1), Bound.SENTENCE)
    assert seam is not None
    assert seam.end - seam.start == round(0.75 * SAMPLE_RATE) - 2 * GUARD
    assert seam.dead_air <= DEAD_AIR_LIMIT
    _, after = joiner.push(voice(0.3, 0.5, 0.5), Bound.SENTENCE)
    assert after is not None
    assert after.wanted == pause(Bound.SENTENCE, speed)  # a rest counts once


def test_rests_at_both_ends_are_silence():
    sound = voice(0.3, 0.5, 0.5)
    plain, _ = join(sound)
    joiner = Joiner(1.0)
    joiner.rest(0.5)
    begun, _ = joiner.push(sound, Bound.SENTENCE)
    joiner.rest(0.25)
    rested = np.concatenate([begun, joiner.finish()])
    half, quarter = SAMPLE_RATE // 2, SAMPLE_RATE // 4
    assert not rested[:half].any()
    assert not rested[-quarter:].any()
    assert rested[half:-quarter].tobytes() == plain.tobytes()
