"""The fixed sizes in which every stage is exported, and how to add one.

A bucket is so many seconds of sound and so many tokens of text. Text and sound are padded to it, because an NPU takes
graphs of fixed shapes only. A CPU does not ask for that: it gets one graph per stage of free length, `DYNAMIC`.

To add a bucket:

1. Add an entry to `BUCKETS`, shortest first: seconds and tokens both larger than in the entry before, tokens and frames
   (40 per second) multiples of 8.
2. `python -m selector vectors`: the selector's answers that C++ and Java must repeat.
3. `make export-int8`: parity, quality, coverage and the selector's table are measured in the new size, too.
4. `make readme`, `make compile-table`, `make test`. CONTRIBUTING.md has the details.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from export_onnx import geometry


class BucketSize(Protocol):
    """A bucket of this file, or one of a package's manifest."""

    @property
    def name(self) -> str:
        """The name in file names."""

    @property
    def tokens(self) -> int:
        """How many tokens fit, both pads included."""

    @property
    def frames(self) -> int:
        """How many frames of sound fit."""

    @property
    def dynamic(self) -> bool:
        """Whether the bucket's graphs have free lengths."""


@dataclass(frozen=True)
class Bucket:
    """One fixed size. Text and sound are padded to it; the real lengths are tensors of their own.

    Attributes:
        dynamic: whether the graphs have free lengths. Then nothing is padded, there are no masks, and seconds and
            tokens are the most that the graphs are meant for.
    """

    seconds: float
    tokens: int
    dynamic: bool = False

    @property
    def name(self) -> str:
        """The name in file names: `5s`, or `0p4s` for a crop; `any` for free lengths."""
        return "any" if self.dynamic else f"{self.seconds:g}s".replace(".", "p")

    @property
    def frames(self) -> int:
        """Duration frames, 40 per second."""
        return round(self.seconds * geometry.FRAMES_PER_SECOND)

    def holding(self, tokens: int, frames: int) -> Bucket:
        """The sizes at which a text of so many tokens and frames runs: its own if the bucket is dynamic, else these."""
        if not self.dynamic:
            return self
        return replace(self, seconds=frames / geometry.FRAMES_PER_SECOND, tokens=tokens)


# The buckets that ship. Their tokens are phoneme symbols and two pads. The shortest is for short answers, and for the
# first words of a long text, because a listener waits for them.
BUCKETS: Final = (Bucket(3, 72), Bucket(5, 128), Bucket(10, 256), Bucket(15, 384))

# From here on a bucket holds ordinary sentences.
SENTENCE: Final = 5.0  # seconds

# Free lengths, for the CPU: all tokens that a voice has rows for, and 30 s, where memory reaches about a gigabyte.
DYNAMIC: Final = Bucket(30, geometry.MAX_TOKENS, dynamic=True)


def sentence_bucket(buckets: Sequence[Bucket]) -> Bucket:
    """The one in which calibration speaks, plans are made and sound is judged: the shortest that holds ordinary
    sentences, or the longest if none does.

    Args:
        buckets: shortest first.
    """
    return next((bucket for bucket in buckets if bucket.seconds >= SENTENCE), buckets[-1])
