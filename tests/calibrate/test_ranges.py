"""Statistics that grow, and the ranges that follow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from calibrate import store
from calibrate.ranges import HEADROOM, Histogram, choose_range
from calibrate.statistics import BINS, STEPS_A_SAMPLE, ChannelStatistics, sampled_steps


def chunks(seed: int = 0) -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    sizes = np.array([0.01, 1.0, 40.0, 0.0])[:, None]
    return [(rng.standard_normal((4, 300)) * sizes * (1 + i)).astype(np.float32) for i in range(5)]


def collected(parts: list[NDArray[np.float32]]) -> ChannelStatistics:
    seen = ChannelStatistics(4)
    for part in parts:
        seen.add(part)
    return seen


def test_the_order_of_the_samples_does_not_matter() -> None:
    one, two = collected(chunks()), collected(chunks()[::-1])
    assert (one.counts == two.counts).all()
    assert (one.exponent == two.exponent).all()
    assert (one.low == two.low).all()


def test_extremes_are_exact_and_memory_does_not_grow() -> None:
    parts = chunks()
    seen, whole = collected(parts), np.concatenate(parts, 1)
    assert (seen.low == whole.min(1)).all()
    assert (seen.high == whole.max(1)).all()
    assert seen.steps == whole.shape[1]  # each part is short enough to be seen whole
    assert seen.counts.shape == (4, BINS)
    long = ChannelStatistics(4)
    long.add(np.ones((4, 10 * STEPS_A_SAMPLE), np.float32))
    assert long.counts.sum() == 4 * STEPS_A_SAMPLE


def test_the_histogram_is_that_of_the_values() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((1, 400)).astype(np.float32)
    seen = ChannelStatistics(1)
    seen.add(x)
    width = 2.0 ** int(seen.exponent[0])
    expected, _ = np.histogram(x, bins=BINS, range=(-width, width))
    assert np.abs(np.cumsum(seen.counts[0]) - np.cumsum(expected)).max() <= 1


def written(folder: Path, parts: list[NDArray[np.float32]]) -> store.Statistics:
    store.write_statistics(folder, {"vocoder": {"value": collected(parts)}}, 5, "mse")
    return store.read_statistics(folder)


def test_repeated_runs_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, chunks())
    for file in (store.RANGES, store.HISTOGRAMS):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_scaled_channel_scales_its_histogram(tmp_path: Path) -> None:
    channels = written(tmp_path, chunks())["vocoder"]["value"]
    scaled = channels.histogram(np.array([100.0, 1.0, 0.025, 1.0]), np.zeros(4))
    assert scaled.high == pytest.approx(max(channels.high * [100, 1, 0.025, 1]))
    low, high = channels.ends(1e-3)
    assert (low >= channels.low).all()
    assert (high <= channels.high).all()
    assert (high[:3] > 0.5 * channels.high[:3]).all()


def outlier() -> Histogram:
    x = np.linspace(-1, 1, 2001)
    weights = np.exp(-(x**2) * 50) * 1000
    return Histogram(np.append(x, 40.0), np.append(weights, 0.1), -1.0, 40.0)


def test_mse_cuts_an_outlier_that_min_max_keeps() -> None:
    assert choose_range(outlier(), "min-max", 8).high == 40.0
    assert choose_range(outlier(), "mse", 8).high < 20
    assert choose_range(outlier(), "percentile", 8).high < 2
    assert choose_range(outlier(), "mse", 8, clipping=0.01).high < choose_range(outlier(), "mse", 8).high


def test_16_bits_cut_nothing_and_leave_room() -> None:
    chosen = choose_range(outlier(), "mse", 16)
    assert chosen.high == HEADROOM * 40.0
    assert chosen.low == -HEADROOM
    assert choose_range(outlier(), "min-max", 16).high == 40.0


@pytest.mark.parametrize("period", [2, 20, 60, 120])
def test_sampled_steps_see_every_phase_of_the_upsamplers(period: int) -> None:
    """A grid of every 46th of 24,000 steps, for example, never sees an odd one."""
    steps = sampled_steps(24_008)
    assert len(np.unique(steps)) == len(steps) == STEPS_A_SAMPLE
    assert (np.sort(steps) == steps).all()
    phases = np.bincount(steps % period, minlength=period)
    assert phases.min() >= 1
    assert np.bincount(np.arange(0, 24_008, 46) % 2, minlength=2).min() == 0


@pytest.mark.parametrize(("low", "high"), [(1.0, 2.0), (-2.0, -1.0), (0.0, 0.0)])
def test_zero_is_always_inside(low: float, high: float) -> None:
    histogram = Histogram(np.linspace(low, high, 10), np.ones(10), low, high)
    chosen = choose_range(histogram, "mse", 8)
    assert chosen.low <= 0 <= chosen.high
    assert chosen.low < chosen.high
