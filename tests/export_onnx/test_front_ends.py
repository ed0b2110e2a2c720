"""Spoken words -> phonemes: every word gives some, more words give more, and no front end speaks another's language."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

import misaki
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_onnx.checkpoint.architecture import load_architecture
from export_onnx.errors import TextError
from export_onnx.run import text
from export_onnx.text import front_ends
from export_onnx.text.lexicon import Lexicon, read_lexicon
from export_onnx.text.spoken_form import ENGLISH_RULES, spoken_form
from export_onnx.text.voice_languages import language_of

VOCAB = load_architecture("kokoro-82m")["vocab"]
NINE = "nˈIn"


@pytest.mark.parametrize("digits", [9, 45, 80, 200, 400])
def test_every_digit_of_a_long_number_is_spoken(digits: int) -> None:
    words = "nine " * digits if digits > 15 else ""
    phonemes = text.phonemize("9" * digits)
    assert phonemes.count(NINE) == (digits if words else phonemes.count(NINE))
    assert phonemes.count(NINE) >= digits


@settings(max_examples=40, deadline=None)
@given(st.text("0123456789", min_size=1, max_size=60), st.text("0123456789", min_size=1, max_size=60))
def test_more_digits_never_make_fewer_words(one: str, more: str) -> None:
    spoken, longer = (len(spoken_form(digits).split()) for digits in ("1" * 16 + one, "1" * 16 + one + more))
    assert longer == spoken + len(more)


@settings(max_examples=150, deadline=None)
@given(st.text("0123456789.,:/-$€%° kmxKMs'\"()+=#", min_size=1, max_size=30))
def test_no_digit_is_left_for_a_phonemizer(typed: str) -> None:
    spoken = spoken_form(typed)
    assert not any(c.isdigit() for c in spoken)
    assert any(c.isalpha() for c in spoken) or not any(c.isdigit() for c in typed)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=9), min_size=1, max_size=12))
def test_ordinary_words_stay_as_they_are(words: list[str]) -> None:
    typed = " ".join(word + "q" for word in words)  # no unit, no ending of a name
    assert spoken_form(typed) == typed


LONG = [
    ("A", "en-us"), ("a", "en-us"), ("ab-", "en-us"), ("ab'", "en-us"), ("a/b", "en-us"), ("x_y", "en-us"),
    ("9a", "en-us"),
    ("$5", "en-us"), ("dog ", "en-us"), ("한", "en-us"), ("я", "en-us"), ("é", "fr-fr"), ("का", "hi"), ("ไทย", "th"),
    ("世", "cmn"),
]  # fmt: skip


def sounds(typed: str, language: str) -> int:
    return sum(c.isalpha() for c in text.phonemize(typed, language))


@pytest.mark.parametrize(("unit", "language"), LONG)
def test_phonemes_grow_with_what_was_typed(unit: str, language: str) -> None:
    some, more, most = (sounds(unit * n, language) for n in (40, 100, 300))
    assert more > 2.2 * some
    assert most > 2.6 * more


def test_espeak_would_lose_the_end_of_a_long_clause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the cuts, Korean does not grow: the test above would see it."""
    monkeypatch.setattr(front_ends, "_clauses", lambda words, language: [words])
    some, more, most = (sounds("한" * n, "en-us") for n in (40, 100, 300))
    assert not (more > 2.2 * some and most > 2.6 * more)


def test_a_front_end_that_loses_words_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_ends, "_front_end", lambda language: lambda words: "sˈɛvən")
    assert text.phonemize("seven of them") == "sˈɛvən"
    with pytest.raises(TextError, match=r"phonemes of all its 50 letters, got 6"):
        text.phonemize("seven ants " * 5 + "saw us")
    monkeypatch.setattr(front_ends, "_front_end", lambda language: lambda words: "")
    with pytest.raises(TextError, match="phonemes of all its"):
        text.phonemize("seven")


def test_no_mark_of_a_change_of_language_is_spoken() -> None:
    phonemes = text.phonemize("Hello 안녕 world")
    assert "(" not in phonemes
    assert "An-us" not in phonemes
    assert len(phonemes.split()) == 3
    assert "(" + phonemes.split()[1] + ")" in text.phonemize("Hello (안녕) world")
    assert len(text.phonemize("Hello 안녕 안녕 world")) > len(phonemes)


@pytest.mark.parametrize("word", ["футбол", "Αθήνα", "दिल्ली", "مرحبا", "안녕하세요"])
def test_a_word_of_another_script_is_said_by_that_script(word: str) -> None:
    phonemes = text.phonemize(f"See {word} now.")
    assert not any(c.isdigit() for c in phonemes)
    encoded = text.encode(phonemes, VOCAB)
    assert len(encoded.skipped) <= 1  # a sound that English and its alphabet do not have
    assert len(encoded.phonemes) >= len("sˈi  nˌW.") + len(word) - 2
    assert "lˌɛTəɹ" not in phonemes  # "letter"


def test_letters_that_nobody_can_say_are_named() -> None:
    phonemes = text.phonemize("Hello 漢字 world ไทย.")
    assert set(text.encode(phonemes, VOCAB).skipped) == set("漢字ไทย")
    with pytest.raises(TextError, match="at least one word"):
        text.phonemize("漢字")


@pytest.mark.parametrize("language", ["ja", "zh"])
def test_japanese_and_chinese_name_what_is_missing(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_ends, "find_spec", lambda name: None)
    front_ends._front_end.cache_clear()
    with pytest.raises(TextError, match=rf"{front_ends.EXTRAS[language][0]}.*'\.\[{language}\]'"):
        text.phonemize("漢字", language)
    with pytest.raises(TextError, match=r"front end for it"):
        text.phonemize("Hello", language)


@pytest.mark.parametrize(
    ("voice", "language"),
    [("af_heart", "en-us"), ("bm_george", "en-gb"), ("jf_alpha", "ja"), ("zf_xiaoxiao", "zh"), ("df_ada", "en-us"),
     ("dx_held", "en-us"), ("ff_siwis", "fr-fr"), ("pm_alex", "pt-br")],
)  # fmt: skip
def test_a_voice_speaks_the_language_of_its_name(voice: str, language: str) -> None:
    assert language_of(voice) == language


@pytest.mark.parametrize("voice", ["qf_nobody", "random_a", "heart", ""])
def test_a_name_without_a_language_is_refused(voice: str) -> None:
    with pytest.raises(TextError, match="LANGUAGE=en-us"):
        language_of(voice)


def test_a_given_pronunciation_is_spoken_as_it_stands() -> None:
    assert text.phonemize("[Zyx](/zˈIks/) is [New York](/nˌu jˈɔɹk/)!") == "zˈIks ɪz nˌu jˈɔɹk!"
    assert "zˈIks" in text.phonemize("Parle [Zyx](/zˈIks/) ici.", "fr-fr")
    assert text.phonemize("Say [5](/fˈIv/) $5.") == "sˈA fˈIv fˈIv dˈɑləɹz."


def test_a_lexicon_overrides_every_rule(tmp_path) -> None:
    file = tmp_path / "words.txt"
    file.write_text('# mine\nSQL sequel\nzyx /zˈIks/  # ours\n"Dr. No" doctor nope\n5G five gee\n', encoding="utf-8")
    lexicon = read_lexicon(file)
    assert spoken_form("SQL, sql and 5G; Dr. No.", lexicon=lexicon) == "sequel, sql and five gee; doctor nope."
    assert text.phonemize("Zyx", lexicon=lexicon) == "zˈIks"
    assert text.phonemize("Kokoro") == "kˈOkəɹO"
    assert text.phonemize("Kokoro", lexicon=Lexicon({"Kokoro": "heart"})) == text.phonemize("heart")


@pytest.mark.parametrize("line", ["alone", "word /", '"open', "word //"])
def test_a_line_that_is_no_entry_is_refused(tmp_path, line: str) -> None:
    file = tmp_path / "words.txt"
    file.write_text(f"SQL sequel\n{line}\n", encoding="utf-8")
    with pytest.raises(TextError, match=r"words\.txt, line 2"):
        read_lexicon(file)
    with pytest.raises(TextError, match="UTF-8"):
        read_lexicon(tmp_path / "none.txt")


def test_both_english_front_ends_get_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The normalization does not ask which front end there is."""
    heard: list[str] = []

    def listen(words: str) -> str:
        heard.append(words)
        return "wˈɜɹdz " * 20

    monkeypatch.setattr(front_ends, "_front_end", lambda language: listen)
    typed = "Dr. Sharma paid $5.99 for 1,000 km at 9:30 a.m., e.g. today."
    for present in (None, object()):
        monkeypatch.setattr(front_ends, "find_spec", lambda name, present=present: present)
        text.phonemize(typed)
    assert heard[0] == heard[1] == spoken_form(typed)


@pytest.mark.parametrize("rule", ENGLISH_RULES, ids=lambda rule: rule.__name__)
def test_every_rule_is_needed(rule, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any one of the rules, lines of the table come out wrong: the table sees each."""
    from export_onnx.text import spoken_form as module
    from tests.export_onnx.test_spoken_words import spoken, table

    monkeypatch.setattr(module, "ENGLISH_RULES", tuple(r for r in ENGLISH_RULES if r is not rule))
    assert [row for row in table() if row[0].startswith("en") and spoken(row[1], row[0]) != row[2]]


def test_latin_words_in_a_japanese_or_chinese_text_are_english(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def front_end(language: str) -> Callable[[str], str]:
        def say(words: str) -> str:
            asked.append((language, words))
            return "ʃi"

        return say

    monkeypatch.setattr(front_ends, "_front_end", front_end)
    assert text.phonemize("我爱 New York，真的。", "zh") == "ʃi ʃi ʃi"
    assert asked == [("zh", "我爱"), ("en-us", "New York"), ("zh", ",真的。")]


def test_a_dictionary_without_its_data_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Japanese(ModuleType):
        @staticmethod
        def JAG2P() -> None:  # noqa: N802
            raise RuntimeError("Failed initializing MeCab.")

    monkeypatch.setattr(front_ends, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "misaki.ja", Japanese("misaki.ja"))
    monkeypatch.setattr(misaki, "ja", Japanese("misaki.ja"), raising=False)
    with pytest.raises(TextError, match="unidic download"):
        front_ends._extra_front_end("ja")
