"""The C++ engine through its C ABI: Python's samples to the bit, clear errors, and nothing left behind."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from export_onnx.errors import TextError
from selector.package.opened import Package
from selector.speak.synthesize import Phonemize, Spoken, Synthesizer
from tests.selector.conftest import NAME
from tests.selector.engine_library import (
    CANCELLED,
    CONTRACT,
    PACKAGE,
    TEXT,
    EngineError,
    Heard,
    Library,
    OpenEngine,
    letters,
)
from tests.selector.selector_fakes import STRETCH

VOICES = sorted(STRETCH)
LONG = "Bad dog jumps, and it runs far away over the hills. " * 12


@pytest.fixture(scope="module")
def engine(library: Library, dist: Path) -> OpenEngine:
    return library.open(dist / NAME)


@pytest.fixture(scope="module")
def package(dist: Path) -> Package:
    return Package.open(dist / NAME)


def pythons(text: str, language: str) -> str:
    """The same as Python's front ends say it."""
    if not (phonemes := letters(text, language)):
        raise TextError("text", expected="words", got=text, todo="")
    return phonemes


def digits(text: str, language: str) -> str:
    """A digit is a word of its own, as front ends spell long numbers."""
    return " ".join("".join(f" {'zwtdfghjkn'[int(c)]}un " if c.isdecimal() else c for c in text).split())


def in_python(
    package: Package, text: str, voice: str, speed: float, seed: int, phonemize: Phonemize = pythons
) -> list[Spoken]:
    rows = package.voice(voice)
    speaker = Synthesizer(package.chains, package.manifest, voice, rows, speed, seed, phonemize=phonemize)
    return list(speaker.speak(text))


def differences(heard: list[Heard], wanted: list[Spoken]) -> list[str]:
    """Chunks of which something is not the same to the bit."""
    if len(heard) != len(wanted):
        return [f"{len(heard)} chunks instead of {len(wanted)}"]
    return [
        f"chunk {i} {mine.text!r} {theirs.text!r}"
        for i, (mine, theirs) in enumerate(zip(heard, wanted, strict=True))
        if mine.samples.tobytes() != theirs.samples.tobytes()
        or (mine.text, mine.tokens, mine.frames) != (theirs.text, theirs.tokens, theirs.frames)
        or mine.buckets != (theirs.text_bucket, theirs.sound_bucket)
    ]


WORDS = st.sampled_from(
    ["bad", "dog", "jumps", "over", "mndvwzpt" * 2, "one.", "two,", "three!", "\n\n", "—", "“so”", "Mr.", "5 km"]
)
TEXTS = st.lists(WORDS, min_size=1, max_size=160).map(" ".join)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, st.sampled_from(VOICES), st.sampled_from([0.5, 0.73, 1.0, 1.31, 2.0]), st.integers(0, 2**64 - 1))
def test_every_chunk_is_pythons_to_the_bit(
    engine: OpenEngine, package: Package, text: str, voice: str, speed: float, seed: int
) -> None:
    assume(any(c.isalnum() for c in text))
    heard = engine.speak(text=text, voice=voice, speed=speed, seed=seed, phonemize=letters)
    assert differences(heard, in_python(package, text, voice, speed, seed)) == []


@pytest.mark.parametrize(
    "text",
    [
        "It is " + "1234567890" * 22 + " now.",
        "See https://www.example.org/" + "a-long-path/" * 22 + " now.",
        "bad dog " * 150,
    ],
)
def test_words_beyond_a_chunk_are_cut_as_in_python(engine: OpenEngine, package: Package, text: str) -> None:
    heard = engine.speak(text=text, voice="bf_long", speed=0.5, phonemize=digits)
    assert differences(heard, in_python(package, text, "bf_long", 0.5, 0, digits)) == []
    assert len(heard) > 3


def test_a_difference_is_noticed(engine: OpenEngine, package: Package) -> None:
    wanted = in_python(package, LONG, "af_short", 1.0, 0)
    heard = engine.speak(text=LONG, voice="af_short", phonemize=letters)
    assert differences(heard, wanted) == []
    assert differences(heard[1:], wanted)
    assert differences(engine.speak(text=LONG, voice="af_short", speed=1.01, phonemize=letters), wanted)
    heard[0].samples[700] += np.float32(1e-7)
    assert differences(heard, wanted) == ["chunk 0 " + repr(heard[0].text) + " " + repr(wanted[0].text)]


def test_phonemes_need_no_phonemizer(engine: OpenEngine) -> None:
    spelled = engine.speak(phonemes="bad dog", voice="af_short")
    assert [s.samples.tobytes() for s in spelled] == [
        s.samples.tobytes() for s in engine.speak(text="bad dog", voice="af_short", phonemize=letters)
    ]
    with pytest.raises(EngineError, match="a phonemizer for a text") as raised:
        engine.speak(text="bad dog")
    assert raised.value.status == TEXT


def test_every_symbol_has_its_time(engine: OpenEngine, package: Package) -> None:
    """A token's sound is a tone of its id's loudness: it begins and ends where its time says."""
    heard = engine.speak(text=LONG, voice="af_short", phonemize=letters)
    sound = np.concatenate([s.samples for s in heard])
    assert [chunk.start for chunk in heard] == [sum(len(s.samples) for s in heard[:i]) for i in range(len(heard))]
    told = [one for chunk in heard for one in chunk.symbols]
    spelled = "".join(c for c in LONG if c in package.manifest.vocabulary)
    assert "".join(symbol for symbol, _, _ in told).replace(" ", "") == spelled.replace(" ", "")
    loud = {symbol: float(np.abs(sound[a:b]).max()) for symbol, a, b in told if symbol.isalpha()}
    for symbol, start, end in told:
        if symbol.isalpha():
            assert abs(sound[start:end]).max() == pytest.approx(loud[symbol], abs=1e-6), symbol
            assert (end - start) % 600 == 0
    assert len(loud) > 15


def test_a_mix_is_the_weighted_mean_and_takes_the_longer_table(engine: OpenEngine, package: Package) -> None:
    rows = [package.voice(name).astype(np.float64) for name in ("af_short", "bf_long")]
    for mix, weights in (("af_short,bf_long", (0.5, 0.5)), ("af_short:0.7+bf_long:0.3", (0.7, 0.3))):
        mixed = (weights[0] * rows[0] + weights[1] * rows[1]).astype(np.float32)
        wanted = Synthesizer(package.chains, package.manifest, "bf_long", mixed, 1.0, 0, phonemize=pythons).speak(LONG)
        assert differences(engine.speak(text=LONG, voice=mix, phonemize=letters), list(wanted)) == []
    for wrong in ("af_short,nobody", "af_short:0", "af_short:x,bf_long", ",", "af_short:-1,bf_long:2"):
        with pytest.raises(EngineError) as raised:
            engine.speak(text="Hello.", voice=wrong, phonemize=letters)
        assert raised.value.status == PACKAGE


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({"text": ""}, TEXT, "at least one word"),
    ({"text": " \n\u200b "}, TEXT, "at least one word"),
    ({"text": "*** — … !!!"}, TEXT, "at least one word"),
    ({"text": "bad " + "b" * 700}, TEXT, "word 'bbbb"),
    ({"text": "漢"}, TEXT, "at least one symbol of the vocabulary"),
    ({"speed": 0.4}, CONTRACT, "speed"),
    ({"speed": math.nan}, CONTRACT, "speed"),
    ({"speed": math.inf}, CONTRACT, "speed"),
    ({"speed": -1.0}, CONTRACT, "speed"),
    ({"voice": "af_shrt"}, PACKAGE, "one of af_short, bf_long"),
    ({"voice": "../af_short"}, PACKAGE, "af_short"),
    ({"phonemes": "bad"}, TEXT, "both"),
]


@pytest.mark.parametrize(("changed", "status", "says"), BAD)
def test_bad_input_is_an_error_with_four_facts(
    engine: OpenEngine, changed: dict[str, Any], status: int, says: str
) -> None:
    given = {"text": "Hello.", "voice": "af_short", "speed": 1.0, "phonemize": letters} | changed
    with pytest.raises(EngineError) as raised:
        engine.speak(**given)
    assert raised.value.status == status
    assert says in str(raised.value)
    assert all(raised.value.facts)
    assert engine.speak(text="Hello.", phonemize=letters), "it goes on speaking"


def test_a_speech_ends_where_the_app_wants(engine: OpenEngine) -> None:
    for stop in (
        {"on_chunk": lambda chunk: 1},
        {"is_cancelled": lambda: True},
        {"is_cancelled": iter([False] * 11 + [True] * 99).__next__},
    ):
        with pytest.raises(EngineError) as raised:
            engine.speak(text=LONG, phonemize=letters, **stop)
        assert raised.value.status == CANCELLED
    heard: list[Heard] = []

    def two(chunk: Heard) -> int:
        heard.append(chunk)
        return len(heard) == 2

    with pytest.raises(EngineError):
        engine.speak(text=LONG, phonemize=letters, on_chunk=two)
    assert len(heard) == 2
    assert engine.speak(text=LONG, phonemize=letters)[0].samples.tobytes() == heard[0].samples.tobytes()


def test_the_first_chunk_comes_before_the_last_is_made(engine: OpenEngine) -> None:
    counted: list[int] = []
    asked = [0]

    def count() -> bool:
        asked[0] += 1
        return False

    def note(_: Heard) -> int:
        counted.append(asked[0])
        return 0

    engine.speak(text=LONG, phonemize=letters, is_cancelled=count, on_chunk=note)
    assert len(counted) > 3
    assert counted[0] < counted[-1] / 2, "stages that ran before the first chunk, and before the last"


def test_sessions_beyond_the_limit_are_closed_and_the_sound_stays(library: Library, dist: Path) -> None:
    with library.open(dist / NAME) as free, library.open(dist / NAME, memory_limit=1) as tight:
        heard = [one.speak(text=LONG, voice="bf_long", phonemize=letters) for one in (free, tight)]
        assert [s.samples.tobytes() for s in heard[0]] == [s.samples.tobytes() for s in heard[1]]
        assert free.open_sessions >= 8
        assert tight.open_sessions < 8


def test_threads_speak_at_once(engine: OpenEngine, package: Package) -> None:
    heard: dict[int, list[Heard]] = {}

    def speak(number: int) -> None:
        heard[number] = engine.speak(text=LONG, voice=VOICES[number % 2], seed=number, phonemize=letters)

    threads = [threading.Thread(target=speak, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(heard) == 4
    for number, chunks in heard.items():
        assert differences(chunks, in_python(package, LONG, VOICES[number % 2], 1.0, number)) == []


def test_the_engine_says_what_it_opened(engine: OpenEngine) -> None:
    assert engine.words("voices").split("\n") == VOICES
    report = json.loads(engine.words("report"))
    assert report["target"] == "cpu"
    assert report["npu"] is False
    assert "CPU" in report["reason"]
    assert engine.library.c.kokoro_npu_sample_rate(engine.handle) == 24_000
    assert engine.library.c.kokoro_npu_abi_version() == 2


def test_a_text_that_grows_is_spoken_sentence_by_sentence(engine: OpenEngine, package: Package) -> None:
    pieces = [LONG[i : i + 7] for i in range(0, len(LONG), 7)]
    heard = engine.stream(pieces, voice="af_short", phonemize=letters)
    said = " ".join(chunk.text for chunk in heard if chunk.text)
    assert said.split() == LONG.split()
    assert len(heard) == 13, "twelve sentences, and the silence at the end"
    one = engine.speak(text=LONG.partition(".")[0] + ".", voice="af_short", phonemize=letters)
    assert heard[0].samples.tobytes() == one[0].samples.tobytes()
    for chunk in heard[1:-1]:
        quiet = np.flatnonzero(np.abs(chunk.samples) > 1e-3)[0]
        assert 0.3 < quiet / 24_000 < 0.5, "a sentence's pause"
    with pytest.raises(EngineError, match="at least one word"):
        engine.stream(["  ", "… "], phonemize=letters)
