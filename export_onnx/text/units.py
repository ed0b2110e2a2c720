"""English units behind a number: "5 km" -> "five kilometers", "20°C" -> "twenty degrees Celsius"."""

from __future__ import annotations

import re
from typing import Final

from export_onnx.text.english_numbers import NUMBER, is_one, number_words
from export_onnx.text.sentence_end import ends_sentence

# Symbol -> singular; the plural adds an s, unless it is in PLURALS.
UNITS: Final = {
    "km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "µm": "micrometer", "μm": "micrometer",
    "nm": "nanometer", "mi": "mile", "ft": "foot", "yd": "yard", "yds": "yard", "kg": "kilogram", "g": "gram",
    "mg": "milligram", "µg": "microgram", "μg": "microgram", "lb": "pound", "lbs": "pound", "oz": "ounce",
    "l": "liter", "L": "liter", "ml": "milliliter", "mL": "milliliter", "cl": "centiliter", "gal": "gallon",
    "s": "second", "ms": "millisecond", "sec": "second", "secs": "second", "min": "minute", "mins": "minute",
    "h": "hour", "hr": "hour", "hrs": "hour", "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz",
    "GHz": "gigahertz", "B": "byte", "KB": "kilobyte", "kB": "kilobyte", "MB": "megabyte", "GB": "gigabyte",
    "TB": "terabyte", "kbps": "kilobit per second", "Mbps": "megabit per second", "Gbps": "gigabit per second",
    "W": "watt", "kW": "kilowatt", "MW": "megawatt", "GW": "gigawatt", "kWh": "kilowatt hour", "V": "volt",
    "mV": "millivolt", "kV": "kilovolt", "A": "amp", "mA": "milliamp", "mAh": "milliamp hour", "J": "joule",
    "kJ": "kilojoule", "kcal": "kilocalorie", "cal": "calorie", "Pa": "pascal", "kPa": "kilopascal",
    "hPa": "hectopascal", "N": "newton", "K": "kelvin", "dB": "decibel", "px": "pixel", "ha": "hectare",
    "mph": "mile per hour", "kph": "kilometer per hour", "km/h": "kilometer per hour", "kmh": "kilometer per hour",
    "m/s": "meter per second", "rpm": "revolution per minute", "fps": "frame per second", "mpg": "mile per gallon",
    "sq ft": "square foot", "ppm": "part per million", "bpm": "beat per minute",
}  # fmt: skip
PLURALS: Final = {"foot": "feet", "square foot": "square feet", "hertz": "hertz", "kilohertz": "kilohertz",
    "megahertz": "megahertz", "gigahertz": "gigahertz", "kelvin": "kelvin"}  # fmt: skip
SPACED_ONLY: Final = frozenset(["B", "A", "K", "N"])  # "5 K" is kelvin only in "300 K"; "5K", "4B" are names
POWERS: Final = {"²": "square ", "2": "square ", "³": "cubic ", "3": "cubic "}
DEGREES: Final = {"C": "Celsius", "F": "Fahrenheit"}
SYMBOL: Final = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
SIGN: Final = r"(?P<minus>(?<![\w)])[-\N{EN DASH}])?"
# What begins a range stays as digits, for the rule of ranges: "5-10 km".
AMOUNT: Final = rf"(?P<amount>{NUMBER})"
PERCENT: Final = re.compile(rf"{SIGN}(?<![\w.,]){AMOUNT}[ ]?(?P<sign>%|‰)")
DEGREE: Final = re.compile(rf"{SIGN}(?<![\w.,]){AMOUNT}[ ]?(?:°[ ]?(?P<scale>[CF])\b|℃|℉|°)")
FEET: Final = re.compile(r"(?<![\w.,])(\d+)['′][ ]?(?:(\d+)(?:\"|″|''))")
UNIT: Final = re.compile(
    rf"{SIGN}(?<![\w.,])(?<![A-Za-z]-){AMOUNT}(?P<gap>[ ]|-(?=\w+\b))?(?P<unit>{SYMBOL})(?P<power>[²³23](?!\d))?"
    rf"(?P<per>/(?:{SYMBOL})(?!\w))?(?P<dot>\.(?!\w))?(?![\w²³'’]|\.\w)"
)
INCH: Final = re.compile(r"(?<![\w.,/])(\d+(?: \d+/\d+|/\d+|\.\d+)?)[\"″](?=\s+([a-z])|\W|$)")
BY: Final = re.compile(rf"(?<![\w.,])({NUMBER}) ?[xX×] ?(?={NUMBER} ?(?:{SYMBOL})(?!\w))")
FEET_IN: Final = re.compile(r"(?<![\w.,])(\d+) ?ft\.? (\d+) ?in\b\.?")
PER_UNIT: Final = re.compile(rf"(?<= per )(?:{SYMBOL})(?!\w)")
PER: Final = re.compile(r"(?<=[a-z])/(?=(?:second|minute|hour|day|week|month|year|person|kilogram)\b)")
_WITH_DOT: Final = "lb lbs oz ft yd mi gal min mins sec secs hr hrs"
WITH_DOT: Final = frozenset(_WITH_DOT.split())


def units(text: str, british: bool) -> str:
    """Replaces numbers with their units. A full stop stays behind "lb." only where a sentence ends."""
    text = PERCENT.sub(lambda m: f"{_number(m, british)} {'percent' if m['sign'] == '%' else 'per mille'}", text)
    text = DEGREE.sub(lambda m: _degrees(m, british), text)
    text = BY.sub(r"\1 by ", text)
    text = FEET_IN.sub(lambda m: f"{m[1]} feet {m[2]} {'inch' if m[2] == '1' else 'inches'}", text)
    text = FEET.sub(lambda m: f"{number_words(m[1])} foot {number_words(m[2])}", text)
    text = INCH.sub(_inches, text)
    text = UNIT.sub(lambda m: _unit(m, british), text)
    return PER_UNIT.sub(lambda m: UNITS[m[0]], PER.sub(" per ", text))


def _number(m: re.Match[str], british: bool) -> str:
    before = m.string[: m.start()]
    ranged = re.search(r"\d ?[-\N{EN DASH}] ?$", before)
    words = m["amount"] if ranged else number_words(m["amount"], british)
    return ("minus " if m["minus"] else "") + words


def _degrees(m: re.Match[str], british: bool) -> str:
    name = DEGREES.get(m["scale"] or {"℃": "C", "℉": "F"}.get(m[0][-1], ""), "")
    words = f"{_number(m, british)} degree{'' if is_one(m['amount']) or _counts_a_noun(m) else 's'}"
    return f"{words} {name}".rstrip()


def _counts_a_noun(m: re.Match[str]) -> bool:
    """Whether it stands between an article and a noun: "a 45° angle"."""
    return bool(re.search(r"\b[aA]n? $", m.string[: m.start()]) and re.match(r" [a-z]", m.string[m.end() :]))


def _inches(m: re.Match[str]) -> str:
    """A quote behind a number is inches where no quote is open."""
    if m[0][-1] == '"' and len(re.findall(r'(?<!\d)"', m.string[: m.start()])) % 2:
        return m[0]
    return f"{m[1]} {'inch' if m[2] or m[1] == '1' else 'inches'}"


def _plural(unit: str) -> str:
    first, per, rest = unit.partition(" per ")
    return PLURALS.get(first, first + "s") + per + rest


def _unit(m: re.Match[str], british: bool) -> str:
    symbol, gap = m["unit"], m["gap"]
    if (symbol in SPACED_ONLY and gap != " ") or (m["dot"] and symbol not in WITH_DOT and len(symbol) == 1 and not gap):
        return m[0]
    name = POWERS.get(m["power"] or "", "") + UNITS[symbol]
    singular = is_one(m["amount"]) or gap == "-" or _counts_a_noun(m)
    words = f"{_number(m, british)} {name if singular else _plural(name)}"
    if m["per"]:
        words += f" per {UNITS[m['per'][1:]]}"
    stop = m["dot"] and (symbol not in WITH_DOT or ends_sentence(m.string[m.end() :]))
    return words + ("." if stop else "")
