"""What the table is fitted on: durations read in thousandths are the stage's own at every speed."""

from __future__ import annotations

from export_onnx.run import text
from export_onnx.run.chain import DURATIONS, Chain
from export_onnx.run.padding import text_inputs
from export_onnx.run.sessions import SessionSettings
from selector.choose.measured_texts import FITTED, HELD_OUT, measure_durations, runs, sentence_phonemes, texts_per_voice
from selector.choose.voice_table import frames_at


def test_one_run_tells_the_frames_at_every_speed(small):
    chain = Chain(small.folder, small.bucket, settings=SessionSettings(threads=1))
    voice = small.weights.voices["random_a"].numpy()
    ids = text.encode("wˈʌt ɐ pɹˈɪɾi dˈA fɔɹ ɐ wˈɔk", small.weights.model.vocab).ids
    (durations,) = measure_durations([chain], {"a": voice}, [ids], lambda part: None)["a"]
    n = len(ids)
    for speed in (0.5, 0.8, 1.0, 1.3, 2.0):
        inputs = text_inputs(ids, voice[n - 3 : n - 2], speed, small.bucket)
        exact = chain.run_stages(DURATIONS, inputs)["frames_per_token"].sum()
        assert abs(int(exact) - frames_at(durations, speed)) <= 1  # a tie may round either way


def test_fitted_and_held_out_share_no_sentence():
    assert not set(sentence_phonemes(FITTED)) & set(sentence_phonemes(HELD_OUT))


def test_runs_have_all_lengths_and_end_with_a_word():
    pool = sentence_phonemes(HELD_OUT)
    made = list(runs(pool, 40, 382, 0))
    assert made == list(runs(pool, 40, 382, 0))
    lengths = [len(run) for run in made]
    assert max(lengths) <= 382
    assert max(lengths) >= 350
    assert min(lengths) <= 20
    words = {word for sentence in pool for word in sentence.split()}
    assert all(set(run.split()) <= words for run in made)


def test_many_voices_get_fewer_texts_each():
    assert texts_per_voice(1) == texts_per_voice(5) == (96, 128)
    assert texts_per_voice(10) == (48, 64)
    assert texts_per_voice(54) == (40, 16)
