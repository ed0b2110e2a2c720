"""A package of free lengths at work: nothing is padded, no token is lost, and the first piece comes early."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export_onnx.geometry import SAMPLES_PER_FRAME
from export_onnx.run import text as front
from export_onnx.run.padding import waveform
from selector.choose.choose_bucket import most_tokens
from selector.choose.chunk_limits import LONGEST, chunk_limits
from selector.package import make_packages
from selector.package.opened import Package
from selector.speak.to_wav import find_package
from tests.selector.selector_fakes import STRETCH, make_build, sound_of
from tests.selector.spoken_faults import faults, say, spelled


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    work = tmp_path_factory.mktemp("free")
    build = make_build(work / "build", ("nnapi", "cpu"))
    make_packages.make_packages(build, work / "dist", ["nnapi", "cpu"], "0.1.0", "python -m selector package")
    return work / "dist"


@pytest.fixture(scope="module")
def package(dist) -> Package:
    """Fixed buckets; no stage is proven, so all run on the CPU."""
    return Package.open(find_package(dist, "nnapi"))


@pytest.fixture(scope="module")
def free(dist) -> Package:
    """One bucket of free lengths."""
    return Package.open(find_package(dist, "cpu"))


def test_free_lengths_give_the_sound_of_fixed_buckets_without_padding(free, package):
    text = "good dog jumps, and the lazy fox sleeps"
    chain = free.chains["any"]
    ids = front.encode(spelled(text, ""), free.manifest.vocabulary).ids
    values = chain.speak(ids, free.voice("bf_long")[len(ids) - 3 : len(ids) - 2])
    frames = int(values["n_frames"][0])
    assert values["ids"].shape == (1, len(ids))
    assert values["asr"].shape[2] == frames
    assert values["waveform"].shape == (1, frames * SAMPLES_PER_FRAME)
    wanted = sound_of(ids, STRETCH["bf_long"], 1.0)
    np.testing.assert_allclose(values["waveform"][0], wanted, atol=1e-6)
    padded = package.chains["15s"].speak(ids, free.voice("bf_long")[len(ids) - 3 : len(ids) - 2])
    np.testing.assert_allclose(waveform(padded), wanted, atol=1e-6)


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
def test_every_token_of_a_long_text_is_heard_at_free_lengths(free, speed):
    text = "Bad dog. " + "jumps over the lazy fox, slowly; and then it sleeps till noon. " * 12
    spoken, rendered = say(free, text, "bf_long", speed)
    heard = np.concatenate([s.samples for s in spoken])
    assert faults(free, text, "bf_long", speed, heard, rendered) == []
    assert max(s.frames for s in spoken) <= LONGEST.frames


def test_at_free_lengths_a_listener_waits_for_a_short_piece_only(free):
    table = free.manifest.selector.voices["af_short"]
    limit, first = chunk_limits(free.manifest.buckets, table, 1.0)
    assert first < limit
    assert limit < most_tokens(free.manifest.buckets, table, 1.0)
    fits = "mnd fghj klp. " + "bvd mnd fghj, " * (limit // 28)
    assert first < len(fits) < limit
    _, (head, *others) = say(free, fits, "af_short", 1.0)
    assert head[1].tokens - 2 <= first
    assert len(others) == 1, "the rest of what fits one chunk stays whole"
    _, whole = say(free, "mnd fghj klp bvd " * (limit // 28), "af_short", 1.0)
    assert len(whole) == 1, "no cut within a clause"
