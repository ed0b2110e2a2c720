"""Chunks: no word lost or cut, limits kept, good places first, linear time; the check rejects planted defects."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from export_onnx.errors import TextError
from selector.text.bounds import WRAPPED, Bound, joined_text, words
from selector.text.characters import clean
from selector.text.chunk import ORPHAN_WORDS, Chunk, chunk


def spoken_words(text: str) -> list[str]:
    """The words as they are said: a line's end without a mark has got one, and text without spaces is in parts."""
    return [word.text for word in words(clean(text))]


def check(text: str, chunks: list[Chunk], limit: int) -> list[str]:
    """What is wrong with a division of `text`; empty is good."""
    faults = []
    if "".join(c.text for c in chunks).replace(" ", "") != "".join(spoken_words(text)):
        faults.append("letters")
    if sum(c.words for c in chunks) != len(spoken_words(text)):
        faults.append("words")
    if joined_text(words(clean(text))).split() != " ".join(c.text for c in chunks).split() and not any(
        word.bound is Bound.INSIDE or not word.spaced for word in words(clean(text))
    ):
        faults.append("words")
    faults += [f"limit: {c.text!r}" for c in chunks if c.words > 1 and len(c.text) > limit]
    return faults


ODD_WORDS = """a the boat extraordinarily Mr. Smith 3.14 10 000 km e.g. — U.S. No. 5, end. What? “Stop!” said comma,
    well; J. etc. (so) … *** naïve 漢字。"""
WORDS = st.sampled_from([*ODD_WORDS.split(), "漢字とかな、次の文。", "\n\n", "\r\n", "\n", "\x0c", "\u2028"])
TEXTS = st.lists(WORDS, min_size=1, max_size=150).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.integers(12, 200), st.integers(5, 200))
def test_every_word_is_in_one_chunk_and_no_chunk_is_too_long(text, limit, first):
    assume(spoken_words(text))
    chunks = list(chunk(text, len, limit, first))
    assert check(text, chunks, limit) == []
    assert chunks[-1].bound is Bound.PARAGRAPH


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300), st.integers(1, 60))
def test_any_text_at_all(text, limit):
    if not spoken_words(text):
        with pytest.raises(TextError):
            list(chunk(text, len, limit))
    else:
        assert check(text, list(chunk(text, len, limit)), limit) == []


def test_the_check_rejects_planted_defects():
    text = "one two three four five six seven eight nine ten eleven twelve"
    whole = list(chunk(text, len, 30))
    assert check(text, whole, 30) == []
    assert "words" in check(text, whole[:-1], 30)  # the end lost
    cut = [Chunk(text[i : i + 16], 16, len(text[i : i + 16].split()), Bound.WORD) for i in range(0, len(text), 16)]
    assert "words" in check(text, cut, 30)  # every 16 characters: inside words
    assert "letters" in check(text, [*whole[1:], whole[0]], 30)
    assert check(text, [Chunk(text, len(text), 12, Bound.WORD)], 30) == [f"limit: {text!r}"]


def bounds_of(text: str) -> str:
    """The text with a bar where a sentence ends and a stroke where a clause does."""
    marks = {
        Bound.INSIDE: "·",
        Bound.GLUE: "~",
        Bound.WORD: " ",
        Bound.CLAUSE: "/",
        Bound.SENTENCE: "|",
        Bound.PARAGRAPH: "¶",
    }
    return "".join(w.text + marks[w.bound] for w in words(clean(text)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mr. Smith left. He ran.", "Mr.~Smith left.|He ran.¶"),
        ("It cost $5.30 million. Really?", "It cost $5.30~million.|Really?¶"),
        ("J. R. R. Tolkien wrote, e.g. this.", "J.~R.~R.~Tolkien wrote,/e.g. this.¶"),
        ("See vol. 3, p. 12. Then stop.", "See vol.~3,/p.~12.|Then stop.¶"),
        ('"Stop!" he said. Why?', '"Stop!"/he said.|Why?¶'),
        ("He said (loudly.) Then he left.", "He said (loudly.)|Then he left.¶"),
        ("On May 5, 2020, it was 10 000 km.", "On May 5,~2020,/it was 10~000~km.¶"),
        ("Apples, pears etc. were sold. Inc. or Co. Ltd.", "Apples,/pears etc. were sold.|Inc. or Co.|Ltd.¶"),
        ("1. First item. 2. Second item.", "1.~First item.|2.~Second item.¶"),
        ("Wait… what? Yes!", "Wait…/what?|Yes!¶"),
        ("He — she — they.", "He~—/she~—/they.¶"),
        ("One.\n\nTwo\nlines.", "One.¶Two.|lines.¶"),
        ("Chapter One\n\nIt was a dark night.", "Chapter One¶It was a dark night.¶"),
        ("milk\neggs\nbread\nfour apples", "milk.|eggs.|bread.|four apples¶"),
        ("milk\u2028eggs\x0bham\x85tea\rjam", "milk.|eggs.|ham.|tea.|jam¶"),
        ("A page\x0cand a part\u2029and an end", "A page¶and a part¶and an end¶"),
        ("Tyger Tyger, burning bright,\nIn the forests", "Tyger Tyger,/burning bright,/In the forests¶"),
        ('He said "no"\n*** \nand left', 'He said "no".|***|and left¶'),
        ("A line that is wrapped where the margin of it was,\nor is here.", "WRAPPED,/or is here.¶"),
        ("A line that is wrapped where the margin of it is\nor is here.", "WRAPPED or is here.¶"),
        ("A line that is wrapped where the margin of it is\n- an item", "WRAPPED.|-/an item¶"),
        ("漢字とかな。次の文！", "漢·字·と·か·な。|次·の·文！¶"),
        ("それから、「終わり？」と言った。", "そ·れ·か·ら、/「終·わ·り？」|と·言っ·た。¶"),
        ("你好,今天!价格3.14元和１，０００元", "你·好,/今·天!|价·格3.14元·和１，０００元¶"),
        ("ニャー\n猫", "ニャー。|猫¶"),
        ("So do I. You too.", "So do I.|You too.¶"),
        ("It was 1984. Then came 1985.", "It was 1984.|Then came 1985.¶"),
        ("É. Zola wrote. élan.", "É.~Zola wrote. élan.¶"),
        ("E\u0301. Zola wrote.", "E\u0301.~Zola wrote.¶"),
        ("पृष्ठ ५ किमी पर। आगे", "पृष्ठ ५ किमी पर।|आगे¶"),
    ],
)
def test_where_sentences_and_clauses_end(text, expected):
    wrapped = " ".join(text.split("\n")[0].split()).replace(", ", ",/").rstrip(",")  # a long line, for short
    assert bounds_of(text) == expected.replace("WRAPPED", wrapped)


def test_sentences_before_clauses_before_words():
    text = "A first one is here. The second has a comma, and then it goes on for a while. Third."
    ends = {c.bound for c in chunk(text, len, 60)}
    assert ends <= {Bound.SENTENCE, Bound.PARAGRAPH}
    long = "The second has a comma after some time, and then it goes on for a little while."
    assert next(chunk(long, len, 45)).bound is Bound.CLAUSE
    assert next(chunk("just words without any mark at all in here", len, 30)).bound is Bound.WORD


def test_chunks_of_one_sentence_are_balanced_and_leave_no_orphans():
    text = " ".join(["word"] * 61)  # 304 characters: greedy filling at 100 gives 99, 99, 99, 4
    sizes = [len(c.text) for c in chunk(text, len, 100)]
    assert len(sizes) == 4
    assert max(sizes) - min(sizes) <= 15
    sentence = (
        "The road through the valley is closed because of a fallen tree, and it will stay so until noon, they say."
    )
    for limit in range(25, 110):
        assert all(c.words > ORPHAN_WORDS for c in chunk(sentence, len, limit)), limit


TWO_SENTENCES = "This is the first of two sentences. And this is the second one, which ends here."


@pytest.mark.parametrize("limit", [12, 40, 500])
def test_no_chunk_goes_on_behind_a_paragraph(limit):
    """So the joiner makes the pause behind a heading, whatever fits."""
    text = "Chapter One\n\nIt was a dark night.\x0cAnd a stormy one.\u2029The end"
    made = list(chunk(text, len, limit))
    ended = "".join(c.text + ("¶" if c.bound is Bound.PARAGRAPH else " ") for c in made)
    assert ended == "Chapter One¶It was a dark night.¶And a stormy one.¶The end¶"


def test_each_line_of_a_list_is_a_chunk_and_wrapped_lines_are_none():
    made = list(chunk("milk\n“eggs”\nbread,\nfour apples", len, 500))
    assert [c.text for c in made] == ["milk.", "“eggs”.", "bread, four apples"]
    assert [c.bound for c in made] == [Bound.SENTENCE, Bound.SENTENCE, Bound.PARAGRAPH]
    line = "This is a line of fifty characters, as margins make"
    assert len(line) in WRAPPED
    assert len(list(chunk(f"{line}\n{line}\n{line}", len, 500))) == 1
    assert len(list(chunk(f"{line * 3}\n{line * 3}", len, 500))) == 2, "lines that are paragraphs"


def test_text_without_spaces_is_cut_at_marks_first_and_then_where_a_line_may_end():
    text = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。"
    assert [c.text for c in chunk(text, len, 20)] == [
        "吾輩は猫である。名前はまだ無い。",
        "どこで生れたかとんと見当がつかぬ。",
    ]
    cut = list(chunk("キャ" * 30, len, 21))
    assert "".join(c.text for c in cut) == "キャ" * 30, "no space between the parts"
    assert all(c.text.startswith("キ") for c in cut), "no part begins with a small letter"
    assert {c.bound for c in cut[:-1]} == {Bound.INSIDE}
    assert all(len(c.text) <= 21 and c.phonemes == len(c.text) for c in cut)
    assert max(len(c.text) for c in cut) - min(len(c.text) for c in cut) <= 4


def test_what_fits_is_one_chunk_also_where_the_first_may_only_be_short():
    for most in (None, 1, 40):
        (whole,) = chunk(TWO_SENTENCES, len, len(TWO_SENTENCES), most)
        assert (whole.text, whole.phonemes) == (TWO_SENTENCES, len(TWO_SENTENCES))
    first, *others = chunk(TWO_SENTENCES, len, len(TWO_SENTENCES) - 1, 40)
    assert (first.text, len(others)) == ("This is the first of two sentences.", 1)


def test_short_words_of_many_phonemes_are_cut_too():
    def count(piece: str) -> int:
        return sum(30 if c.isdigit() else 1 for c in piece)  # a number is said digit by digit

    chunks = list(chunk("so a 123456789 b, 5 5 5 5 5 5 5", count, 100))
    assert [c.text for c in chunks if c.words == 1 and c.phonemes > 100] == ["123456789"]
    assert all(count(c.text) <= 100 for c in chunks if c.words > 1)


def test_a_number_and_its_unit_stay_together_unless_nothing_else_helps():
    text = "it was measured as 10 000 km in all of these long years of work"
    for limit in range(14, 60):
        texts = [c.text for c in chunk(text, len, limit)]
        assert any("10 000 km" in t for t in texts), (limit, texts)
    assert check("1 " * 300, list(chunk("1 " * 300, len, 20)), 20) == []


def test_format_characters_vanish_and_other_controls_are_spaces():
    assert [c.text for c in chunk("ex\u00adtra\u200b ordinary\x00word\x07\tx", len, 90)] == ["extra ordinary word x"]


@pytest.mark.parametrize("text", ["", " \n\t ", "\x00\x01", "\u200b\u00ad"])
def test_a_text_without_words_is_refused(text):
    with pytest.raises(TextError) as raised:
        list(chunk(text, len, 100))
    assert raised.value.expected
    assert raised.value.todo


def test_the_first_chunk_is_short_and_waits_for_no_last_page():
    book = "This is one sentence of an endless book. " * 50_000
    seen = 0

    def count(piece: str) -> int:
        nonlocal seen
        seen += len(piece)
        return len(piece)

    first = next(chunk(book, count, 380, 100))
    assert len(first.text) <= 100
    assert seen < 3000


@pytest.mark.parametrize("sentence", ["This is one sentence of it, with a clause. ", "word ", "longer " * 90 + "end. "])
def test_a_whole_book_is_counted_in_linear_time(sentence):
    def work(characters: int) -> int:
        seen = 0

        def count(piece: str) -> int:
            nonlocal seen
            seen += len(piece)
            return len(piece)

        for _ in chunk(sentence * (characters // len(sentence)), count, 380):
            pass
        return seen

    small, large = work(50_000), work(400_000)
    assert large <= 8.5 * small
    assert large <= 4 * 400_000
