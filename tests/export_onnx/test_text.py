"""Text -> phonemes -> ids: never a silent cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_onnx.checkpoint.architecture import load_architecture
from export_onnx.errors import TextError
from export_onnx.run import text
from export_onnx.text import front_ends

VOCAB = load_architecture("kokoro-82m")["vocab"]


def test_english_uses_the_alphabet_of_the_vocabulary() -> None:
    phonemes = text.phonemize("The quick brown fox, isn't it? Yes: 42!")
    encoded = text.encode(phonemes, VOCAB)
    assert encoded.skipped == ()
    assert encoded.ids[0] == encoded.ids[-1] == text.PAD
    assert len(encoded.ids) == len(encoded.phonemes) + 2
    assert "kwˈɪk" in phonemes
    assert "," in phonemes
    assert "?" in phonemes


def test_the_front_end_without_a_spacy_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_ends, "find_spec", lambda name: None)
    assert front_ends.english_front_end("en-us") == "misaki-espeak"
    monkeypatch.setattr(front_ends, "find_spec", lambda name: object())
    assert front_ends.english_front_end("en-us") == "misaki"
    assert front_ends.english_front_end("fr-fr") == "misaki-espeak"


def test_other_languages_and_british() -> None:
    assert "ʁ" in text.phonemize("Bonjour", "fr-fr")
    assert text.phonemize("water", "en-gb") != text.phonemize("water", "en-us")


@pytest.mark.parametrize("nothing", ["", "   ", "\n\t", "…", "?!", "\x00\x01"])
def test_nothing_to_say_is_refused(nothing: str) -> None:
    with pytest.raises(TextError, match="at least one word"):
        text.phonemize(nothing)


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(TextError, match=r"espeak-ng --voices"):
        text.phonemize("hello", "xx-klingon")


def test_control_characters_are_spaces() -> None:
    assert text.phonemize("good\x07 \n morning") == text.phonemize("good morning")


def test_unknown_symbols_are_part_of_the_result() -> None:
    encoded = text.encode("a\N{SNOWMAN}b\N{SNOWMAN}", VOCAB)
    assert encoded.skipped == ("\N{SNOWMAN}",)
    assert encoded.phonemes == "ab"
    with pytest.raises(TextError, match="at least one symbol"):
        text.encode("\N{SNOWMAN}", VOCAB)


def test_510_phonemes_and_not_one_more() -> None:
    assert len(text.encode("a" * 510, VOCAB).ids) == 512
    with pytest.raises(TextError, match=r"at most 510 in one piece, got 511"):
        text.encode("a" * 511, VOCAB)


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_encode_keeps_or_reports_every_symbol(phonemes: str) -> None:
    if not any(c in VOCAB for c in phonemes):
        with pytest.raises(TextError, match="at least one symbol of the vocabulary"):
            text.encode(phonemes, VOCAB)
        phonemes += next(iter(VOCAB))
    encoded = text.encode(phonemes, VOCAB)
    assert set(phonemes) == set(encoded.phonemes) | set(encoded.skipped)
    assert [VOCAB[c] for c in encoded.phonemes] == list(encoded.ids[1:-1])
