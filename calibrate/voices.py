"""Who speaks: voices that are heard in calibration, voices that are held out, and voices that nobody recorded.

A voice pack is a table of style vectors, so a sum of packs is a voice, too. Ranges and second moments of a few
recorded voices alone do not hold for an unheard one, so a dozen made-up voices join the calibration. They are drawn
from the heard voices only; a held-out voice is in none of them. On Kokoro-82M (weights from its published 8-bit file,
u8/s8, weights to the nearest) the unheard jf_tebukuro gains by them: PESQ mean / worst 4.38 / 4.32 -> 4.42 / 4.38, SNR
16.8 -> 19.5 dB. The four heard voices stay where they were: PESQ 4.49 / 4.40 -> 4.48 / 4.43.

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

HELD_OUT_SHARE: Final = 0.4  # of the voices at most; the rest must still span what calibration is to cover
# How far an extrapolation goes past a voice, in distances between two voices: calibration's, and further out those by
# which choices are made, because what is chosen must hold for voices that calibration does not reach.
BEYOND: Final = 0.8
FURTHER: Final = 1.2
MADE_UP: Final = 12
_TERM: Final = re.compile(r"(?P<voice>[^:+]+):(?P<weight>-?\d+(?:\.\d+)?)")


def split_voices(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Heard voices, and voices that are held out: the last one by name of each language and sex that has two or more.

    Kokoro's names begin with a letter for the language and one for the sex, `af_bella`. The only voice of its kind is
    heard: nothing else would tell calibration of it, and it ships. The smallest groups come first, because their
    held-out voice is the least like any heard one; no more than two fifths of all voices are held out.
    """
    ordered, groups = sorted(names), dict[str, list[str]]()
    for name in ordered:
        groups.setdefault(name[:2], []).append(name)
    several = sorted((g for g in groups.values() if len(g) > 1), key=lambda members: (len(members), members[0]))
    held = sorted(members[-1] for members in several[: max(1, int(HELD_OUT_SHARE * len(ordered)))])
    return tuple(name for name in ordered if name not in held), tuple(held)


def make_up(heard: Sequence[str], number: int = MADE_UP, seed: int = 0, beyond: float = BEYOND) -> tuple[str, ...]:
    """Formulas of voices that nobody recorded: extrapolations, mirror images and blends of heard voices, in turn.

    Args:
        heard: at least two, or there is nothing to make a voice from and the result is empty.
        number: how many; fewer where few voices allow fewer different ones.
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
    """Voice -> weight as a name."""
    return "+".join(f"{voice}:{weight:g}" for voice, weight in weights.items())


def read_voice(folder: Path, name: str) -> NDArray[np.float32]:
    """A recorded or made-up voice's pack, [510, 256].

    Args:
        folder: holds `<voice>.npy`.
        name: a recorded voice's, or a formula.

    Raises:
        WeightsError: a recorded voice that it names is not there, or it is no formula.
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
