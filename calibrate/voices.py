"""Chooses the voices: those in calibration, those held out, and made-up ones that nobody recorded.

A voice pack is a table of style vectors, so a sum of packs is a voice, too. Ranges and second moments of a few
recorded voices alone do not hold for other voices, so a dozen made-up voices join the calibration. They are mixed from
the voices in calibration only, never from a held-out voice. On Kokoro-82M (weights from its published 8-bit file,
u8/s8, weights rounded to the nearest) the held-out jf_tebukuro gains by them: PESQ mean / worst 4.38 / 4.32 -> 4.42 /
4.38, SNR 16.8 -> 19.5 dB. The four voices in calibration stay about the same: PESQ 4.49 / 4.40 -> 4.48 / 4.43.

A made-up voice is written as its formula, `af_bella:1.8+am_adam:-0.8`, which is also its name in every report.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from export_onnx.errors import WeightsError

HELD_OUT_SHARE: Final = 0.4  # of the voices at most, so that calibration still has enough different ones
# How far an extrapolation goes past a voice, in distances between two voices. Search's voices are further out than
# calibration's, because a choice must hold for voices that calibration does not reach.
BEYOND: Final = 0.8
FURTHER: Final = 1.2
MADE_UP: Final = 12
_TERM: Final = re.compile(r"(?P<voice>[^:+]+):(?P<weight>-?\d+(?:\.\d+)?)")


def split_voices(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Splits voices into those in calibration and those held out.

    Kokoro's names begin with a letter for the language and one for the sex, `af_bella`. If a language and sex has two
    or more voices, the last one by name is held out. The only voice of its kind is in calibration: it ships, and no
    other voice is like it. The smallest groups come first, because their held-out voice is the least like any voice in
    calibration; no more than two fifths of all voices are held out.
    """
    ordered, groups = sorted(names), dict[str, list[str]]()
    for name in ordered:
        groups.setdefault(name[:2], []).append(name)
    several = sorted((g for g in groups.values() if len(g) > 1), key=lambda members: (len(members), members[0]))
    held = sorted(members[-1] for members in several[: max(1, int(HELD_OUT_SHARE * len(ordered)))])
    return tuple(name for name in ordered if name not in held), tuple(held)


def make_up(heard: Sequence[str], number: int = MADE_UP, seed: int = 0, beyond: float = BEYOND) -> tuple[str, ...]:
    """Formulas of made-up voices: extrapolations, mirror images and blends of the voices `heard`, in turn.

    Args:
        heard: the voices in calibration; with fewer than two, the result is empty.
        number: how many; fewer if few voices allow fewer different ones.
        seed: other seeds give other voices.
        beyond: see `BEYOND`.
    """
    draws, made = np.random.default_rng(seed), dict[str, None]()
    for attempt in range(8 * number * (len(heard) > 1)):
        a, b, *others = (heard[i] for i in draws.permutation(len(heard)))
        opposite = (b, *others[:1])
        share = round(float(draws.uniform(0.25, 0.75)), 2)
        kinds = (
            {a: 1 + beyond, b: -beyond},  # past a, away from b
            {a: 0.5 - beyond, **dict.fromkeys(opposite, (0.5 + beyond) / len(opposite))},  # a, mirrored
            {a: share, b: round(1 - share, 2)},
        )
        made[formula(kinds[attempt % len(kinds)])] = None
        if len(made) == number:
            break
    return tuple(made)


def formula(weights: dict[str, float]) -> str:
    """The name of the voice that is the sum of these voices by their weights."""
    return "+".join(f"{voice}:{weight:g}" for voice, weight in weights.items())


def read_voice(folder: Path, name: str) -> NDArray[np.float32]:
    """A recorded or made-up voice's pack, [510, 256].

    Args:
        folder: holds `<voice>.npy`.
        name: a recorded voice's, or a formula.

    Raises:
        WeightsError: the name is neither a recorded voice nor a formula of recorded voices.
    """
    if (folder / f"{name}.npy").is_file():
        return np.asarray(np.load(folder / f"{name}.npy"), np.float32)
    terms = [_TERM.fullmatch(term) for term in name.split("+")]
    parts = [(folder / f"{term['voice']}.npy", float(term["weight"])) for term in terms if term]
    missing = [path.stem for path, _ in parts if not path.is_file()]
    if missing or len(parts) != len(terms):
        raise WeightsError(
            f"voice {name}",
            expected=f"a voice of {folder}, or a sum such as a:0.7+b:0.3",
            got=", ".join(missing) or "neither",
            todo="Check the spelling; `python -m export_onnx` writes the voices.",
        )
    return np.sum([weight * np.load(path).astype(np.float64) for path, weight in parts], 0).astype(np.float32)
