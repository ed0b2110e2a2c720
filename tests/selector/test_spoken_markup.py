"""Markup, languages and lexicons through a package: pauses are heard, and what was left out is said."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from export_onnx.errors import TextError
from export_onnx.text.lexicon import read_lexicon
from export_onnx.text.markup import SCENE_PAUSE
from selector.package.opened import Package
from selector.speak.to_wav import find_package, speak_to_wav


@pytest.fixture(scope="module")
def package(dist) -> Package:
    return Package.open(find_package(dist, "cpu"))


def test_marks_are_silent_and_breaks_are_pauses(package):
    plain = np.concatenate([s.samples for s in package.synthesize("good dog", "af_short")])
    marked = np.concatenate([s.samples for s in package.synthesize("*good* [dog](https://x.org)", "af_short")])
    assert marked.tobytes() == plain.tobytes()
    _, broken, _ = package.synthesize('good <break time="1.2s"/> dog', "af_short")
    assert broken.seam is not None
    assert broken.seam.wanted == 1.2
    _, scene, _ = package.synthesize("good.\n\n***\n\ndog.", "af_short")
    assert scene.seam is not None
    assert scene.seam.wanted == SCENE_PAUSE


def test_tags_that_are_left_out_are_said_once(package, dist, tmp_path, capsys):
    typed = '<prosody rate="slow">good dog</prosody> <break/> bad <b>dog</b>'
    assert [s.left_out for s in package.synthesize(typed, "af_short")] == [("prosody", "b"), (), ()]
    speak_to_wav(dist, "cpu", typed, "af_short", 1.0, tmp_path / "o.wav")
    assert capsys.readouterr().out.count("tags left out: <prosody>, <b>") == 1


def test_a_voice_without_a_language_needs_one(package):
    files = package.manifest.voices.files
    listed = package.manifest.voices.model_copy(update={"files": files | {"heart": files["af_short"]}})
    named = dataclasses.replace(package, manifest=package.manifest.model_copy(update={"voices": listed}))
    with pytest.raises(TextError, match="LANGUAGE=en-us"):
        named.synthesize("good dog", "heart")


def test_language_and_lexicon_reach_the_phonemes(package, dist, tmp_path):
    def frames(**how) -> list[int]:
        return [s.frames for s in package.synthesize("water 5", "af_short", **how)]

    assert frames(language="fr-fr") != frames() == frames(language="en-us")
    file = tmp_path / "words.txt"
    file.write_text("water a very long word for it\n")
    assert frames(lexicon=read_lexicon(file))[0] > frames()[0]
    how = ("water 5", "af_short", 1.0, tmp_path / "o.wav")
    plain = speak_to_wav(dist, "cpu", *how)
    assert speak_to_wav(dist, "cpu", *how, lexicon=file)["seconds"] > plain["seconds"]
    assert speak_to_wav(dist, "cpu", *how, language="fr-fr")["seconds"] != plain["seconds"]
    with pytest.raises(TextError, match="espeak-ng --voices"):
        speak_to_wav(dist, "cpu", *how, language="klingon")
