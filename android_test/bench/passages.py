"""What is spoken: six English passages from a sentence fragment to the longest that Kokoro takes in one piece, and
for each bucket the longest beginning of the last passage whose sound fits it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from export_onnx.buckets import Bucket
from export_onnx.errors import ContractError

LANGUAGE: Final = "en-us"


@dataclass(frozen=True)
class Passage:
    """One text.

    Attributes:
        name: its rough size in tokens, or the bucket that it fills.
        bucket: set where it is made for one bucket and runs without the selector.
    """

    name: str
    text: str
    bucket: str = ""


def read_passages() -> tuple[Passage, ...]:
    """The passages of `passages.txt`, shortest first."""
    text = files("android_test.bench").joinpath("passages.txt").read_text(encoding="utf-8")
    found = re.findall(r"^# (\d+)\n(.+)$", text, re.MULTILINE)
    return tuple(Passage(name, words.strip()) for name, words in found)


def fill(bucket: Bucket, text: str, frames_of: Callable[[str], int]) -> Passage:
    """The longest beginning of `text`, in whole words, whose sound is at most the bucket's frames.

    Args:
        frames_of: text -> frames; what is longer has at least as many, by and large.

    Raises:
        ContractError: not even the first word fits.
    """
    words = text.split()
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if frames_of(" ".join(words[:middle])) <= bucket.frames else (low, middle - 1)
    if low == 0:
        raise ContractError(
            f"bucket {bucket.name}",
            expected=f"a word of at most {bucket.frames} frames",
            got=repr(words[:1]),
            todo="These weights speak too slowly for this bucket; leave it out.",
        )
    return Passage(f"full-{bucket.name}", " ".join(words[:low]), bucket.name)
