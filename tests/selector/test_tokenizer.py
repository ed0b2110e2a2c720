"""`tokenizer.onnx` against `text.encode`: every symbol, and random strings with symbols that have no id."""

from __future__ import annotations

from typing import Literal

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_onnx.checkpoint.architecture import load_architecture
from export_onnx.errors import TextError
from export_onnx.run import text
from selector.text.tokenizer import INPUT, OUTPUT, build_tokenizer

extensions = pytest.importorskip("onnxruntime_extensions", reason="the in-graph tokenizer needs it")
VOCABULARY = load_architecture("kokoro-82m")["vocab"]


def in_graph(vocabulary: dict[str, int]):
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(extensions.get_library_path())
    model = build_tokenizer(vocabulary).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda phonemes: session.run([OUTPUT], {INPUT: np.array([phonemes], object)})[0]


TOKENIZE = in_graph(VOCABULARY)


def reference(phonemes: str) -> list[int]:
    try:
        return list(text.encode(phonemes, VOCABULARY).ids)
    except TextError:
        return [text.PAD, text.PAD]


def test_every_symbol_alone_and_all_together():
    for phonemes in (*VOCABULARY, "".join(VOCABULARY), "".join(reversed(VOCABULARY))):
        ids = TOKENIZE(phonemes)
        assert ids.dtype == np.int32
        assert ids.tolist() == [reference(phonemes)]


SURROGATES: tuple[Literal["Cs"], ...] = ("Cs",)
ANY_CHARACTER = st.characters(blacklist_categories=SURROGATES, blacklist_characters="\0")  # a C string ends at NUL
SYMBOLS = st.one_of(st.sampled_from(sorted(VOCABULARY)), ANY_CHARACTER)


@settings(max_examples=300, deadline=None)
@given(st.lists(SYMBOLS, max_size=300).map("".join))
def test_any_string(phonemes):
    assert TOKENIZE(phonemes).tolist() == [reference(phonemes)]


def test_another_vocabulary_is_told_apart():
    shifted = {symbol: number % 177 + 1 for symbol, number in VOCABULARY.items()}
    assert in_graph(shifted)("həlˈoʊ").tolist() != [reference("həlˈoʊ")]
