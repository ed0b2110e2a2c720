"""Test vectors for the splitting of long text: hand-written texts, every end of every range of characters, and some
hundred seeded random texts, each with the chunks that Python makes of it.

One question per line: `split`, how to count, the limit, the first chunk's limit (0: none), the text, and as the answer
the chunks: `phonemes words bound text`. The count stands for the phonemes: `c/d/p` is c for a code point, d for an
ASCII digit and p for ASCII punctuation. Tabs, line ends and backslashes are escaped; `\\n` separates chunks.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from export_onnx.errors import TextError
from selector.text import characters
from selector.text.bounds import BEFORE_A_NAME, BEFORE_A_NUMBER, MAY_END, SCALES
from selector.text.characters import Ranges
from selector.text.chunk import Count, chunk

SEED: Final = 8
RANDOM_TEXTS: Final = 300
RANDOM_PROSE: Final = 120
COUNTS: Final = ("1/1/1", "1/6/0", "2/9/1", "1/1/0")
ESCAPES: Final = {"\\": "\\\\", "\x00": "\\0", "\t": "\\t", "\n": "\\n", "\r": "\\r"}

PROSE: Final = (
    "Mr. Smith left at 5 p.m. He ran 10 000 km, i.e. for 3 million minutes! Did he? Yes… he did.",
    "“Stop!” he said — and she didn’t. ‘Why?’ asked Dr. J. R. R. Müller (of St. Gallen, U.S.A.). Nobody knew.",
    "On May 5, 2020, it cost $5.30 million; see vol. 3, p. 12 and fig. 7. Inc. or Co. Ltd. Then it ended etc. And on.",
    "1. First item. 2. Second item, which is longer.\n\nA heading\n\n3. Third: with a colon, and more - and yet more.",
    "Ça coûte 5 € à l’École. Élan vital: « Où est-il ? » E\u0301mile E\u0301. Zola e\u0301crit, n\u0303andu\u0301.",
    "He left. «élan» was it! «bon» said etc. «Bon» or (bon) [bon] {bon} *bon* _bon_ Mr. «Bon» he? ‘he? “he? 'he.",
    "Привет. как дела? Это пример Ф. М. Достоевского, стр. 12. Ещё одно предложение.",
    "Ο Α. Βήτας έφυγε. έτσι είναι; Ναι, 3 χλμ. μακριά.",
    "यह पहला वाक्य है। यह दूसरा है। पृष्ठ ५ किमी दूर है, और ज़्यादा\u200dदूर नहीं।",
    "漢字とかな。次の文です！ それから、終わり？ 「はい」 (全角 １２ キロ)。 ｶﾅ",
    "Smile 😀 5️⃣ 👩\u200d👩\u200d👧 family. 🇩🇪 flags! 😀5 km. 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 letters… \U0001faf8 new ones.",
    "soft\u00adhyphen zero\u200bwidth \ufefffirst\u2028line\u2029end nb\u00a0space\u3000wide.",
    "thin\u202fspace \x00\x07\x1b\x7f\x85 and controls.",
    "a\r\n\r\nb\r\nc\n \t \nd\n\n\n\ne \n\u200b\nf",
    "word " * 60 + "end. " + "1 2 3 4 5 6 7 8 9 0 " * 6,
    "Extraordinarilylongwordwithoutanybreaks" * 4 + " and one more. " + "https://example.org/a-b_c?d=e " * 3,
    "(so) [well] {odd} *bold* _under_ \"'“‘«x»’”'\" ... ?! !? -- — – - . , ; : *** ______",
    'Chapter One\n\nIt was a dark night.\n\nmilk\neggs,\n"bread"\nfour apples\n(and so on)\n- a\n2) b\n***\nend',
    "x" * 43
    + " \nshort line\n"
    + "y" * 44
    + "\nwrapped line that is long enough to be one of them\n- item "
    + "z" * 40,
    "Long lines of a list, which nobody wrapped at all here\n10. next one\n• and one\n100. no item\nTyger Tyger,\nA.",
    "w" * 118 + " one\nnext " + "v" * 110 + " one\nlast, " + "u" * 114 + " one\nand " + "t" * 120 + ",\nmore",
    "one\x0ctwo\x0bthree\x85four\u2028five\u2029six\rseven\r\neight\n\rnine\n \x0c ten\x0c\x0c\neleven\r\u200b\ntwelve",
    "吾輩は猫である。名前はまだ無い。「どこで生れたか、とんと見当がつかぬ！」と言った。何でも薄暗いじめじめした所でニャーニャー泣いていた",
    "今天天气很好,我们去公园吧!好的…走吧（真的吗？）“是的。”他说。第１，０００章，价格3.14元。ABC公司：成立于2020年",
    "カッコーとチャーハンがキャッと言ってしゃっくりをしたっきりゃあーあーあーあーあーあーあーあーあーあーあーあーあーあー",
    "あ" * 70 + "、" + "ｱｯﾊﾟｰ" * 9 + "｡" + "𠀀𠀁" * 12 + " spaced 漢字 words 々々 「" + "」" * 5 + "。」。」あ",
    "[漢字](/kanʥi/)です。「[東京␣都](/toːkʲoː␣to/)」、行く。次の文も長い。",
    "漢字\n漢字かな\n「はい」\nそして、\n終わり！\n1. 項目\nEnd\n5 km\nMr.\nSmith etc.\nand",
    "He said (loudly.) Then left. So do I. You too. I.e. this: e.g. that, cf. Jones vs. Brown in No. 5 or no. Nine.",
)
_ODD_WORDS: Final = """a I i the boat extraordinarily comma, well; colon: end. What? Stop! wait… “Quote” ‘it’s’ (so) [b]
    — – - -- … *** Mr. Dr. St. No. p. vol. etc. Inc. Jan. e.g. U.S. J. É. E\u0301. ñ. 5 10 000 3.14 $5 -7 1. 12, km 50%
    million ５ ५ naïve Straße ça Ünder élan Ж ж Ελλάδα ἔ e\u0301te\u0301 漢字。 かな、 です！ 😀 😀5 👩\u200d👧 न। ｶﾅ
    ǅ ß ſ \u212a İ ı 漢字かな「はい。」と 今天,好!吧 あああああああああっああー １，０ 。」 、、 • 2) ｱｯ｡ｱ"""
ODD: Final = (
    *_ODD_WORDS.split(),
    *(
        "\n",
        "\n\n",
        "\r\n",
        " \n \n",
        "\t",
        "\u00a0",
        "\u3000",
        "\u200b",
        "\u00ad",
        "\x00",
        "\u2028",
        "\ue000",
        "\x0c",
        "\r",
        "\n",
        "\n",
        "\x0b",
    ),
)


def escape(text: str) -> str:
    """One field of a line."""
    return "".join(ESCAPES.get(c, c) for c in text)


def counter(weights: str) -> Count:
    """The counting function that `c/d/p` describes."""
    plain, digit, mark = map(int, weights.split("/"))
    weight = dict.fromkeys(string.digits, digit) | dict.fromkeys(string.punctuation, mark)
    return lambda piece: sum(weight.get(c, plain) for c in piece)


def split_answer(text: str, weights: str, limit: int, first: int) -> str:
    """This implementation's answer."""
    try:
        made = chunk(text, counter(weights), limit, first)
        return "\\n".join(f"{c.phonemes} {c.words} {c.bound.name.lower()} {escape(c.text)}" for c in made)
    except TextError:
        return "!"


def split_questions() -> list[str]:
    """Questions with their answers."""
    draws = np.random.default_rng(SEED)
    lines = [_line(text, "1/1/1", 10, 0) for text in ("", " \n\n ", "\u200b\u00ad\x00")]
    lines += [_line("One two.", "1/1/1", limit, 0) for limit in (-1, 0, 1, 8, 10**12)]
    for text in PROSE:
        for limit in (1, 12, 25, 40, 77, 150, 1000):
            lines.append(
                _line(text, str(draws.choice(COUNTS)), limit, int(draws.choice([0, 1, limit // 2, 2 * limit])))
            )
    lines += [_line(text, "1/1/1", 12, 0) for text in (*_probes(), *_listed())]
    for _ in range(RANDOM_TEXTS):
        text = " ".join(str(ODD[i]) for i in draws.integers(len(ODD), size=int(draws.integers(1, 90))))
        limit = int(draws.integers(5, 160))
        lines.append(_line(text, str(draws.choice(COUNTS)), limit, int(draws.integers(0, limit))))
    for _ in range(RANDOM_PROSE):
        limit = int(draws.integers(40, 200))
        lines.append(_line(_prose(draws), "1/1/1", limit, int(draws.choice([0, limit // 3]))))
    return lines


def _prose(draws: np.random.Generator) -> str:
    """Sentences of clauses of words, as in books, in which the costs of cuts compete."""
    words = ("a", "of", "the", "road", "valley", "through", "evening", "harbours")
    ends, text = (".", "?", ".", "!\n\n"), ""
    for _ in range(int(draws.integers(3, 14))):
        text += str(draws.choice(["", "", "", "", "\n\nChapter one\n\n"]))
        run = [words[i] for i in draws.integers(len(words), size=int(draws.integers(1, 22)))]
        for i in draws.integers(len(run), size=len(run) // 5):
            run[i] = run[i].rstrip(",") + ","
        text += " ".join(run).rstrip(",").capitalize() + str(draws.choice(ends)) + " "
    return text


def _line(text: str, weights: str, limit: int, first: int) -> str:
    return "\t".join(
        ("split", weights, str(limit), str(first), escape(text), split_answer(text, weights, limit, first))
    )


def _probes() -> Iterator[str]:
    """Texts whose chunks show the kind of a character, for both ends of each range and the characters next to them."""
    for c in (c for ranges in (characters.UNSPACED, characters.NEVER_FIRST) for c in _ends(ranges)):
        yield c * 30
        yield f"{c}字" * 15
    for name in ("LOWER", "UPPER", "DIGIT", "MARK", "VANISHING", "BLANK"):
        ranges: Ranges = getattr(characters, name)
        for c in _ends(ranges):
            if name == "DIGIT":
                yield f"abcd {c}efg {c}hijk lmn"
            elif name == "MARK":
                yield f"abcdefg A{c}. Bcdefg"
            elif name in ("LOWER", "UPPER"):
                yield f"abcdef etc. {c}bcdefgh xy. {c}bcdefg {c}. Bcdefg"
            else:
                yield f"abc{c}def ghijkl"


def _ends(ranges: Ranges) -> Sequence[str]:
    near = {c for first, last, _ in ranges for end in (first, last) for c in (end - 1, end, end + 1)}
    surrogates = range(0xD800, 0xE000)  # no UTF-8 says them
    return [chr(c) for c in sorted(near) if 0 <= c < 0x110000 and c not in surrogates]


def _listed() -> Iterator[str]:
    for word in sorted(BEFORE_A_NAME | BEFORE_A_NUMBER | MAY_END):
        yield f"abcde {word}. Fghij {word.title()}. 12 klmno {word.upper()}. opqrst"
    for word in sorted(SCALES):
        yield f"abcde 5 {word} fghij 5 {word.title()}, klm"
