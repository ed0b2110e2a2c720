"""Markup is silent: what it marks is said, pauses are named, and nothing else is taken for markup."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_onnx.errors import TextError
from export_onnx.run import text
from export_onnx.text.markup import PRIVATE, SCENE_PAUSE, SpokenPassage, read_markup

PROSE = [
    "5 * 3 is 15, and 2*3*4 too.", "snake_case_names stay", "1986. A great year.", "a - b", "vector<int> and x < y > z",
    "She said: *", "[sic] and [a] (b)", "#1 fan", "3 > 2", "- 5 degrees"[2:], "AT&T; R&D", "it's ~5 and 50~60",
]  # fmt: skip


@pytest.mark.parametrize("typed", PROSE)
def test_prose_is_no_markup(typed: str) -> None:
    assert read_markup(typed) == read_markup("") or read_markup(typed).passages == (SpokenPassage(typed),)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_can_be_read_and_holds_no_private_character(typed: str) -> None:
    typed = PRIVATE.sub("", typed)
    marked = read_markup(typed.replace("<", "< "))  # no tag, which may be refused
    assert marked.passages[-1].pause is None
    assert all(p.pause is not None for p in marked.passages[:-1])
    assert not any(PRIVATE.search(p.text) for p in marked.passages)


WORDS = st.lists(st.text("bcdfghlmnprt", min_size=3, max_size=8), min_size=1, max_size=5).map(" ".join)
MARKS = ["*{}*", "**{}**", "***{}***", "_{}_", "__{}__", "~~{}~~", "`{}`", "# {}", "### {} ###", "> {}", "- {}",
         "<b>{}</b>",
         "[{}](https://x.org/y_z)", "<speak>{}</speak>", "<em class=\"x\">{}</em>", "<p>{}</p>"]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(WORDS, st.sampled_from(MARKS))
def test_marks_are_silent_and_words_stay(words: str, mark: str) -> None:
    assert read_markup(mark.format(words)).text.replace("•", "").split() == words.split()


def test_markup_makes_no_phonemes() -> None:
    plain = text.phonemize("You shouldn't panic")
    for typed in ("You *shouldn't* panic", "You **shouldn't** panic", "<speak>You shouldn't panic</speak>",
                  "You [shouldn't](https://x.y) panic", "# You shouldn't&nbsp;panic"):  # fmt: skip
        assert text.phonemize(typed) == plain, typed


@pytest.mark.parametrize("line", ["***", "* * *", "---", "===", "- - -", "___", "⁂", "#", "*"])
def test_a_scene_break_is_a_long_pause(line: str) -> None:
    assert read_markup(f"One.\n\n{line}\n\nTwo.").passages == (
        SpokenPassage("One.", SCENE_PAUSE),
        SpokenPassage("Two."),
    )


@pytest.mark.parametrize(
    ("tag", "pause"),
    [('<break time="500ms"/>', 0.5), ("<break time='2s' />", 2.0), ("<break/>", 0.4), ("[pause:1.5s]", 1.5),
     ('<break strength="x-strong"></break>', 1.0), ("[pause 250ms]", 0.25)],
)  # fmt: skip
def test_breaks_are_pauses(tag: str, pause: float) -> None:
    assert read_markup(f"a {tag} b").passages[0] == SpokenPassage("a", pause)
    assert read_markup(f"a {tag} b").text.split() == ["a", "b"]


@pytest.mark.parametrize(
    ("typed", "says"),
    [('<break time="soon"/>', "500ms or 1.5s"), ('<break time="90s"/>', "up to 60s"),
     ("<phoneme>x</phoneme>", "attribute ph"),
     ('<sub alais="y">x</sub>', "attribute alias"),
     ('<phoneme alphabet="x-sampa" ph="a">x</phoneme>', "ipa or x-kokoro")],
)  # fmt: skip
def test_a_tag_that_cannot_be_obeyed_is_refused(typed: str, says: str) -> None:
    with pytest.raises(TextError, match=says):
        read_markup(typed)


def test_tags_that_are_not_understood_are_named() -> None:
    marked = read_markup('<prosody rate="slow">calm <b>and</b> <b>bold</b></prosody> <foo bar="1">x</foo>')
    assert marked.left_out == ("prosody", "b", "foo")
    assert marked.text == "calm and bold x"
    assert read_markup("<p>a</p><br/>").left_out == ()


def test_a_given_pronunciation_is_one_word_in_a_passage() -> None:
    marked = read_markup("See [New York](/nˌu jˈɔɹk/) and *[it](/ˈɪt/)*.")
    assert marked.text.split() == ["See", "[New␣York](/nˌu␣jˈɔɹk/)", "and", "[it](/ˈɪt/)."]
    assert text.phonemize(marked.text) == text.phonemize("See [New York](/nˌu jˈɔɹk/) and [it](/ˈɪt/).")


def test_a_book_is_read_in_linear_time() -> None:
    """Marks that are never closed do not make the reading quadratic: it ends at all."""
    for mark in ("*", "_", "[", "<b ", "`", "~~", "**a "):
        assert read_markup(mark * 20_000 + " word").text.endswith("word")
