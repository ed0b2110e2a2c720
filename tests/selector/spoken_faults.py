"""Speaks with a fake package, and finds what is missing in the sound."""

from __future__ import annotations

import numpy as np

from export_onnx.errors import TextError
from export_onnx.run import text as front
from selector.package.opened import Package
from selector.speak.synthesize import Spoken, Synthesizer
from tests.selector.selector_fakes import STRETCH, frames_of, sound_of


def spelled(text: str, language: str) -> str:
    """A front end for tests: letters speak for themselves, so that a lost one is missed."""
    clean = " ".join(text.split())
    if not any(c.isalnum() for c in clean):
        raise TextError("text", expected="words", got=text, todo="")
    return clean


class Recorder(Synthesizer):
    """Keeps what was rendered: ids and sound, in order."""

    rendered: list[tuple[str, Spoken]]

    def _render(self, words: str, phonemes: str, index: int) -> Spoken | None:
        sound = super()._render(words, phonemes, index)
        if sound:
            self.rendered.append((phonemes, sound))
        return sound


def say(package: Package, text: str, voice: str, speed: float) -> tuple[list[Spoken], list[tuple[str, Spoken]]]:
    speaker = Recorder(package.chains, package.manifest, voice, package.voice(voice), speed, phonemize=spelled)
    object.__setattr__(speaker, "rendered", [])
    return list(speaker.speak(text)), speaker.rendered


def faults(package: Package, text: str, voice: str, speed: float, heard: np.ndarray, rendered: list) -> list[str]:
    """What is missing in the sound of `text`: a word, a piece of one, its order or its length."""
    found = []
    vocabulary = package.manifest.vocabulary
    said = [w for phonemes, _ in rendered for w in phonemes.split() if any(c.isalnum() for c in w)]
    wanted = [w for w in text.split() if any(c.isalnum() for c in w)]
    if said != wanted:
        found.append("words")
    raw, at = heard.tobytes(), 0
    for phonemes, sound in rendered:
        ids = front.encode(phonemes, vocabulary).ids
        if sound.frames != frames_of(ids, STRETCH[voice], speed).sum():
            found.append("frames")
        whole = sound_of(ids, STRETCH[voice], speed)
        # To the sample: around it is the silence of the pads.
        loud = np.flatnonzero(whole)
        wanted_bytes = whole[loud[0] : loud[-1] + 1].tobytes()
        at = raw.find(wanted_bytes, at)
        if at < 0:
            return [*found, f"cut: {phonemes[:20]}"]
        at += len(wanted_bytes)
    return found
