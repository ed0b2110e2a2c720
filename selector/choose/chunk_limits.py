"""How long the chunks of a text are: the most that fit, or, where lengths are free, as long as speech needs.

With fixed buckets, a chunk is at most as long as the largest one, and the first chunk of a split text as long as the
smallest. A dynamic bucket would take half a minute in one piece. That would be the worst choice: nothing is heard
before all of it is made, and memory grows with it. So there a chunk has at most `LONGEST` of sound, in which even a
long sentence fits whole, and the first chunk has at most `FIRST`, because a listener waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from export_onnx.buckets import Bucket, BucketSize
from export_onnx.geometry import MAX_TOKENS
from selector.choose.choose_bucket import MixedTable, Table, most_tokens
from selector.choose.length import PADS

LONGEST: Final = Bucket(10, MAX_TOKENS, dynamic=True)
FIRST: Final = Bucket(3, MAX_TOKENS, dynamic=True)


def chunk_limits(buckets: Sequence[BucketSize], table: Table | MixedTable, speed: float) -> tuple[int, int]:
    """The most phonemes of a chunk, and of the first chunk of a text that is split.

    Args:
        buckets: of a package, smallest first.

    Raises:
        ContractError: the speed is outside the table.
    """
    free = any(bucket.dynamic for bucket in buckets)
    limit, first = (
        most_tokens(sizes, table, speed) - PADS
        for sizes in (((LONGEST,), (FIRST,)) if free else (buckets, buckets[:1]))
    )
    return limit, max(first, 1)
