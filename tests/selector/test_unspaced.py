"""Text without spaces: taken apart at its marks and letters, and spoken whole, without word gaps."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export_onnx.errors import TextError
from selector.package.opened import Package
from selector.speak.synthesize import Spoken, Synthesizer
from selector.text.characters import is_unspaced, may_begin
from selector.text.unspaced import CLOSING, FULL_WIDTH_MARKS, OPENING, unspaced_parts
from tests.selector.conftest import NAME
from tests.selector.seam_limits import CLICK_LIMIT_DB


@pytest.mark.parametrize(
    ("token", "parts"),
    [
        ("はい。いいえ！", "は|い。|い|い|え！"),
        ("「はい。」と", "「は|い。」|と"),
        ("ちょっとコーヒー", "ちょっ|と|コー|ヒー"),
        ("你好,今天3,5元", "你|好,|今|天3,5元"),
        ("１，０００円、Ａ。Ｂ", "１，０００円、|Ａ。|Ｂ"),
        ("GPT-4は…凄い", "GPT-4は…|凄|い"),
        ("well-known,naïve.word", "well-known,naïve.word"),
        ("한국어는,띄어쓰기", "한국어는,띄어쓰기"),
    ],
)
def test_parts_end_at_marks_and_where_a_line_may_end(token, parts):
    assert unspaced_parts(token) == parts.split("|")


LETTERS = "かっゃーカッｱｯ漢字々〇a1１ ".replace(" ", "")


@given(st.text(LETTERS + FULL_WIDTH_MARKS + CLOSING + OPENING + ".,…—”’", min_size=1, max_size=40))
def test_nothing_is_lost_and_no_part_begins_as_no_line_may(token):
    parts = unspaced_parts(token)
    assert "".join(parts) == token
    assert all(parts)
    ends = list(accumulate(map(len, parts)))[:-1]
    letters = {(token[at - 1], token[at]) for at in ends if is_unspaced(token[at - 1])}
    assert not [pair for pair in letters if not may_begin(pair[1]) and pair[1] not in OPENING]
    assert not [part for part in parts[1:] if part[0] in FULL_WIDTH_MARKS + CLOSING]
    assert not [part for part in parts[:-1] if part[-1] in OPENING]


def kana(text: str, language: str) -> str:
    """A front end that says `ka` for each letter of a text without spaces; a space would be a word gap."""
    said = "".join("ka" if c.isalpha() else {"。": ".", "、": ","}.get(c, c) for c in text)
    if not any(map(str.isalpha, said)):
        raise TextError("text", expected="words", got=text, todo="")
    return said


class Listener(Synthesizer):
    """Keeps the phonemes that were rendered, in order."""

    heard: list[str]

    def _render(self, words: str, phonemes: str, index: int) -> Spoken | None:
        sound = super()._render(words, phonemes, index)
        if sound:
            self.heard.append(phonemes)
        return sound


@pytest.mark.parametrize("text", ["かきくけこ" * 120, "漢字、" * 89 + "漢字。" + "キャッ" * 200 + "。"])
def test_text_without_spaces_is_spoken_whole_without_word_gaps(dist, few_texts, text):
    package = Package.open(dist / NAME)
    rows = package.voice("bf_long")
    speaker = Listener(package.chains, package.manifest, "bf_long", rows, 1.0, phonemize=kana)
    object.__setattr__(speaker, "heard", [])
    seams = [spoken.seam for spoken in speaker.speak(text) if spoken.seam]
    assert len(speaker.heard) > 2
    assert "".join(speaker.heard) == kana(text, ""), "every letter, in order, and no space between"
    assert {round(seam.wanted, 2) for seam in seams} <= {0.05, 0.2, 0.4}
    assert min(seam.wanted for seam in seams) == 0.05, "inside a text without spaces"
    assert all(seam.click_db <= CLICK_LIMIT_DB for seam in seams)
