"""English words of e-mail addresses, URLs, host and file names: "info@example.com" -> "info at example dot com"."""

from __future__ import annotations

import re
from typing import Final

# Without a scheme or "www.": the last labels of hosts that are no English words ("done.it" is a missing space).
_ENDINGS: Final = """com org net edu gov mil info biz io ai dev app co uk de fr es jp br eu ca au nz ch nl se pl ru cn
    kr tv xyz"""
ENDINGS: Final = _ENDINGS.split()
_FILES: Final = """js py ts txt pdf exe html htm zip csv json md png jpg jpeg gif mp3 mp4 wav doc docx xls
    xlsx tar gz ppt cpp hpp onnx xml yaml yml toml apk aar"""
FILES: Final = _FILES.split()
AS_WORDS: Final = ("com", "org", "net", "info", "biz", "app", "dev", "edu", "gov", "zip", "exe", "toml")
MOST_SPELLED: Final = 4  # letters of a last label that is spelled
SIGNS: Final = {
    "@": "at", ".": "dot", "/": "slash", "-": "dash", "_": "underscore", ":": "colon", "?": "question mark",
    "=": "equals", "&": "and", "#": "hash", "%": "percent", "~": "tilde", "+": "plus",
}  # fmt: skip
TAIL: Final = r"(?:[/?#][\w\-./?=&#%~+:@]*[\w/=])?"
HOST: Final = r"(?:[\w-]+\.)+[a-zA-Z]{2,}"
EMAIL: Final = r"[\w.+-]*[\w+]@[\w-]+(?:\.[\w-]+)+"
URL: Final = rf"(?:https?|ftp)://(?:[\w.-]+@)?[\w-]+(?:\.[\w-]+)*(?::\d+)?{TAIL}"
BARE: Final = rf"(?:www\.{HOST}|(?:[a-zA-Z0-9][\w-]*\.)+(?:{'|'.join(ENDINGS)}))(?::\d+)?{TAIL}(?![\w@])"
FILE: Final = rf"[A-Za-z_][\w-]*(?:\.[\w-]+)*\.(?:{'|'.join(FILES)})(?![\w])"
ADDRESS: Final = re.compile(rf"(?<![\w@/.])(?:mailto:)?(?:({EMAIL})|({URL})|({BARE})|({FILE}))")
PIECE: Final = re.compile(r"[A-Za-z]+|\d+|[^\w\s]|_|\w+")


def web_addresses(text: str, british: bool) -> str:
    """Replaces addresses; the scheme ("https://") is silent, every other character is said."""
    return ADDRESS.sub(lambda m: address_words(m[1] or m[2] or m[3] or m[4]), text)


def address_words(address: str) -> str:
    """The words of one address or file name."""
    plain = re.sub(r"^\w+://", "", address).rstrip("/")
    said = []
    for piece in PIECE.finditer(plain):
        last = plain[piece.start() - 1 : piece.start()] == "." and plain[piece.end() : piece.end() + 1] != "."
        said.append(SIGNS.get(piece[0]) or _part(piece[0], last))
    return " ".join(said)


def _part(part: str, ending: bool) -> str:
    """A word of the address; "www", short endings and capitals without vowels are spelled."""
    if part.isdecimal():
        return " ".join(part) if len(part) > 2 or part[0] == "0" else part
    short = ending and len(part) <= MOST_SPELLED and part.lower() not in AS_WORDS and part.lower() in _SPELLED
    if part.lower() == "www" or short:
        return " ".join(part.upper())
    return part


_SPELLED: Final = frozenset((*ENDINGS, *FILES, "it", "in", "at", "be", "us", "no"))
