"""The written-out kinds of characters against Python's own tables: nothing wrong in them, nothing common left out."""

from __future__ import annotations

import json
import unicodedata
from importlib.resources import files

import pytest

from selector.text import characters
from selector.text.characters import Ranges, clean, is_digit, is_lower, is_unspaced, is_upper, may_begin


def members(ranges: Ranges) -> list[str]:
    return [chr(c) for first, last, step in ranges for c in range(first, last + 1, step)]


def faults(ranges: Ranges, categories: set[str]) -> list[str]:
    """Characters of `ranges` that are in none of the Unicode categories."""
    return [c for c in members(ranges) if unicodedata.category(c) not in categories]


@pytest.mark.parametrize(
    ("ranges", "categories"),
    [
        (characters.LOWER, {"Ll"}),
        (characters.UPPER, {"Lu"}),
        (characters.DIGIT, {"Nd"}),
        (characters.MARK, {"Mn"}),
        (characters.VANISHING, {"Cf", "Cn"}),
        (characters.BLANK, {"Cc", "Zs", "Zl", "Zp", "Cs", "Co", "Cn"}),
    ],
)
def test_every_character_is_of_its_kind(ranges, categories):
    assert faults(ranges, categories) == []
    assert len(set(members(ranges))) == len(members(ranges))


def test_a_wrong_range_is_noticed():
    assert faults(((0x101, 0x139, 2),), {"Ll"}) == ["Ĺ"]


@pytest.mark.parametrize("block", [(0, 0x180), (0x386, 0x3CF), (0x400, 0x530), (0x1E00, 0x1F00)])
def test_no_letter_of_these_blocks_is_left_out(block):
    assert any(is_lower(c) for c in map(chr, range(*block)))
    for c in map(chr, range(*block)):
        assert is_lower(c) == (unicodedata.category(c) == "Ll"), hex(ord(c))
        assert is_upper(c) == (unicodedata.category(c) == "Lu"), hex(ord(c))
        assert not is_digit(c) or unicodedata.decimal(c) in range(10)


def test_all_white_space_and_all_controls_become_spaces():
    odd = [c for c in map(chr, range(0x110000)) if c.isspace() or unicodedata.category(c) in {"Cc", "Cs", "Co"}]
    assert {clean(f"a{c}b") for c in odd if c != "\n" and ord(c) not in characters.LINE_ENDS} == {"a b"}


def test_every_end_of_a_line_is_one_and_ends_of_paragraphs_are_blank_lines():
    assert {clean(f"a{end}b") for end in ("\n", "\r\n", "\r", "\x0b", "\x85", "\u2028")} == {"a\nb"}
    assert {clean(f"a{end}b") for end in ("\n\n", "\r\n\r\n", "\n\r", "\x0c", "\u2029")} == {"a\n\nb"}


def test_unspaced_letters_are_letters_and_none_of_their_blocks_is_left_out():
    letters = members(characters.UNSPACED)
    assert {unicodedata.category(c) for c in letters} <= {"Lo", "Lm", "Nl", "So", "Cn"}
    named = ("HIRAGANA LETTER", "KATAKANA LETTER", "HALFWIDTH KATAKANA LETTER", "CJK UNIFIED IDEOGRAPH")
    here = [c for c in map(chr, range(0x3000, 0x2FFFF)) if unicodedata.name(c, "").startswith(named)]
    supplements = {*range(0x1AFF0, 0x1B170)}  # historic kana
    assert [c for c in here if ord(c) not in supplements and not is_unspaced(c)] == []
    assert [c for c in "한กաA1。、「」・" if is_unspaced(c)] == []
    small = [c for c in letters if " SMALL " in unicodedata.name(c, "")]
    assert [c for c in small if may_begin(c)] == []
    assert all(map(may_begin, "あン漢ｱ〇〆"))
    assert not any(map(may_begin, "っャーｰ々ゝヾﾞㇿ"))


def test_what_is_said_stays():
    stays = "naïve e\u0301 “quoted” — … 漢字。 नमस्ते 😀 🇩🇪"
    assert clean(stays) == stays
    vocabulary = json.loads(
        files("export_onnx.checkpoint").joinpath("architectures", "kokoro-82m.json").read_text("utf-8")
    )["vocab"]
    assert [symbol for symbol in vocabulary if clean(symbol) != symbol] == []
