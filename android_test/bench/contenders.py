"""The ways to run Kokoro that are measured. A contender is a value; `runners.py` knows how each kind runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from export_onnx.errors import ContractError

Kind = Literal["torch", "onnx", "kokoro-onnx", "stages"]


@dataclass(frozen=True)
class Contender:
    """One way.

    Attributes:
        name: on the command line and in rows.
        kind: what loads it.
        what: for a reader.
    """

    name: str
    kind: Kind
    what: str


REFERENCE: Final = "pytorch"  # what ratios are against
RIVAL: Final = "kokoro-onnx"  # what second ratios are against
FUSED: Final = "cpu-fused"

CONTENDERS: Final = (
    Contender(REFERENCE, "torch", "the untouched `kokoro` modules, float32"),
    Contender("onnx", "onnx", "the original exported as upstream does it (`KModelForONNX`, its own STFT), float32"),
    Contender("onnx-dynamic", "onnx", "that file through ONNX Runtime's `quantize_dynamic`"),
    Contender(RIVAL, "kokoro-onnx", "kokoro-onnx from PyPI with its published 8-bit file, which only Kokoro-82M has"),
    Contender("stages", "stages", "our float stages, chunks and buckets chosen by the selector"),
    Contender("cpu", "stages", "our `cpu` INT8 package with ONNX Runtime's own operators"),
    Contender(FUSED, "stages", "the same package with its library of fused operators"),
)


def contender(name: str) -> Contender:
    """The contender of that name.

    Raises:
        ContractError: there is none.
    """
    for candidate in CONTENDERS:
        if candidate.name == name:
            return candidate
    known = " | ".join(c.name for c in CONTENDERS)
    raise ContractError("contender", expected=known, got=name, todo="Check the spelling.")
