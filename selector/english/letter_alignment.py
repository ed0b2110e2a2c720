"""Which phonemes each letter of a word stands for: the joint units that the model of unknown words is trained on.

A letter takes none, one, two or three phonemes in order, as in x -> ks. The probabilities of such pairs come from
expectation maximization: forward and backward sums over every way to share a word's phonemes out among its letters.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

MOST: Final = 3  # phonemes of one letter
ROUNDS: Final = 5
LEARNED_FROM: Final = 12_000  # words: more change no alignment that matters, and take minutes
# A vowel's stress and its length belong to it.
SOUND: Final = re.compile("[ˈˌ]?[^ˈˌ]ː?")
UNSEEN: Final = 1e-7

Unit = tuple[str, tuple[str, ...]]  # a letter and its sounds


def sounds(phonemes: str) -> tuple[str, ...]:
    """Phonemes with the stress and length of each at it; empty where marks stand alone."""
    found = tuple(SOUND.findall(phonemes))
    return found if "".join(found) == phonemes else ()


def learn_units(words: Sequence[tuple[str, str]]) -> dict[Unit, float]:
    """The probability of each unit.

    Args:
        words: letters and phonemes.
    """
    step = max(1, len(words) // LEARNED_FROM)
    some = [(word, said) for word, phonemes in words[::step] if (said := sounds(phonemes))]
    # To begin with, a letter has one sound rather than none, two or three.
    chances: dict[Unit, float] = defaultdict(lambda: 0.0)
    for word, said in some:
        for unit in _possible(word, said):
            chances[unit] = (0.1, 1.0, 0.02, 0.001)[len(unit[1])]
    for _ in range(ROUNDS):
        counts: dict[Unit, float] = defaultdict(float)
        for word, said in some:
            _count(word, said, chances, counts)
        total = sum(counts.values())
        chances = defaultdict(lambda: UNSEEN, {unit: n / total for unit, n in counts.items()})
    return dict(chances)


def best_units(word: str, phonemes: str, chances: Mapping[Unit, float]) -> list[Unit]:
    """The likeliest alignment; empty where the phonemes are too many for the letters."""
    said = sounds(phonemes)
    best: list[dict[int, tuple[float, int]]] = [{0: (1.0, 0)}]
    for letter in word:
        reached: dict[int, tuple[float, int]] = {}
        for at, (chance, _) in best[-1].items():
            for n in range(min(MOST, len(said) - at) + 1):
                whole = chance * chances.get((letter, said[at : at + n]), UNSEEN)
                if whole > reached.get(at + n, (0.0, 0))[0]:
                    reached[at + n] = (whole, at)
        best.append(reached)
    if not said or len(said) not in best[-1]:
        return []
    units, end = [], len(said)
    for i in range(len(word), 0, -1):
        start = best[i][end][1]
        units.append((word[i - 1], said[start:end]))
        end = start
    return units[::-1]


def _possible(word: str, said: tuple[str, ...]) -> Iterable[Unit]:
    for letter in set(word):
        for at in range(len(said) + 1):
            for n in range(min(MOST, len(said) - at) + 1):
                yield letter, said[at : at + n]


def _count(word: str, said: tuple[str, ...], chances: Mapping[Unit, float], counts: dict[Unit, float]) -> None:
    """Adds a word's expected number of each unit."""
    letters, end = len(word), len(said)
    back = [[0.0] * (end + 1) for _ in range(letters + 1)]
    back[letters][end] = 1.0
    for i in range(letters - 1, -1, -1):
        for at in range(max(0, end - MOST * (letters - i)), min(end, MOST * i) + 1):
            most = min(MOST, end - at)
            back[i][at] = sum(chances[word[i], said[at : at + n]] * back[i + 1][at + n] for n in range(most + 1))
    whole = back[0][0]
    if whole <= 0.0:
        return
    forward = {0: 1.0}
    for i, letter in enumerate(word):
        reached: dict[int, float] = defaultdict(float)
        for at, chance in forward.items():
            for n in range(min(MOST, end - at) + 1):
                unit = (letter, said[at : at + n])
                through = chance * chances[unit]
                if behind := through * back[i + 1][at + n]:
                    counts[unit] += behind / whole
                    reached[at + n] += through
        forward = reached
