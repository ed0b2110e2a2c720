"""Word errors of an independent recognizer, pocketsphinx with its own English model, on a small vocabulary.

Any order of the vocabulary's words is allowed, so every word has to be heard; a made-up sentence is never forced.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.signal import resample_poly

from export_onnx.geometry import SAMPLE_RATE

RATE: Final = 16_000  # Hz, of its acoustic model
LANGUAGE_WEIGHT: Final = 2.0  # the model only restricts the words; sphinx's 6.5 would delete words


def spoken_words(sentence: str) -> list[str]:
    """Lower-case words without punctuation."""
    return re.findall(r"[a-z']+", sentence.lower())


def unigrams(vocabulary: Sequence[str]) -> str:
    """A language model in ARPA format in which every word is equally likely in every position."""
    share = -math.log10(len(vocabulary) + 1)
    entries = ["-99 <s>", f"{share:.4f} </s>", *(f"{share:.4f} {word}" for word in vocabulary)]
    return "\n".join(["\\data\\", f"ngram 1={len(entries)}", "", "\\1-grams:", *entries, "", "\\end\\", ""])


class Recognizer:
    """pocketsphinx with the words of `sentences`, all of one likelihood.

    Args:
        sentences: their words are the vocabulary; every one must be in pocketsphinx's dictionary.
    """

    def __init__(self, sentences: Sequence[str]) -> None:
        import pocketsphinx  # only the extra `demo-voice` has it

        self.vocabulary = sorted({word for sentence in sentences for word in spoken_words(sentence)})
        self._decoder = pocketsphinx.Decoder(samprate=RATE, lw=LANGUAGE_WEIGHT, cmn="batch", loglevel="FATAL")
        missing = [word for word in self.vocabulary if self._decoder.lookup_word(word) is None]
        if missing:
            raise ValueError(f"pocketsphinx does not know {', '.join(missing)}")
        with TemporaryDirectory() as folder:
            file = Path(folder) / "words.lm"
            file.write_text(unigrams(self.vocabulary), encoding="utf-8")
            self._decoder.add_lm("words", pocketsphinx.NGramModel.readfile(str(file)))
        self._decoder.activate_search("words")

    def hear(self, audio: npt.NDArray[np.float32]) -> list[str]:
        """The words in `[n]` samples at 24 kHz."""
        slow = resample_poly(audio, RATE // 8000, SAMPLE_RATE // 8000)
        pcm = (slow / max(1e-6, float(np.abs(slow).max())) * 0.5 * 32767).astype(np.int16)
        self._decoder.start_utt()
        self._decoder.process_raw(pcm.tobytes(), full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return str(hypothesis.hypstr).split() if hypothesis else []


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Substitutions, insertions and deletions between two word sequences."""
    costs = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        before, costs[0] = costs[0], i
        for j, other in enumerate(heard, 1):
            before, costs[j] = costs[j], min(costs[j] + 1, costs[j - 1] + 1, before + (word != other))
    return costs[-1]
