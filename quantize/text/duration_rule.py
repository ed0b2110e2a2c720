"""No audible change: how far quantization may move the frames that tokens last.

A duration is a rounded sum. If the sum is close to a half, it may round to the other side however exact the arithmetic
is, so "no count changes" would forbid a change that nobody hears, and would cost 24 MB of float weights. The rule for
held-out sentences is instead:

    1. If a token's count changes, it changes by at most one frame, 25 ms. At this difference listeners begin to notice
       that a segment inside a sentence is longer or shorter (Klatt 1976, JASA 59, 1208-1221).
    2. An utterance's length changes by at most two frames. Listeners notice a change of tempo from 5 % (Quené 2007,
       Journal of Phonetics 35, 353-362), which is ten frames of a five-second bucket.
    3. At most one in 200 of all tokens changes, at most one in 100 of each voice's, and at most one in 20 of each
       utterance's. If such a share is less than one token, one token may change.

An example: four voices each say ten utterances of 60 tokens, 2,400 tokens in all. At most 12 of them may change, at
most 6 of each voice's 600, and at most 3 of each utterance's 60. If three tokens of one utterance change by +1, +1 and
-1 frames, its length changes by one frame, and the rule holds. With +1, +1 and +1 the length changes by three frames,
and the rule fails.

Sound, pitch and energy are compared with the float run's counts in both runs, so that frames align.
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
# Mean over tokens of the change before rounding, in frames. A drift of d frames is expected to change the share d of
# the tokens. `bert` and `duration` may each drift so far, which together (squares add) is 0.6 of the rule's share; the
# other 0.4 is left for texts and voices that no choice was made with.
DRIFT: Final = 0.6 * ALL / 2**0.5
RULE: Final = (
    f"at most {ALL:.1%} of the tokens changed ({VOICE:.0%} of a voice's, {UTTERANCE:.0%} of an utterance's), "
    f"each by {TOKEN_FRAMES} frame, and no length by more than {LENGTH_FRAMES}"
)


@dataclass(frozen=True)
class Change:
    """How the frames per token of one utterance changed.

    Attributes:
        tokens: how many there are, pads included.
        changed: how many tokens last another number of frames than in the float run.
        token_frames: the largest change of one token, in frames.
        length_frames: the change of the utterance's length, in frames.
    """

    voice: str
    tokens: int
    changed: int
    token_frames: int
    length_frames: int


@dataclass(frozen=True)
class Durations:
    """How the frames per token of several utterances changed, and whether the rule allows it."""

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
        """The changes in one voice's utterances."""
        return Durations(tuple(change for change in self.changes if change.voice == voice))

    @property
    def tokens(self) -> int:
        """The number of tokens in all utterances."""
        return sum(change.tokens for change in self.changes)

    @property
    def changed(self) -> int:
        """The number of tokens whose count of frames changed."""
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
        """The figures of the whole, of each voice and of the worst utterance, as reports hold them."""
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
    """Compares the frames per token of two runs of the same utterances.

    Args:
        expected, got: frames of each real token per utterance, [tokens].
        voices: the voice of each utterance.
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
