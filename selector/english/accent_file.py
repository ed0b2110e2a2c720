"""One English accent as one file: misaki's two dictionaries, and the model of words that they do not hold.

    "KNENGL01", then per section its first byte and its size (u32 each, little-endian)
    symbols    the phonemes' code points, u32; elsewhere a phoneme is one byte, from 1 on
    gold, silver   the number of blocks and where each begins (u32), then blocks of 16 words in order of their bytes:
               shared letters with the word before, further letters (a byte each, then the letters), value (size, bytes)
    units      per unit its letter, the number of its phonemes, the phonemes; units are numbered from 1 on
    n-grams    per order: how many (u32), 1 for the last order, last units (u16), costs (u8); but for the last order the
               costs of falling back (u8), and where the longer n-grams of each begin (u32), and the end

A value is phonemes; where a word has several pronunciations, each follows a byte 64 + the number of its class.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from selector.english.letter_alignment import Unit
from selector.english.letter_ngrams import Context, Ngrams

MAGIC: Final = b"KNENGL01"
BLOCK: Final = 16  # words
CLASS_MARK: Final = 64
# The names that misaki's dictionaries use, in the order of WordClass in english_data.hpp.
CLASSES: Final = ("DEFAULT", "NOUN", "VERB", "ADJ", "ADV", "None", "VBD", "VBN", "VBP", "DT")
Dictionary = Mapping[str, str | Mapping[str, str | None]]


def accent_bytes(gold: Dictionary, silver: Dictionary, units: Sequence[Unit], ngrams: Ngrams) -> bytes:
    """The file's bytes.

    Args:
        gold, silver: words -> phonemes, or classes -> phonemes; None is a word that is spelled.
        units: the units that the n-grams number from 1 on.
    """
    entries = [*gold.values(), *silver.values()]
    texts = [text or "" for entry in entries for text in ([entry] if isinstance(entry, str) else entry.values())]
    texts += ["".join(said) for _, said in units]
    symbols = sorted({c for text in texts for c in text})
    number = {c: bytes([i]) for i, c in enumerate(symbols, 1)}
    sections = (
        struct.pack(f"<{len(symbols)}I", *map(ord, symbols)),
        _words(gold, number),
        _words(silver, number),
        b"".join(_unit(unit, number) for unit in units),
        _ngrams(ngrams),
    )
    at, head, body = len(MAGIC) + 8 * len(sections), MAGIC, b""
    for section in sections:
        head += struct.pack("<2I", at + len(body), len(section))
        body += section
    return head + body


def _said(phonemes: str | None, number: Mapping[str, bytes]) -> bytes:
    return b"".join(number[c] for c in phonemes or "")


def _unit(unit: Unit, number: Mapping[str, bytes]) -> bytes:
    said = _said("".join(unit[1]), number)
    return unit[0].encode("ascii") + bytes([len(said)]) + said


def _words(dictionary: Dictionary, number: Mapping[str, bytes]) -> bytes:
    blocks, starts, before = bytearray(), [], b""
    for place, (word, entry) in enumerate(sorted((word.encode(), entry) for word, entry in dictionary.items())):
        if place % BLOCK == 0:
            starts.append(len(blocks))
            before = b""
        shared = next(
            (i for i, (a, b) in enumerate(zip(word, before, strict=False)) if a != b), min(len(word), len(before))
        )
        if isinstance(entry, str):
            value = _said(entry, number)
        else:
            kinds = sorted((CLASSES.index(kind), said) for kind, said in entry.items())
            value = b"".join(bytes([CLASS_MARK + kind]) + _said(said, number) for kind, said in kinds)
        rest = word[shared:]
        blocks += bytes([shared, len(rest)]) + rest + bytes([len(value)]) + value
        before = word
    return struct.pack(f"<{len(starts) + 1}I", len(starts), *starts) + bytes(blocks)


def _ngrams(ngrams: Ngrams) -> bytes:
    out = b""
    for n, level in enumerate(ngrams.orders):
        grams, last = sorted(level), n == len(ngrams.orders) - 1
        out += struct.pack("<IB", len(grams), last)
        out += struct.pack(f"<{len(grams)}H", *(gram[-1] for gram in grams))
        out += bytes(level[gram][0] for gram in grams)
        if not last:
            out += bytes(level[gram][1] for gram in grams)
            out += struct.pack(f"<{len(grams) + 1}I", *_children(grams, sorted(ngrams.orders[n + 1])))
    return out


def _children(grams: Sequence[Context], longer: Sequence[Context]) -> list[int]:
    """Where the longer n-grams of each begin; every longer one has its context among `grams`."""
    starts, at = [], 0
    for gram in grams:
        starts.append(at)
        while at < len(longer) and longer[at][:-1] == gram:
            at += 1
    return [*starts, at]
