"""Whether a recognizer hears a word: it explains the sound better with the word than without it.

The recognizer is pocketsphinx with its own American English model. It aligns a chunk's words with the chunk's sound,
once all of them and once without each; the difference of the two log likelihoods is the word's margin. It is above
zero where the sound has the word, which no threshold of this project decides. An accent costs likelihood with and
without the word alike, so this carries further than free recognition.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import resample_poly

from export_onnx.geometry import SAMPLE_RATE

RATE: Final = 16_000  # Hz, of its acoustic model
LEAD, TAIL = 0.2, 0.3  # seconds of near silence around a chunk, which the recognizer expects
NOISE: Final = 1e-4  # of full scale: a computed silence has no logarithm
# Words that its dictionary lacks, in its symbols.
PRONOUNCED: Final = {
    "buenos": "B W EH N OW S",
    "café": "K AE F EY",
    "días": "D IY AH S",
    "lindqvist": "L IH N D K V IH S T",
    "margrethe": "M AA R G R EH T AH",
    "okafor": "OW K AH F AO R",
}


class WordLikelihood:
    """The recognizer, with the words of `PRONOUNCED` added to its dictionary."""

    def __init__(self) -> None:
        pocketsphinx = pytest.importorskip("pocketsphinx", reason="pocketsphinx comes with the extra test")
        beams = {"beam": 1e-80, "wbeam": 1e-60, "pbeam": 1e-80}  # wide: a path that misses a word must live to its end
        self._decoder = pocketsphinx.Decoder(samprate=RATE, loglevel="FATAL", cmn="batch", lm=None, **beams)
        for word, phones in PRONOUNCED.items():
            if not self.knows(word):
                self._decoder.add_word(word, phones, False)

    def knows(self, word: str) -> bool:
        """Whether its dictionary has the word."""
        return self._decoder.lookup_word(word) is not None

    def margins(self, sound: NDArray[np.float32], words: Sequence[str]) -> list[float]:
        """For each of the words, how much better the sound is explained with it than without it.

        Args:
            sound: [samples] at 24 kHz.
            words: two or more, all of them known, in order.
        """
        pcm, words = _pcm(sound), list(words)
        whole = self._score(pcm, words)
        if whole == -math.inf:
            return [whole] * len(words)
        return [whole - self._score(pcm, words[:i] + words[i + 1 :]) for i in range(len(words))]

    def _score(self, pcm: bytes, words: list[str]) -> float:
        """The log likelihood of the best alignment; minus infinity where there is none."""
        self._decoder.set_align_text(" ".join(words))
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
        parts = list(self._decoder.seg() or [])
        return sum(math.log(part.ascore + 1e-300) for part in parts) if parts else -math.inf


def _pcm(sound: NDArray[np.float32]) -> bytes:
    """16 bits at the recognizer's rate, at half of full scale."""
    around = [np.zeros(round(seconds * SAMPLE_RATE), np.float32) for seconds in (LEAD, TAIL)]
    whole = np.concatenate([around[0], sound, around[1]])
    whole = whole + np.random.default_rng(0).normal(0, NOISE, len(whole))
    slow = resample_poly(whole, RATE // 8000, SAMPLE_RATE // 8000)
    return bytes((slow / np.abs(slow).max() * 0.5 * 32767).astype(np.int16).tobytes())
