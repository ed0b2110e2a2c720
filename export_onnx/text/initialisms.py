"""English initialisms, letter by letter: "U.S.A." -> "U S A", "FBI" -> "F B I"; initials of names lose their dots."""

from __future__ import annotations

import re
from typing import Final

from export_onnx.text.sentence_end import ends_sentence

# Capitals with a vowel that are spelled all the same; without a vowel they always are.
_SPELLED: Final = """AI API ATM BBQ CEO CFO CIA CIO COO CTO DIY DNA DOB EU ETA EUR FAQ FBI FYI GPU CPU NPU GUI HIV
    IBM IBS ID IOU IP IPA IPO IQ ISO ISP IRS MBA MIT NBA NGO NYC OK OS PHD QA RNA ROI SEO SUV TSA TV UAE UFO UI UK UN
    URL UPS US USA USB USD USSR UV UX VIP AC AM BC AD AKA ABC AAA AWS ADHD BMI CPA EKG EMT ER EV GPA HTML XML IDE
    IOT LED OEM OCR RPM TTS UCLA USC VPN EDT EST UTC"""
SPELLED: Final = frozenset(_SPELLED.split())
DOTTED: Final = re.compile(r"(?<![\w.])((?:[A-Za-z]\.){2,})(s\b)?(?!\w)")
PHD: Final = re.compile(r"\bPh\.? ?D\b(\.)?(s\b)?")
INITIAL: Final = re.compile(r"(?<![A-Z] )(?<![\w.'’])([A-Z])\.(?=\s?[A-Z])")
CAPITALS: Final = re.compile(r"(?<![\w.'’])([A-Z]{2,6})(s|['’]s)?(?:(?=\d)|(?![\w'’]))")
VOWEL: Final = re.compile("[AEIOUY]")
AND: Final = re.compile(r"\b([A-Z]{1,3})&([A-Z]{1,3})\b")  # AT&T, Q&A
FORMULA: Final = re.compile(r"\b([CNS])O(?=\d)")  # CO2 is no word
WARS: Final = re.compile(r"\bWW(II|I)\b")


def initialisms(text: str, british: bool) -> str:
    """Replaces dotted letters and spelled capitals by letters with spaces between."""
    text = WARS.sub(lambda m: f"World War {'two' if m[1] == 'II' else 'one'}", text)
    text = FORMULA.sub(r"\1 O", text)
    text = AND.sub(lambda m: f"{' '.join(m[1])} and {' '.join(m[2])}", text)
    text = PHD.sub(lambda m: "P H D" + _behind(m, bool(m[1])), text)
    text = DOTTED.sub(lambda m: " ".join(m[1].replace(".", "").upper()) + _behind(m, True), text)
    text = INITIAL.sub(_initial, text)
    return CAPITALS.sub(_capitals, text)


def _behind(m: re.Match[str], dotted: bool) -> str:
    """The ending of a plural, or the full stop where a sentence ends."""
    if m[2]:
        return "'s"
    return "." if dotted and ends_sentence(m.string[m.end() :]) else ""


def _initial(m: re.Match[str]) -> str:
    """ "J. Smith" loses the dot; "vitamin A. The next" keeps it."""
    return (
        f"{m[1]}."
        if ends_sentence(m.string[m.end() :]) and m[1] != "I"
        else f"{m[1]} "[: 2 - m.string[m.end()].isspace()]
    )


def _capitals(m: re.Match[str]) -> str:
    letters, ending = m[1], m[2] or ""
    spelled = letters in SPELLED or (not VOWEL.search(letters) and letters not in ROMAN)
    if not spelled or (not ending and len(letters) == 2 and letters == "US" and _shouted(m)):
        return m[0]
    return " ".join(letters) + (ending if "'" in ending or "’" in ending else f"'{ending}" if ending else "")


def _shouted(m: re.Match[str]) -> bool:
    """Whether the words beside it are capitals too, so that the word may be any."""
    around = m.string[max(0, m.start() - 12) : m.end() + 12].replace(m[0], " ")
    return not re.search("[a-z]", around) and len(re.findall("[A-Z]{2,}", around)) > 0


ROMAN: Final = frozenset(["XX", "XXX", "CC", "CCC", "MM", "MMM"])
