"""What the table is fitted on: durations read in thousandths are the stage's own at every speed."""

from __future__ import annotations

import numpy as np
import pytest

from export_onnx.run import text
from selector.choose.measured_texts import FITTED, HELD_OUT, measure_durations, runs, sentences, texts_per_voice
from selector.choose.voice_table import frames_at
from selector.package.manifest import BucketContract
from selector.speak.synthesize import Stages, resize


@pytest.fixture(scope="module")
def bucket(small) -> BucketContract:
    return BucketContract(
        name="2s",
        seconds=2.0,
        tokens=48,
        frames=80,
        sizes={"tokens": 48},
        models={name: f"{name}_2s.onnx" for name in ("bert", "duration")},
    )


def test_one_run_tells_the_frames_at_every_speed(small, bucket):
    stages, voice = Stages(small.folder, threads=1), small.weights.voices["random_a"].numpy()
    ids = text.encode("wˈʌt ɐ pɹˈɪɾi dˈA fɔɹ ɐ wˈɔk", small.weights.model.vocab).ids
    (durations,) = measure_durations(stages, [bucket], {"a": voice}, [ids], lambda part: None)["a"]
    n = len(ids)
    for speed in (0.5, 0.8, 1.0, 1.3, 2.0):
        tensors = {
            "ids": resize(np.array([ids], np.int32), 48),
            "token_mask": resize(np.ones((1, n), np.float32), 48),
            "n_tokens": np.array([n], np.int32),
            "speed": np.array([speed], np.float32),
            "prosody_style": voice[n - 3 : n - 2, 128:],
        }
        exact = stages.run("duration", bucket, stages.run("bert", bucket, tensors))["frames_per_token"].sum()
        assert abs(int(exact) - frames_at(durations, speed)) <= 1  # a tie may round either way


def test_fitted_and_held_out_share_no_sentence():
    assert not set(sentences(FITTED)) & set(sentences(HELD_OUT))


def test_runs_have_all_lengths_and_end_with_a_word():
    pool = sentences(HELD_OUT)
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
