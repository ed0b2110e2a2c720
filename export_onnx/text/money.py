"""English money: "$5.99" -> "five dollars and ninety nine cents", "$1.5M" -> "one point five million dollars"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from export_onnx.text.english_numbers import MOST_DIGITS, NUMBER, cardinal, is_one, number_words


@dataclass(frozen=True)
class Currency:
    """The names of a currency and of its hundredth; without a hundredth, decimals are read as they stand."""

    one: str
    many: str
    cent: str = ""
    cents: str = ""


DOLLAR: Final = Currency("dollar", "dollars", "cent", "cents")
EURO: Final = Currency("euro", "euros", "cent", "cents")
POUND: Final = Currency("pound", "pounds", "penny", "pence")
CURRENCIES: Final = {
    "$": DOLLAR, "US$": Currency("U S dollar", "U S dollars", "cent", "cents"), "USD": DOLLAR,
    "€": EURO, "EUR": EURO, "£": POUND, "GBP": POUND,
    "¥": Currency("yen", "yen"), "JPY": Currency("yen", "yen"),
    "CNY": Currency("yuan", "yuan"),
    "₹": Currency("rupee", "rupees", "paisa", "paise"), "INR": Currency("rupee", "rupees", "paisa", "paise"),
    "₽": Currency("ruble", "rubles", "kopeck", "kopecks"), "RUB": Currency("ruble", "rubles", "kopeck", "kopecks"),
    "₩": Currency("won", "won"), "₿": Currency("bitcoin", "bitcoins"),
    "CHF": Currency("Swiss franc", "Swiss francs", "centime", "centimes"),
    "₺": Currency("lira", "lira"), "₴": Currency("hryvnia", "hryvnias"), "₪": Currency("shekel", "shekels"),
    "R$": Currency("real", "reais", "centavo", "centavos"),
    "C$": Currency("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "A$": Currency("Australian dollar", "Australian dollars", "cent", "cents"),
}  # fmt: skip
SCALES: Final = {
    "k": "thousand", "K": "thousand", "m": "million", "M": "million", "mn": "million", "B": "billion", "b": "billion",
    "bn": "billion", "T": "trillion", "tn": "trillion",
}  # fmt: skip
SIGN: Final = "|".join(sorted(map(re.escape, CURRENCIES), key=len, reverse=True))
AMOUNT: Final = rf"(?P<amount>\d+,\d\d(?!\d|,\d)|{NUMBER})"
_SHORT: Final = "|".join(sorted(SCALES, key=len, reverse=True))
_LONG: Final = "hundred|thousand|million|billion|trillion"
SCALE: Final = rf"(?:[ ]?(?P<scale>{_SHORT})\b|[ ](?P<word>{_LONG})\b)?"
MINUS: Final = r"(?P<minus>(?<![\w)])[-\N{EN DASH}])?"
PER: Final = "(?P<per>/(?=[a-z]))?"
TO: Final = r"(?P<to>[ ]?[-\N{EN DASH}][ ]?)"
BEFORE: Final = re.compile(
    rf"{MINUS}(?<![A-Za-z$])(?P<sign>{SIGN})[ ]?(?P<inner>-)?{AMOUNT}{SCALE}"
    rf"(?:{TO}(?:{SIGN})?(?P<last>{NUMBER}))?{PER}"
)
BEHIND: Final = re.compile(rf"{MINUS}(?<![\w.,]){AMOUNT}{SCALE}[ ]?(?P<sign>{SIGN})(?!\w){PER}")
CENTS: Final = re.compile(rf"(?<![\w.,])(\d{{1,{MOST_DIGITS}}})[ ]?¢")
ALONE: Final = re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(s) for s in CURRENCIES if not s.isalnum())})+")


def money(text: str, british: bool) -> str:
    """Replaces amounts of money; a sign without an amount is said by its name."""
    text = BEFORE.sub(lambda m: _spoken(m, british), text)
    text = BEHIND.sub(lambda m: _spoken(m, british), text)
    text = CENTS.sub(lambda m: f"{cardinal(int(m[1]), british)} cent{'' if m[1] == '1' else 's'}", text)
    return ALONE.sub(_name_of_sign, text)


def _name_of_sign(m: re.Match[str]) -> str:
    """A lone sign: "the $ fell" -> "the dollar fell"; the same sign several times is a mark of price, said once."""
    sign = m[0] if m[0] in CURRENCIES else m[0][0]
    return CURRENCIES[sign].one if sign in CURRENCIES else m[0]


def _spoken(m: re.Match[str], british: bool) -> str:
    parts = m.groupdict()
    currency, amount = CURRENCIES[m["sign"]], m["amount"]
    if re.fullmatch(r"\d+,\d\d", amount):
        amount = amount.replace(",", ".")
    minus = "minus " if m["minus"] or parts.get("inner") else ""
    per = " per " if m["per"] else ""
    scale = m["word"] or SCALES.get(m["scale"] or "", "")
    if last := parts.get("last"):
        scaled = f" {scale}" if scale else ""
        return f"{minus}{number_words(amount, british)}{scaled} to {number_words(last, british)} {currency.many}{per}"
    if scale:
        return f"{minus}{number_words(amount, british)} {scale} {currency.many}{per}"
    whole, _, decimals = amount.replace(",", "").partition(".")
    if len(decimals) != 2 or not currency.cent:
        name = currency.one if is_one(amount) else currency.many
        return f"{minus}{number_words(amount, british)} {name}{per}"
    said = []
    if whole.strip("0") or not int(decimals):
        said.append(f"{number_words(whole, british)} {currency.one if whole == '1' else currency.many}")
    if cents := int(decimals):
        said.append(f"{cardinal(cents, british)} {currency.cent if cents == 1 else currency.cents}")
    return minus + " and ".join(said) + per
