"""NOTICE: whose work a package holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

KNOWN: Final = {
    "kokoro-82m": "Kokoro-82M weights and voices by hexgrad, Apache License 2.0.",
    "demo": "Demo voice: trained by the kokoro-npu project, Apache License 2.0.",
    "random": "Weights: random numbers, for tests.",
    "random-small": "Weights: random numbers, for tests.",
}


def notice(weights: Mapping[str, Any]) -> str:
    """The text for a package of these weights; weights that nobody here knows carry their own terms."""
    name = str(weights["name"])
    whose = KNOWN.get(name, f"Weights {name!r}: from {weights['source']}; their owner's licence applies.")
    return (
        "kokoro-npu\n"
        "Licensed under the Apache License 2.0 (see LICENSE).\n\n"
        "The models in this package were derived from:\n\n"
        f"* {whose}\n"
        "* The architecture and reference implementation `kokoro` by hexgrad, Apache License 2.0, which builds on\n"
        "  StyleTTS 2 by Yinghao Aaron Li et al., MIT License, and iSTFTNet by Takuhiro Kaneko et al.\n"
    )
