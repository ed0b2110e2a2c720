"""The fixed sizes in which every stage is exported, and how to add one.

A bucket is so many seconds of sound and so many tokens of text. Text and sound are padded to it.

To add a bucket:

1. Add an entry to `BUCKETS`, shortest first: seconds and tokens both larger than in the entry before, tokens and frames
   (40 per second) multiples of 8.
2. `python -m selector vectors`: the selector's answers that C++ and Java must repeat.
3. `make export-int8`: parity, quality, coverage and the selector's table are measured in the new size, too.
4. `make readme`, `make compile-table`, `make test`. CONTRIBUTING.md has the details.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from export_onnx import geometry


@dataclass(frozen=True)
class Bucket:
    """One fixed size. Text and sound are padded to it; the real lengths are tensors of their own."""

    seconds: float
    tokens: int

    @property
    def name(self) -> str:
        """The name in file names: `5s`, or `0p4s` for a crop."""
        return f"{self.seconds:g}s".replace(".", "p")

    @property
    def frames(self) -> int:
        """Duration frames, 40 per second."""
        return round(self.seconds * geometry.FRAMES_PER_SECOND)


# The buckets that ship. Their tokens are phoneme symbols and two pads.
BUCKETS: Final = (Bucket(5, 128), Bucket(10, 256), Bucket(15, 384))
