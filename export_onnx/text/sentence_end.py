"""Whether a full stop behind an abbreviation also ends a sentence, by what follows it."""

from __future__ import annotations

import re
from typing import Final

# Words that begin a sentence far more often than they follow an abbreviation as a name.
_STARTERS: Final = """A An The This That These Those He She It We They You I There Here When Then What Who Where Why
    How If As At In
    On But And Or So My His Her Their Our Its Your No Not Yes For From After Before With Now Do Did Does Is Are
    Was Were Can Could Will Would Let Please All Some Many Most One Two Later Once"""
STARTERS: Final = frozenset(_STARTERS.split())
NEXT_WORD: Final = re.compile(r"[\"'”’)\]]*(?:\s+[\"'“‘(\[]*([\w']+)|\s*$|[\"'”’)\]]*\s*[!?])")


def ends_sentence(rest: str) -> bool:
    """Whether `rest`, the text behind the full stop, is a new sentence or nothing."""
    following = NEXT_WORD.match(rest)
    return following is not None and (following[1] is None or following[1] in STARTERS)
