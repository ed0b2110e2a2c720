"""What each target's integers look like. A recipe is a value: nothing else decides how a graph is quantized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from export_onnx.errors import ContractError


@dataclass(frozen=True)
class Recipe:
    """One target.

    Attributes:
        name: of the target, and of its folder.
        activation_bits: 8 or 16, unsigned, one scale a tensor.
        compact: stages that this target runs on the CPU: their float weights are stored in fewer bits.
        compensates: whether the vocoder's weights are rounded so that their errors cancel (`gptq.py`).
        folds_time: long time axes in rows and columns, see `fold_time.py`.
        because: why it is so.
    """

    name: str
    activation_bits: int
    compact: tuple[str, ...]
    because: str
    compensates: bool = False
    folds_time: bool = False


WEIGHT_BITS: Final = 8  # signed, around zero, one scale an output channel: 4 bits are at 16 dB in published ports

# For every target; source and tail have no weights. `text_side.py` says why `bert` is among them.
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
        "u8 x s8 is what VNNI multiplies; a Q behind each convolution, else no fused kernel",
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
