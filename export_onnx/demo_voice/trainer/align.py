"""When each input symbol is spoken: espeak's phoneme events -> whole frames per symbol.

The model reads misaki's symbols with punctuation; espeak reports IPA strings and pauses. Each event is rewritten by
the rules that misaki applies to espeak's output, and must then spell the symbols exactly, letter for letter. What
cannot be spelled is not aligned: such a sentence is left out of the training set.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.optimize import isotonic_regression

from export_onnx.demo_voice.trainer.espeak import PhonemeEvent

STRESS: Final = "ˈˌ"
# misaki's rules for American English (misaki.espeak.EspeakFallback), for strings without tie characters.
RULES: Final = (
    ("aɪɚ", "Iəɹ"),
    ("ʔn̩", "tn"),
    ("aɪ", "I"),
    ("aʊ", "W"),
    ("eɪ", "A"),
    ("oʊ", "O"),
    ("ɔɪ", "Y"),
    ("dʒ", "ʤ"),
    ("tʃ", "ʧ"),
    ("əl", "ᵊl"),
    ("n̩", "ᵊn"),
    ("l̩", "ᵊl"),
    ("ɜː", "ɜɹ"),
    ("ɚ", "əɹ"),
    ("ɪə", "iə"),
    ("e", "A"),
    ("r", "ɹ"),
    ("x", "k"),
    ("ç", "k"),
    ("ɐ", "ə"),
    ("ɬ", "l"),
    ("ː", ""),
    ("\u0303", ""),
    ("o", "ɔ"),
    ("ɾ", "T"),
    ("ʔ", "t"),
)
STRESS_SHARE: Final = 0.25  # of a phone's time; a stress mark has no sound of its own


def symbols_of(ipa: str) -> str:
    """One event's IPA string in misaki's alphabet."""
    for old, new in RULES:
        ipa = ipa.replace(old, new)
    return ipa


def spell(phones: Sequence[PhonemeEvent], end: int) -> tuple[str, list[tuple[float, float]]]:
    """All letters and stress marks of the events, each with its start and end in samples.

    Args:
        phones: the events of one sentence.
        end: samples in the audio.
    """
    letters = ""
    spans: list[tuple[float, float]] = []
    previous = ""
    for index, phone in enumerate(phones):
        stop = phones[index + 1].start if index + 1 < len(phones) else end
        symbols = symbols_of(phone.ipa)
        if phone.ipa == "ɹ" and previous.endswith("ɜː"):  # misaki writes ɜːɹ as ɜɹ, and ɜː alone as well
            spans[-1] = (spans[-1][0], float(stop))
            previous = phone.ipa
            continue
        if phone.ipa == "n̩" and previous == "ʔ":  # ʔn̩ becomes tn, without the schwa
            symbols = "n"
        previous = phone.ipa
        if not symbols:
            continue
        shares = np.array([STRESS_SHARE if symbol in STRESS else 1.0 for symbol in symbols])
        edges = phone.start + (stop - phone.start) * np.concatenate(([0.0], np.cumsum(shares / shares.sum())))
        letters += symbols
        spans += [(float(a), float(b)) for a, b in itertools.pairwise(edges)]
    return letters, spans


def whole_frames(boundaries: np.ndarray, total: int) -> np.ndarray:
    """Boundaries in frames -> whole numbers of frames, at least one each, that sum to `total`.

    The least-squares solution of b[i+1] >= b[i] + 1: subtract the index, make it monotone, add the index again.

    Args:
        boundaries: `[n + 1]`, fractional, rising; the first and last are replaced by 0 and `total`.
        total: frames; at least n.
    """
    count = len(boundaries) - 1
    if total < count:
        raise ValueError(f"{count} symbols do not fit into {total} frames")
    index = np.arange(1, count)
    inner = np.clip(boundaries[1:-1] - index, 0, total - count)
    if count > 1:
        inner = np.rint(isotonic_regression(inner).x) + index
    return np.diff(np.concatenate(([0], inner, [total]))).astype(np.int64)


def align(phonemes: str, phones: Sequence[PhonemeEvent], end: int, samples_per_frame: float) -> np.ndarray | None:
    """Frames per symbol, pads included.

    Args:
        phonemes: the symbols that become ids, spaces and punctuation included.
        phones: espeak's events, positions already counted from the beginning of the audio.
        end: samples in the audio; `end / samples_per_frame` is a whole number.
        samples_per_frame: at the rate of the events.

    Returns:
        `[len(phonemes) + 2]` whole frames, or None if the events do not spell the phonemes.
    """
    letters, spans = spell(phones, end)
    is_letter = [symbol.isalpha() or symbol in STRESS for symbol in phonemes]
    if letters != "".join(symbol for symbol, letter in zip(phonemes, is_letter, strict=True) if letter):
        return None
    total = round(end / samples_per_frame)
    if total < len(phonemes) + 2:
        return None
    starts: list[float] = [0.0]  # the first pad
    cursor = 0
    for position, letter in enumerate(is_letter):
        if letter:
            starts.append(spans[cursor][0])
            cursor += 1
            continue
        # Punctuation and spaces share the time between the letters around them.
        first = position
        while first > 0 and not is_letter[first - 1]:
            first -= 1
        last = position
        while last + 1 < len(phonemes) and not is_letter[last + 1]:
            last += 1
        begin = spans[cursor - 1][1] if cursor else 0.0  # the last letter ends where a pause begins
        stop = spans[cursor][0] if cursor < len(spans) else float(end)
        share = (position - first) / (last - first + 1)
        starts.append(begin + (stop - begin) * share)
    tail = spans[-1][1] if is_letter and is_letter[-1] else (starts[-1] + end) / 2
    return whole_frames(np.array([*starts, tail, end]) / samples_per_frame, total)
