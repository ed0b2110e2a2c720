"""No audible change: how far quantization may move the frames that tokens last.

A duration is a rounded sum: one that lies beside a half changes by a whole frame however exact the arithmetic is, so
"no count changes" forbids what nobody hears, and costs 24 MB of float weights. The rule instead, on held-out sentences:

    1. a token changes by at most one frame, 25 ms: the difference at which listeners begin to notice a longer or
       shorter segment inside a sentence (Klatt 1976, JASA 59, 1208-1221)
    2. an utterance's length changes by at most two frames; a change of tempo is noticed from 5 % (Quené 2007, Journal
       of Phonetics 35, 353-362), which is ten frames of a five-second bucket
    3. of all tokens at most one in 200 changes, of each voice's one in 100, and of each utterance's one in 20; a single
       token always may

Who compares sound, pitch or energy behind changed counts goes on with the float run's counts, so that frames align.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

TOKEN_FRAMES: Final = 1
LENGTH_FRAMES: Final = 2
ALL: Final = 1 / 200  # of the tokens
VOICE: Final = 1 / 100
UTTERANCE: Final = 1 / 20
# Frames before rounding, the mean over tokens: as large a share of the tokens is expected to change. `bert` and
# `duration` may each drift so far, together by 0.6 of what the rule lets change (squares add): the rest is for texts
# and voices that nobody chose with.
DRIFT: Final = 0.6 * ALL / 2**0.5
RULE: Final = (
    f"at most {ALL:.1%} of the tokens changed ({VOICE:.0%} of a voice's, {UTTERANCE:.0%} of an utterance's), "
    f"each by {TOKEN_FRAMES} frame, and no length by more than {LENGTH_FRAMES}"
)


@dataclass(frozen=True)
class Change:
    """Of one utterance.

    Attributes:
        tokens, changed: how many there are, pads included, and how many last another number of frames.
        token_frames: the largest change of one token, in frames.
        length_frames: the change of the whole, in frames.
    """

    voice: str
    tokens: int
    changed: int
    token_frames: int
    length_frames: int


@dataclass(frozen=True)
class Durations:
    """Of several utterances, and whether that is heard."""

    changes: tuple[Change, ...]

    def failures(self) -> tuple[str, ...]:
        """Each part of the rule that does not hold, in words."""
        voices = [self.of(voice) for voice in dict.fromkeys(change.voice for change in self.changes)]
        utterances = [Durations((change,)) for change in self.changes]
        gates = (
            (self.token_frames <= TOKEN_FRAMES, f"a token changes by {self.token_frames} frames"),
            (self.length_frames <= LENGTH_FRAMES, f"an utterance's length changes by {self.length_frames} frames"),
            (self._within(ALL), f"{self.changed} of {self.tokens} tokens change frames"),
            *((v._within(VOICE), f"{v.changed} of {v.tokens} tokens by {v.changes[0].voice}") for v in voices),
            *((u._within(UTTERANCE), f"{u.changed} of {u.tokens} tokens of an utterance change") for u in utterances),
        )
        return tuple(words for passed, words in gates if not passed)

    def of(self, voice: str) -> Durations:
        """What one voice said."""
        return Durations(tuple(change for change in self.changes if change.voice == voice))

    @property
    def tokens(self) -> int:
        """Of all utterances."""
        return sum(change.tokens for change in self.changes)

    @property
    def changed(self) -> int:
        """Tokens whose frames changed."""
        return sum(change.changed for change in self.changes)

    @property
    def token_frames(self) -> int:
        """The largest change of one token, in frames."""
        return max((change.token_frames for change in self.changes), default=0)

    @property
    def length_frames(self) -> int:
        """The largest change of an utterance's length, in frames."""
        return max((change.length_frames for change in self.changes), default=0)

    def facts(self) -> dict[str, Any]:
        """For reports: the whole, and the worst voice and utterance."""
        voices = {change.voice: self.of(change.voice) for change in self.changes}
        return {
            "sentences": len(self.changes),
            "unchanged": sum(not change.changed for change in self.changes),
            "tokens": self.tokens,
            "tokens_changed": self.changed,
            "token_frames": self.token_frames,
            "length_frames": self.length_frames,
            "worst_sentence_tokens": max((change.changed for change in self.changes), default=0),
            "share_by_voice": {name: round(said.changed / said.tokens, 5) for name, said in sorted(voices.items())},
        }

    def _within(self, share: float) -> bool:
        return self.changed <= max(1, share * self.tokens)


def compare_durations(
    expected: Sequence[NDArray[np.integer]], got: Sequence[NDArray[np.integer]], voices: Sequence[str]
) -> Durations:
    """The same utterances twice.

    Args:
        expected, got: frames of each real token, [tokens].
        voices: who speaks each utterance.
    """
    changes = []
    for before, after, voice in zip(expected, got, voices, strict=True):
        difference = after.astype(np.int64) - before.astype(np.int64)
        moved = np.abs(difference)
        changes.append(
            Change(
                voice,
                difference.size,
                int(np.count_nonzero(difference)),
                int(moved.max(initial=0)),
                abs(int(difference.sum())),
            )
        )
    return Durations(tuple(changes))
