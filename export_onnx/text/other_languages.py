"""Numbers, money, times, units, abbreviations and signs of Spanish, French, Italian, Portuguese and Hindi.

Each language writes numbers with marks of its own: 1.234,50 (es, it, pt), 1 234,50 (fr), 1,00,000.5 (hi).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Final

from num2words import num2words

from export_onnx.text.wordings import HINDI, WORDINGS, Wording

MOST_DIGITS: Final = 9  # a longer number is a code, and is said digit by digit; espeak itself stops there
SPACE: Final = "[ \N{NO-BREAK SPACE}]"
MILLIONS: Final = re.compile(r"(?:mill[oó]n|millones|millions?|milion[ei]|milh(?:ão|ões))$")
APOCOPE: Final = re.compile(r"\b(veinti|y )uno (?=(?!de\b|y\b|o\b|a\b|por\b|coma\b|mil)([^\W\d]+))")
URL: Final = re.compile(
    r"(?:https?://)?(?:www\.)?[\w.-]+@[\w-]+(?:\.[\w-]+)+|https?://[\w./-]*[\w/]|www\.[\w./-]*[\w/]"
)


def other_languages(text: str, language: str) -> str:
    """Replaces what espeak does not read as a reader would; a language without a `Wording` keeps its text."""
    wording = WORDINGS.get(language)
    if wording is None:
        return text
    for rule in _rules(language):
        text = rule(text)
    return text


def whole_number(digits: str, wording: Wording) -> str:
    """The words of a whole number; digits one by one where the number is long or begins with zero."""
    if len(digits) > MOST_DIGITS or re.match(r"0\d", digits):
        return " ".join(whole_number(d, wording) for d in digits)
    if not wording.numbers:
        return digits
    number = int(digits)
    if wording.numbers == "it":  # Italian writes a number as one word, which espeak stresses once
        parts = [number // 1000 * 1000, number % 1000 // 100 * 100, number % 100]
        return " ".join(num2words(p, lang="it") for p in parts if p) or num2words(0, lang="it")
    return num2words(number, lang=wording.numbers).replace(",", "").replace("-", " ")


def forms_of(language: str) -> dict[str, str]:
    """The patterns of a language's written forms, by name, in the order in which the rules must see them: addresses
    first, plain numbers and single signs last."""
    w = WORDINGS[language]
    number = rf"(?:\d{{1,3}}(?:{w.group}\d{{2,3}})*{w.group}\d{{3}}(?!\d)|\d+)(?:{re.escape(w.decimal)}\d+)?"
    minus = r"(?P<minus>(?<![\w)])[-\N{EN DASH}])?"
    sign = "|".join(sorted(map(re.escape, w.currencies), key=len, reverse=True))
    unit = "|".join(sorted(map(re.escape, w.units), key=len, reverse=True))
    short = "|".join(sorted(map(re.escape, w.abbreviations), key=len, reverse=True))
    ordinal = "|".join(sorted(map(re.escape, w.ordinals), key=len, reverse=True))
    amount = rf"(?P<amount>{number})"
    forms = {
        "url": URL.pattern,
        "abbreviation": rf"(?<![\w.])({short})(?!\w)",
        "ordinal": rf"(?<![\w.,])(\d{{1,{MOST_DIGITS}}})({ordinal})(?!\w)",
        "date": r"(?<![\w./])(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?![\w./-]\d)",
        "dotted": r"(?<![\w.])(?!\d{1,3}(?:\.\d{3})+(?!\d))\d+(?:\.\d+){2,}",
        "decimal_point": r"(?<![\d.,])(\d+)\.(\d{1,2})(?!\d|[.,]\d)",
        "fraction": r"(?<![\w/.,])(\d{1,3})/(\d{1,3})(?![\w/])",
        "clock": r"(?<![\d:.,])([01]?\d|2[0-4])(?::| ?h ?)([0-5]\d)(?![\d:])(?: ?h\b| बजे)?",
        "range": rf"(?<![\w.,])({number}) ?[-\N{{EN DASH}}] ?(?={number}(?![\w-]))",
        "money_before": rf"{minus}(?<![\w.,])(?P<sign>{sign}){SPACE}?{amount}",
        "money_behind": rf"{minus}(?<![\w.,]){amount}{SPACE}?(?P<sign>{sign})(?!\w)",
        "percent": rf"{minus}(?<![\w.,]){amount}{SPACE}?%",
        "unit": rf"{minus}(?<![\w.,]){amount}{SPACE}?(?P<unit>{unit})(?!\w)",
        "minus": rf"(?<![\w.])[-\N{{EN DASH}}](?={number})",
        "apart": r"(?<=[^\W\d])-?(?=\d)|(?<=\d)-?(?=[^\W\d])",
        "number": number,
        "plus": r" ?\+ ?",
        "equals": r" = ",
        "and": r" ?& ?",
        "at": r" ?@ ?",
        "percent_sign": r" ?% ?",
        "currency_sign": rf"(?:{sign})",
        "silent": r"[*_|`™®•·]+",
    }
    return {name: form for name, form in forms.items() if w.ordinals or name != "ordinal"}


@functools.cache
def _rules(language: str) -> tuple[Callable[[str], str], ...]:
    """The language's rules, in the order of `forms_of`."""
    w = WORDINGS[language]
    forms = {name: re.compile(form) for name, form in forms_of(language).items()}

    def said(written: str) -> str:
        whole, mark, decimals = re.sub(w.group, "", written).partition(w.decimal)
        words = whole_number(whole, w)
        return f"{words} {w.point} {_decimals(decimals, w)}" if mark else words

    def one(written: str) -> bool:
        return written == "1"

    def money(m: re.Match[str]) -> str:
        amount, name = m["amount"], w.currencies[m["sign"]]
        whole, mark, cents = re.sub(w.group, "", amount).partition(w.decimal)
        lead = f"{w.minus} " if m["minus"] else ""
        many_of = f"{w.of} " if MILLIONS.search(whole_number(whole, w)) else ""
        many = name[0] if one(whole) else name[1]
        if mark and len(cents) == 2 and int(cents):
            return f"{lead}{whole_number(whole, w)} {many} {w.conjunction} {whole_number(str(int(cents)), w)}"
        return f"{lead}{whole_number(whole, w) if mark and not cents.strip('0') else said(amount)} {many_of}{many}"

    def units(m: re.Match[str]) -> str:
        name = w.units[m["unit"].replace(" ", "")]
        words = said(m["amount"])
        of = f"{w.of} " if MILLIONS.search(words) else ""
        return f"{w.minus + ' ' if m['minus'] else ''}{words} {of}{name[0] if one(m['amount']) else name[1]}"

    def fraction(m: re.Match[str]) -> str:
        return w.half if m[0] == "1/2" else f"{whole_number(m[1], w)} {w.over} {whole_number(m[2], w)}"

    def clock(m: re.Match[str]) -> str:
        if w is HINDI:
            return f"{int(m[1])} {w.hours} {int(m[2])} मिनट" if int(m[2]) else f"{int(m[1])} बजे"
        minutes = "" if m[2] in ("00", "") else f" {whole_number(str(int(m[2])), w)}"
        hours = w.hours if w.numbers == "fr" else ""
        hours = "heure" if hours and int(m[1]) == 1 else hours
        joined = f" {w.conjunction}" if minutes and w.numbers != "fr" else ""
        return f"{whole_number(str(int(m[1])), w)}{' ' + hours if hours else ''}{joined}{minutes}"

    def place(m: re.Match[str]) -> str:
        gender = w.ordinals[m[2]]
        words = w.first[gender] if m[1] == "1" else num2words(int(m[1]), lang=w.numbers, to="ordinal").replace("-", " ")
        return re.sub(r"o\b", "a", words) if gender == "f" and m[1] != "1" and w.numbers != "fr" else words

    def address(m: re.Match[str]) -> str:
        plain = re.sub(r"^https?://", "", m[0])
        for c, word in (("@", w.at), (".", w.dot), ("/", w.slash)):
            plain = plain.replace(c, f" {word} ")
        return plain.strip()

    def abbreviation(m: re.Match[str]) -> str:
        ends = m[1].endswith(".") and re.match(r"\s*$", m.string[m.end() :])
        return w.abbreviations[m[1]] + ("." if ends else "")

    words: dict[str, Callable[[re.Match[str]], str]] = {
        "url": address,
        "abbreviation": abbreviation,
        "ordinal": place,
        "date": lambda m: f"{int(m[1])} {int(m[3])} {m[4]}",
        "dotted": lambda m: m[0].replace(".", f" {w.dot} "),
        "decimal_point": lambda m: f"{m[1]}{w.decimal}{m[2]}",
        "fraction": fraction,
        "clock": clock,
        "range": lambda m: f"{said(m[1])} {w.to} ",
        "money_before": money,
        "money_behind": money,
        "percent": lambda m: f"{w.minus + ' ' if m['minus'] else ''}{said(m['amount'])} {w.percent}",
        "unit": units,
        "minus": lambda m: f"{w.minus} ",
        "apart": lambda m: " ",
        "number": lambda m: said(m[0]),
        "plus": lambda m: f" {w.plus} ",
        "equals": lambda m: f" {w.equals} ",
        "and": lambda m: f" {w.conjunction} ",
        "at": lambda m: f" {w.at} ",
        "percent_sign": lambda m: f" {w.percent} ",
        "currency_sign": lambda m: f" {w.currencies[m[0]][0]} ",
        "silent": lambda m: " ",
    }
    rules = [functools.partial(forms[name].sub, said_as) for name, said_as in words.items() if name in forms]
    if w.numbers == "es":
        rules.append(functools.partial(APOCOPE.sub, _apocope))
    return tuple(rules)


def _apocope(m: re.Match[str]) -> str:
    """Spanish counts "veintiún años" and "veintiuna casas"."""
    if re.search(r"as?$", m[2]):
        return f"{m[1]}una "
    return f"{m[1]}ún " if m[1] == "veinti" else f"{m[1]}un "


def _decimals(digits: str, wording: Wording) -> str:
    """Two decimals without a zero are said as a number, others digit by digit: "tres coma catorce"."""
    pair = len(digits) == 2 and digits[0] != "0" and wording.numbers
    return whole_number(digits, wording) if pair else " ".join(whole_number(d, wording) for d in digits)
