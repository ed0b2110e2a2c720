"""English abbreviations become their words, without a pause inside or behind, unless a sentence ends there."""

from __future__ import annotations

import re
from typing import Final

from export_onnx.text.sentence_end import ends_sentence

# Before a name or a number; their dot never ends a sentence.
TITLES: Final = {
    "Dr": "Doctor", "Mr": "Mister", "Mrs": "Missis", "Ms": "Miz", "Prof": "Professor", "Gen": "General",
    "Col": "Colonel",
    "Maj": "Major", "Capt": "Captain", "Cpt": "Captain", "Lt": "Lieutenant", "Sgt": "Sergeant", "Cpl": "Corporal",
    "Pvt": "Private", "Adm": "Admiral", "Cmdr": "Commander", "Rev": "Reverend", "Hon": "Honorable",
    "Pres": "President",
    "Gov": "Governor", "Sen": "Senator", "Rep": "Representative", "Supt": "Superintendent", "Insp": "Inspector",
    "Det": "Detective", "Fr": "Father", "Mt": "Mount", "Ft": "Fort", "Messrs": "Messers", "Mme": "Madame",
}  # fmt: skip
BEFORE_DIGITS: Final = {
    "no": "number", "nos": "numbers", "nr": "number", "fig": "figure", "figs": "figures", "p": "page", "pp": "pages",
    "vol": "volume", "vols": "volumes", "ch": "chapter", "chs": "chapters", "sec": "section", "sect": "section",
    "art": "article", "eq": "equation", "ca": "circa", "c": "circa", "approx": "approximately", "pt": "part",
    "ver": "version",
}  # fmt: skip
ANYWHERE: Final = {
    "e.g.": "for example", "eg.": "for example", "i.e.": "that is", "vs.": "versus", "vs": "versus", "v.": "versus",
    "cf.": "compare", "viz.": "namely", "approx.": "approximately", "a.k.a.": "A K A", "w/o": "without", "w/": "with",
    "and/or": "and or", "et al.": "et al", "P.S.": "P S", "incl.": "including", "excl.": "excluding",
}  # fmt: skip
# These may end a sentence.
MAY_END: Final = {
    "etc": "et cetera", "Jr": "Junior", "Sr": "Senior", "Esq": "Esquire", "Inc": "Incorporated", "Ltd": "Limited",
    "Co": "Company", "Corp": "Corporation", "Bros": "Brothers", "Ave": "Avenue", "Blvd": "Boulevard", "Rd": "Road",
    "Ln": "Lane", "Hwy": "Highway", "Sq": "Square", "Pl": "Place", "dept": "department", "Dept": "Department",
    "govt": "government", "Govt": "Government", "est": "established", "max": "maximum",
    "Jan": "January", "Feb": "February", "Mar": "March", "Apr": "April", "Jun": "June", "Jul": "July", "Aug": "August",
    "Sep": "September", "Sept": "September", "Oct": "October", "Nov": "November", "Dec": "December", "Mon": "Monday",
    "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday", "Thurs": "Thursday", "Fri": "Friday",
    "Sat": "Saturday", "Sun": "Sunday", "Assn": "Association", "Univ": "University", "intl": "international",
    "Intl": "International", "misc": "miscellaneous", "apt": "apartment",
    "Apt": "Apartment", "asst": "assistant", "Asst": "Assistant", "bldg": "building", "Bldg": "Building",
    "tel": "telephone",
    "Tel": "Telephone", "ext": "extension", "Ext": "Extension",
}  # fmt: skip
PLACES: Final = {"St": "Street", "Dr": "Drive"}  # behind the name of a street

_TITLE: Final = re.compile(rf"(?<![\w.])({'|'.join(TITLES)})\.(?=\s+\S|\s*$)")
_TITLE_BARE: Final = re.compile(r"(?<![\w.])(Dr|Mr|Mrs|Ms)(?=\s+[A-Z])")  # British English leaves out the dot
_DIGITS: Final = re.compile(rf"(?<![\w.])({'|'.join(BEFORE_DIGITS)})\.\s*(?=\d)", re.IGNORECASE)
_ANYWHERE: Final = re.compile(
    rf"(?<![\w.])({'|'.join(re.escape(a) for a in sorted(ANYWHERE, key=len, reverse=True))})(?![\w.])"
)
_MAY_END: Final = re.compile(rf"(?<![\w.])({'|'.join(sorted(MAY_END, key=len, reverse=True))})\.(?!\w)")
_NAMED_STREET: Final = re.compile(r"(\b(?:\d+(?:st|nd|rd|th)?|[A-Z][\w']*)\s+)(St|Dr)\.(?=\s+(\w+)|\W*$|[,;:])")
_SAINT: Final = re.compile(r"(?<![\w.])St\.?(?=\s+[A-Z])")


def abbreviations(text: str, british: bool) -> str:
    """Replaces abbreviations. St. and Dr. behind the name of a street are Street and Drive, else Saint and Doctor."""
    text = _DIGITS.sub(_before_digits, text)
    text = _NAMED_STREET.sub(_street, text)
    text = _SAINT.sub("Saint", text)
    text = _TITLE.sub(lambda m: TITLES[m[1]], text)
    text = _TITLE_BARE.sub(lambda m: TITLES[m[1]], text)
    text = _ANYWHERE.sub(lambda m: ANYWHERE[m[1]], text)
    return _MAY_END.sub(_may_end, text)


def _before_digits(m: re.Match[str]) -> str:
    word = BEFORE_DIGITS.get(m[1].lower())
    if word is None:  # the dotless i, which `re` takes for an i in another case
        return m[0]
    return (word.capitalize() if m[1][0].isupper() else word) + " "


def _street(m: re.Match[str]) -> str:
    """The street's word behind its name; before a name, as in "St. John" and "Dr. Smith", it stays."""
    following, rest = m[3], m.string[m.end() :]
    ends = ends_sentence(rest)
    if following and following[0].isupper() and not ends:
        return m[0]
    return m[1] + PLACES[m[2]] + ("." if ends else "")


def _may_end(m: re.Match[str]) -> str:
    rest = m.string[m.end() :]
    if m[1] in ("Sun", "Sat") and ends_sentence(rest):
        return m[0]  # the sun, and who sat
    capital = re.match(r"\s+[\"“]?[A-Z]", rest) and m[1] == "etc"
    return MAY_END[m[1]] + ("." if ends_sentence(rest) or capital else "")
