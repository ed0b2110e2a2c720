"""The search, on a made-up model whose noise is known."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from export_onnx.architecture import load_architecture
from export_onnx.errors import ContractError, ParityError
from quantize.blocklists import DEFAULTS, NEVER
from quantize.decide import BLOCKLIST, PLOT, default_blocklist, excluded_groups, split_for_search, write_blocklist
from quantize.full_size import full_size_share, multiply_adds_a_frame
from quantize.gates import FLOORS
from quantize.recipes import RECIPES, recipe
from quantize.sensitivity import Group, search
from quantize.verify import Quality

NOISE = {"post": 1e-1, "up": 3e-3, "front": 2e-5, "block": 1e-5, "big": 2e-5}
SHARE = {"post": 0.01, "up": 0.02, "front": 0.07, "block": 0.3, "big": 0.6}
GROUPS = tuple(Group(name, share, share) for name, share in SHARE.items())


def quality(noise: float) -> Quality:
    return Quality(-10 * float(np.log10(noise)), 0.1, 0.0, 0.0, 0.0, 0.0, True)


def listen(names: tuple[str, ...]) -> Quality:
    return quality(sum(NOISE[name] for name in names) * (1.4 if len(names) > 2 else 1.0))


def test_the_noisy_and_cheap_leave_first() -> None:
    found = search(GROUPS, ("post",), listen, FLOORS[8])
    assert found.excluded == ("post", "up")
    assert set(found.alone) == set(NOISE)
    assert found.curve[-1].quality.snr_db >= FLOORS[8].goal_snr_db
    assert found.curve[-1].share == pytest.approx(0.97)


def test_what_is_never_quantized_stays_out_even_where_it_scores() -> None:
    found = search(GROUPS, ("block",), lambda names: quality(1e-6), FLOORS[8])
    assert found.excluded == ("block",)
    assert len(found.curve) == 1


def test_a_whole_that_misses_is_repaired() -> None:
    def worse(names: tuple[str, ...]) -> Quality:
        return quality(4e-3 if "front" in names and len(names) > 1 else 1e-5)

    assert "front" in search(GROUPS, ("post",), worse, FLOORS[8]).excluded


def test_defaults_name_real_groups_and_reach_their_share() -> None:
    groups = {name: (f"/{name}/Conv",) for name in multiply_adds_a_frame(load_architecture("kokoro-82m"))}
    for chosen in RECIPES:
        excluded = {e.group for e in DEFAULTS[chosen.name]}
        assert excluded <= set(groups)
        assert set(NEVER) <= excluded
        assert all(e.reason for e in DEFAULTS[chosen.name])
        assert set(excluded_groups(default_blocklist(chosen, groups))) == excluded
        assert full_size_share(excluded) >= (0.99 if chosen.activation_bits == 16 else 0.91)


def test_the_block_list_is_written_with_its_picture(tmp_path: Path) -> None:
    groups = {"conv_post": ("/conv_post/Conv",), "ups.0": ("/ups.0/conv/Conv",)}
    write_blocklist(tmp_path, default_blocklist(recipe("nnapi"), groups))
    listed = json.loads((tmp_path / BLOCKLIST).read_text())
    assert listed["groups"]["conv_post"]["decision"] == "float"
    assert listed["groups"]["conv_post"]["reason"]
    assert (tmp_path / PLOT).read_text().startswith("<svg")


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(ContractError, match="nnapi"):
        recipe("tpu")


def test_what_is_chosen_by_is_not_judged_by() -> None:
    spoken = [SimpleNamespace(voice=voice, text=str(i)) for i, voice in enumerate("aabbaabbaz")]
    samples = [SimpleNamespace(utterance=utterance) for utterance in spoken]
    searched, judged = split_for_search(samples)
    texts = [{sample.utterance.text for sample in part} for part in (searched, judged)]
    assert len(searched) == 4
    assert not texts[0] & texts[1]
    assert texts[0] | texts[1] == {sample.utterance.text for sample in samples}
    assert "z" in {sample.utterance.voice for sample in searched}
    with pytest.raises(ParityError, match="one to judge by"):
        split_for_search(samples[:1])
