"""The search, on a made-up model whose noise is known, and the committed lists."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from export_onnx.errors import ContractError
from quantize.blocklists import KOKORO, LISTS, NEVER, committed, has_own_list
from quantize.gates import Limits
from quantize.listen.quality import Quality, Summary, summarize
from quantize.recipes import RECIPES, recipe
from quantize.sound.choose_blocklist import (
    BLOCKLIST,
    PLOT,
    default_blocklist,
    excluded_convolutions,
    float_channels,
    write_blocklist,
)
from quantize.sound.search import LEAST_SHARE, Candidate, harm, search

NOISE = {"post": 1e-1, "up": 3e-3, "front": 2e-5, "block": 1e-5, "big": 2e-5}
SHARE = {"post": 0.01, "up": 0.02, "front": 0.07, "block": 0.3, "big": 0.6}
CANDIDATES = tuple(Candidate(name, share, share) for name, share in SHARE.items())
GOAL = Limits(snr_worst=35.0)


def quality(noise: float) -> Quality:
    return Quality(4.6, 1.0, 0.1, -10 * float(np.log10(noise)))


ALONE = {name: quality(noise) for name, noise in NOISE.items()}


def listen(names: tuple[str, ...]) -> Summary:
    return summarize([quality(sum(NOISE[name] for name in names) * (1.4 if len(names) > 2 else 1.0))])


def test_the_noisy_and_cheap_leave_first() -> None:
    found = search(CANDIDATES, ("post",), ALONE, listen, GOAL)
    assert found.excluded == ("post", "up")
    assert [point.excluded for point in found.curve] == [("post",), ("post", "up")]
    assert found.curve[-1].share == pytest.approx(0.97)


def test_log_mel_distance_is_harm_too() -> None:
    dull = {**ALONE, "front": dataclasses.replace(ALONE["front"], mel_db=3.0)}
    assert harm(dull, "front", ("post",)) > harm(ALONE, "front", ("post",)) + 0.5
    assert harm(dull, "front", ("post",)) > harm(dull, "big", ("post",))


def test_what_is_never_quantized_stays_out_even_where_it_scores() -> None:
    found = search(CANDIDATES, ("block",), ALONE, lambda names: summarize([quality(1e-6)]), GOAL)
    assert found.excluded == ("block",)
    assert len(found.curve) == 1


def test_a_whole_that_misses_is_repaired() -> None:
    def worse(names: tuple[str, ...]) -> Summary:
        return summarize([quality(4e-3 if "front" in names else 1e-5)])

    assert "front" in search(CANDIDATES, ("post",), ALONE, worse, GOAL).excluded


def test_a_search_never_goes_below_its_share_and_keeps_the_best_it_heard() -> None:
    heard: list[tuple[str, ...]] = []

    def hopeless(names: tuple[str, ...]) -> Summary:
        heard.append(names)
        return summarize([dataclasses.replace(quality(1e-1), mel_db=9.0 - len(heard))])

    found = search(CANDIDATES, ("post",), ALONE, hopeless, GOAL)
    assert all(point.share >= LEAST_SHARE for point in found.curve)
    assert len(heard) == len(found.curve) == 3  # post; and up; and front: the next is a third of the work
    assert found.excluded == found.curve[-1].excluded


CONVS = {e.conv: 256 for lists in LISTS.values() for entries in lists.values() for e in entries}


def test_committed_lists_say_why_and_leave_conv_post_out() -> None:
    for weights, lists in LISTS.items():
        for chosen in RECIPES:
            listed = lists[chosen.name]
            whole = {e.conv for e in listed if not e.channels}
            assert set(NEVER) <= whole
            assert all(e.reason and e.alone_mel_db > 0 for e in listed)
            written = default_blocklist(chosen, CONVS, weights)
            assert set(excluded_convolutions(written)) == whole
            assert float_channels(written) == {e.conv: e.channels for e in listed if e.channels}


def test_a_convolution_without_the_lists_channels_stays_in_float_as_a_whole() -> None:
    (part,) = [e for e in LISTS[KOKORO]["nnapi"] if e.channels]
    narrow = default_blocklist(recipe("nnapi"), {part.conv: max(part.channels)}, "random-small")
    assert excluded_convolutions(narrow) == (part.conv,)
    assert float_channels(narrow) == {}
    wide = default_blocklist(recipe("nnapi"), {part.conv: max(part.channels) + 1}, "random")
    assert float_channels(wide) == {part.conv: part.channels}


def test_lists_go_by_the_weights() -> None:
    assert committed("kokoro-82m-int8", "nnapi")[0] == committed("kokoro-82m", "nnapi")[0] == KOKORO
    assert committed("demo", "nnapi")[0] == "demo"
    assert committed("somebody-elses", "nnapi")[0] == KOKORO
    names = ("kokoro-82m", "kokoro-82m-int8", "demo", "kokoro-82m-tuned", "somebody-elses")
    assert [has_own_list(name) for name in names] == [True, True, True, False, False]


def test_the_block_list_is_written_with_its_picture(tmp_path: Path) -> None:
    write_blocklist(
        tmp_path, default_blocklist(recipe("nnapi"), {"/conv_post/Conv": 22, "/ups.0/conv/Conv": 256}, "demo")
    )
    listed = json.loads((tmp_path / BLOCKLIST).read_text())
    assert listed["convolutions"]["/conv_post/Conv"]["decision"] == "float"
    assert listed["convolutions"]["/conv_post/Conv"]["reason"]
    assert (tmp_path / PLOT).read_text().startswith("<svg")


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(ContractError, match="nnapi"):
        recipe("tpu")
