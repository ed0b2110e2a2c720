"""Typed texts for which C++ and Python must say the same words: every written form with seeded random figures, mixtures
of them, fragments of markup, and random characters of every script.

The texts are made anew by each test and compared with Python's answer on the spot; nothing is kept in a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from export_onnx.errors import TextError
from export_onnx.text.lexicon import Lexicon
from export_onnx.text.markup import read_markup
from export_onnx.text.spoken_form import spoken_form
from selector.sdk.vectors.split_vectors import escape

SEED: Final = 20
LANGUAGES: Final = ("en-us", "en-us", "en-us", "en-gb", "es", "fr-fr", "it", "pt-br", "hi", "de", "ja")
# In a form, # is a random figure, @ one of NAMES, and & one of WORDS.
_FORMS: Final = """# ## ### #### ##### ###### #,### ##,### #,###,### ####### ########### #.# ##.### .## #.#,##
    #.###,## # ### 0## #st ##nd #rd ##th #,###th #e# #.#e-# #x# ####x#### #k #/# ##/## # #/# #½ #-## #–# ####-##
    ####–#### ##:## -# ±# ~# ## #^# #+#=# #:# v#.#.# #.#.#.# #.#.# ##s '##s ####s in_#### since_#### #_% #% #‰ #°C
    -##_°F #_km #_m² #_ft_#_in #'#" #" #_lb. #_kg. #-km ###_km/h #_m/s #GB #_µm #_sq_ft $#.## $# $#.# €#.###,##
    ##,##_€ £#.## -$#k $#M $#–$# #¢ R$_#,## EUR_## #_USD $#/month ¥#### ₹#,##,### @_#,_#### #_@_#### #/#/####
    #.#.#### ####-##-## ####/##/## #_@ @_#–# @_##th ##:##_a.m. #_pm ##:##:## #-#_p.m. #h## #h #º #ª #er #e #ème
    (###)_###-#### ###-#### +##_##_####_#### ###-###-#### No._# p._## pp._#-# Fig._# vol._# St._@ Dr._& &_St. &_Jr.
    etc. e.g. i.e. vs. Inc. U.S. Ph.D. J._R. CEOs FBI NASA &-# MP# H#O Henry_VIII Louis_XIV & Chapter_IV & I @ XX
    a@b.com www.x#.org https://a.b/c-d?e=# page.pdf 192.168.#.# #&# & + = < > <= ≤ → * ** _ ~ ^ \\ | / // # @ @&
    #tag C++ C# AT&T w/o and/or … ... “ ” ’ ( ) [ ] { } - – — , . ; : ! ? :) <3 🎉 ™ ® © § • ✓ ﬁ ² ³ ½ ⅓ é e\u0301 ñ
    ß İ ı ſ K 漢字 。 、 ｱ १२ ٣ Ⅷ ﷺ \u00ad \u200b [&](/kˈæt/) [&](https://x.y) ![&](a.png) [&][1] [^1] `&`
    *&* **&** _&_ ~~&~~ <b> </b> <p> </p> <br/> <s> </s> <break/> <break_time="#00ms"/> [pause:#s] <sub_alias="&">&
    </sub> <phoneme_ph="ˈeɪ">&</phoneme> <foo> <x_y="z"> &amp; &nbsp; &lt; &#8212; &#x41; &copy; &notit; &#128; &#0;
    &bogus; <!--& --> \\* \\_ &\\ Sr. Sra. Ud. M. Mme Dott. R. डॉ. बजे veintiuno uno mil #.###.### #_###,## un_ & ¡
    ¿ « » #_h #_min"""
FORMS: Final = tuple(form.replace("_", " ") for form in _FORMS.split())
NAMES: Final = ("March", "Dec.", "May", "Sept", "3 May", "John", "Elizabeth", "Sun.", "monday", "enero")
WORDS: Final = ("cat", "The", "She", "in", "of", "was", "HOUSES", "years", "casas", "años", "a", "I", "page", "no", "x")
LINE_STARTS: Final = ("", "", "", "# ", "- ", "> ", "1. ", "* ", "| ", "```", "***", "===", "---", "• ", "[1]: ", "  ")
GAPS: Final = ("", " ", " ", " ", " ", "  ", ", ", ". ", "\n", "\n\n", "\t", "-", "/", "\r\n", "\u00a0", "\u202f")
BLOCKS: Final = (
    (0x20, 0x7F), (0xA0, 0x250), (0x2000, 0x2300), (0x300, 0x600), (0x900, 0xA00), (0x3000, 0x3100), (0xFB00, 0xFB50),
    (0xFF00, 0xFFF0), (0x1F300, 0x1F650), (0x1D400, 0x1D800), (0, 0xD800), (0xE000, 0x110000),
)  # fmt: skip


def spoken_questions(number: int, seed: int = SEED) -> list[tuple[str, str]]:
    """So many languages with texts."""
    draws = np.random.default_rng(seed)
    return [(str(draws.choice(LANGUAGES)), text) for _, text in zip(range(number), _texts(draws), strict=False)]


def spoken_line(language: str, text: str) -> str:
    """A question to the test program."""
    return f"{language}\t{escape(text)}"


def spoken_answer(language: str, text: str, lexicon: Lexicon | None = None) -> str:
    """Python's answer, as the test program writes it: words line by line, `[pause:500ms]`, `!` for a refusal."""
    said: list[str] = []
    try:
        passages = read_markup(text).passages
    except TextError as error:
        return "!" + str(error).partition(":")[0]
    for passage in passages:
        said.append("\n".join(spoken_form(line, language, lexicon) for line in passage.text.split("\n")))
        if passage.pause is not None:
            said.append(f"[pause:{passage.pause * 1000:.0f}ms]")
    return escape(" ".join(part for part in said if part).strip())


def _texts(draws: np.random.Generator) -> Iterator[str]:
    while True:
        yield _filled(str(draws.choice(FORMS)), draws)
        yield "".join(_filled(str(draws.choice(FORMS)), draws) + str(draws.choice(GAPS)) for _ in range(4))
        lines = (str(draws.choice(LINE_STARTS)) + _line(draws) for _ in range(int(draws.integers(1, 5))))
        yield "\n".join(lines)
        first, last = BLOCKS[int(draws.integers(len(BLOCKS)))]
        yield "".join(map(chr, draws.integers(first, last, int(draws.integers(1, 20)))))
        marks = draws.choice([*" 0123456789.,:/-$€%°'()+", *"kmhsx", *FORMS[:40]], int(draws.integers(1, 12)))
        yield _filled("".join(map(str, marks)), draws)


def _line(draws: np.random.Generator) -> str:
    return " ".join(_filled(str(draws.choice(FORMS)), draws) for _ in range(int(draws.integers(0, 6))))


def _filled(form: str, draws: np.random.Generator) -> str:
    def one(c: str) -> str:
        if c == "#":
            return str(draws.integers(10))
        return str(draws.choice(NAMES if c == "@" else WORDS)) if c in "@&" and draws.random() < 0.8 else c

    return "".join(map(one, form))
