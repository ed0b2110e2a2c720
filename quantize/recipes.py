"""One recipe per target: the width of its activations, and how its graphs are quantized. Nothing else decides that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from export_onnx.buckets import DYNAMIC, Bucket
from export_onnx.errors import ContractError


@dataclass(frozen=True)
class Recipe:
    """One target.

    Attributes:
        name: of the target, and of its folder.
        activation_bits: 8 or 16, unsigned, one scale per tensor.
        compact: stages that this target runs on the CPU, whose float weights are stored in fewer bits.
        because: the reasons for the recipe.
        compensates: whether the vocoder's weights are quantized with GPTQ (`gptq.py`).
        folds_time: whether long time axes are folded into rows and columns (`fold_time.py`).
        dynamic: whether there is one graph per stage of free length instead of one per fixed bucket; only a CPU takes
            it.
    """

    name: str
    activation_bits: int
    compact: tuple[str, ...]
    because: str
    compensates: bool = False
    folds_time: bool = False
    dynamic: bool = False

    def buckets(self, fixed: Sequence[Bucket]) -> tuple[Bucket, ...]:
        """The buckets that the target has, where `fixed` are those that were exported."""
        return (DYNAMIC,) if self.dynamic else tuple(fixed)


WEIGHT_BITS: Final = 8  # signed, around zero, one scale per output channel; published ports with 4 bits are at 16 dB

# For every target; source and tail have no weights. `text_side.py` gives the reason for `bert`.
ON_CPU: Final = ("bert", "duration", "prosody", "style")

RECIPES: Final = (
    Recipe(
        "nnapi",
        8,
        ON_CPU,
        "NNAPI's quantized units take unsigned 8-bit activations only; whole DQ-Conv-Q units, the rest float",
    ),
    Recipe(
        "qnn",
        16,
        ON_CPU,
        "HTP multiplies 16-bit activations with 8-bit weights; what is not a convolution runs in half precision",
        compensates=True,
        folds_time=True,
    ),
    Recipe(
        "cpu",
        8,
        (*ON_CPU, "vocoder"),
        "u8 x s8 is what VNNI multiplies; a Q behind each convolution, else no fused kernel; free lengths, because "
        "padding a short text to a bucket would cost as much as a long text",
        dynamic=True,
    ),
)


def recipe(name: str) -> Recipe:
    """The recipe of that target.

    Raises:
        ContractError: there is none.
    """
    for candidate in RECIPES:
        if candidate.name == name:
            return candidate
    raise ContractError("target", expected=" | ".join(r.name for r in RECIPES), got=name, todo="Check the spelling.")
