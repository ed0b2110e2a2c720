"""The text on which an export is proven: long enough for the bucket, whatever voice and weights speak it.

Weights differ in pace: a word that one voice says in 15 frames takes random weights 100. So the number of words is
found by asking the original for the frames of each attempt, and what words cannot fill or overfill, `speed` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import torch
from kokoro.model import KModel
from torch import Tensor

from export_onnx.buckets import Bucket
from export_onnx.checkpoint.voice_packs import voice_row
from export_onnx.errors import ParityError
from export_onnx.geometry import MAX_PHONEMES
from export_onnx.proof.reference import read_durations
from export_onnx.run import text

PROOF_TEXT: Final = (
    "The quick brown fox jumps over the lazy dog. Pack my box with five dozen liquor jugs. How quickly daft zebras "
    "jump! Sphinx of black quartz, judge my vow. The five boxing wizards jump at once; bright vixens watch, and dozy "
    "fowl quack. Jackdaws love my big sphinx of quartz. Were the antique ivory buckles judged for the next prize? "
    "A wizard's job is to vex chumps in fog. Crazy Fred bought many very exquisite opal jewels."
)
LEAST_FILL: Final = 0.8  # of the bucket's frames
WANTED_FILL: Final = 0.9  # where speed has to help
SHORT: Final = (1, 12)  # words
ATTEMPTS: Final = 6  # frames are rounded and at least one per token, so they follow speed but roughly


@dataclass(frozen=True)
class ProofText:
    """What is spoken for the proof.

    Attributes:
        ids: of the phonemes, with a pad at each end.
        style: the voice's row for so many phonemes, [1, 256].
        speed: 1 where words alone fill the bucket.
        frames: that the original gives it.
    """

    ids: tuple[int, ...]
    style: Tensor
    speed: float
    frames: int


def fill_bucket(model: KModel, voice: Tensor, bucket: Bucket) -> ProofText:
    """The most words of `PROOF_TEXT` that fit the bucket, at a speed with which they fill 80 % of its frames or more.

    Args:
        voice: a voice pack, [510, 1, 256] or [510, 256].

    Raises:
        ParityError: no speed fills the bucket without overfilling it.
    """
    words = _words()

    def fits(said: ProofText) -> bool:
        return said.frames <= bucket.frames and len(said.ids) <= bucket.tokens

    number, beyond = 1, len(words) + 1  # that many words are spoken, that many do not fit
    spoken = _speak(model, voice, words[:number], 1.0)
    while beyond - number > 1:
        middle = (number + beyond) // 2
        longer = _speak(model, voice, words[:middle], 1.0)
        number, beyond, spoken = (middle, beyond, longer) if fits(longer) else (number, middle, spoken)
    least = LEAST_FILL * bucket.frames
    for _ in range(ATTEMPTS):
        if least <= spoken.frames <= bucket.frames:
            return spoken
        speed = spoken.speed * spoken.frames / (WANTED_FILL * bucket.frames)
        spoken = _speak(model, voice, words[:number], speed)
    raise ParityError(
        f"the text for the proof of {bucket.name}",
        expected=f"{least:.0f} to {bucket.frames} frames",
        got=f"{spoken.frames} at {spoken.speed:.2f} times the voice's speed",
        todo="Check that the durations of these weights follow the speed: a trained voice fills any bucket.",
    )


def proof_texts(model: KModel, voice: Tensor, bucket: Bucket) -> list[ProofText]:
    """The texts of a bucket's proof: one that fills it, and for free lengths one word and a few words before that.

    Args:
        voice: as for `fill_bucket`.

    Raises:
        ParityError: as `fill_bucket`.
    """
    short = [_speak(model, voice, _words()[:number], 1.0) for number in SHORT] if bucket.dynamic else []
    return [*short, fill_bucket(model, voice, bucket)]


@cache
def _words() -> list[str]:
    """The words of the proof in phonemes, again and again until no more fit a voice."""
    phonemes = f"{text.phonemize(PROOF_TEXT)} "
    whole = (phonemes * (1 + MAX_PHONEMES // len(phonemes)))[: MAX_PHONEMES + 1]
    return whole[: whole.rindex(" ")].split(" ")


def _speak(model: KModel, voice: Tensor, words: list[str], speed: float) -> ProofText:
    encoded = text.encode(" ".join(words), model.vocab)
    style = voice_row(voice, min(len(encoded.phonemes), MAX_PHONEMES))
    durations = read_durations(model, torch.tensor([encoded.ids]), style, speed)
    return ProofText(encoded.ids, style, speed, int(durations.frames_per_token.sum()))
