"""Who is heard, who is held out, and voices that nobody recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibrate.voices import HELD_OUT_SHARE, MADE_UP, make_up, read_voice, split_voices
from export_onnx.errors import WeightsError


@pytest.mark.parametrize(
    ("names", "held_out"),
    [
        (["af_x"], ()),
        (["random_a", "random_b"], ("random_b",)),
        (
            ["jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo"],
            ("jf_tebukuro",),
        ),  # the only voice of its kind is heard
        (["af_a", "af_b", "am_a", "am_b", "bf_a", "bf_b", "bm_a", "bm_b"], ("af_b", "am_b", "bf_b")),
    ],
)
def test_the_last_voice_of_each_language_and_sex_is_held_out(names: list[str], held_out: tuple[str, ...]) -> None:
    heard, held = split_voices(names[::-1])
    assert held == held_out
    assert sorted((*heard, *held)) == names
    assert len(held) <= max(1, HELD_OUT_SHARE * len(names))


def test_made_up_voices_are_different_seeded_and_of_heard_voices_only() -> None:
    heard = ("a", "b", "c")
    made = make_up(heard)
    assert len(set(made)) == len(made) == MADE_UP
    assert made == make_up(heard)
    assert made != make_up(heard, seed=1)
    for name in made:
        weights = {term.split(":")[0]: float(term.split(":")[1]) for term in name.split("+")}
        assert set(weights) <= set(heard)
        assert sum(weights.values()) == pytest.approx(1)
    assert any("-" in name for name in made)  # beyond the recorded ones, not only between them
    assert make_up(("a",)) == ()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(("a", "b")):
        np.save(tmp_path / f"{name}.npy", np.full((510, 256), number + 1, np.float32))
    return tmp_path


def test_a_formula_is_a_sum_of_packs(folder: Path) -> None:
    assert (read_voice(folder, "b") == 2).all()
    mixed = read_voice(folder, "a:1.8+b:-0.8")
    assert mixed.shape == (510, 256)
    assert mixed.dtype == np.float32
    assert mixed == pytest.approx(0.2)


@pytest.mark.parametrize("name", ["c", "a:0.5+c:0.5", "a:much+b:0.5", "a+b:0.5", ""])
def test_what_is_no_voice_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(WeightsError, match=r"a:0\.7"):
        read_voice(folder, name)
