"""How often the rule for mixes holds: of a mix's voices, the greatest answer of their tables counts (`voice_mix.py`).

Measured on held-out texts like the tables themselves, on even mixes of voices that are neighbors in the list. It is
reported and gates nothing: after `duration`, the exact frames choose the bucket of the sound stages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from export_onnx.geometry import MAX_PHONEMES
from export_onnx.run import text
from export_onnx.run.chain import Chain
from selector.choose.choose_bucket import MixedTable
from selector.choose.length import PADS, mark_ids, pauses_of
from selector.choose.measured_texts import HELD_OUT, measure_durations, runs, sentence_phonemes
from selector.choose.voice_mix import mix_parts, mixed_rows
from selector.choose.voice_table import Fit, Measured, covered_share

MIXES: Final = 3
TEXTS: Final = 32  # per mix
SEED: Final = 1  # of `runs`: the held-out texts of the tables


def mixes_to_measure(voices: Sequence[str]) -> tuple[str, ...]:
    """Up to `MIXES` even mixes of two neighbors, spread over the list; none of a single voice."""
    pairs = [f"{one},{other}" for one, other in pairwise(voices)]
    return tuple(pairs[i * len(pairs) // MIXES] for i in range(MIXES)) if len(pairs) > MIXES else tuple(pairs)


def measure_mixes(
    chains: Sequence[Chain],
    voices: Mapping[str, NDArray[np.float32]],
    vocabulary: Mapping[str, int],
    fits: Mapping[str, Fit],
    advance: Callable[[str], None],
) -> dict[str, float]:
    """Mix -> the share of held-out (text, speed) pairs that need at most the frames of the rule.

    Args:
        chains: as in `measure_durations`.
        fits: the table of every voice.
    """
    mixes = {mix: mix_parts(mix, voices) for mix in mixes_to_measure(sorted(voices))}
    if not mixes:
        return {}
    most = min(max(chain.bucket.tokens for chain in chains), MAX_PHONEMES + PADS)
    texts = [text.encode(run, vocabulary).ids for run in runs(sentence_phonemes(HELD_OUT), TEXTS, most - PADS, SEED)]
    pauses = [pauses_of(ids, mark_ids(vocabulary)) for ids in texts]
    rows = {mix: mixed_rows(parts, voices) for mix, parts in mixes.items()}
    durations = measure_durations(chains, rows, texts, advance)
    shares = {}
    for mix, parts in mixes.items():
        measured = list(map(Measured, map(len, texts), pauses, durations[mix]))
        table = MixedTable(tuple(fits[part.name].table for part in parts))
        shares[mix] = covered_share(table, measured, next(iter(fits.values())).pause_tokens)
    return shares
