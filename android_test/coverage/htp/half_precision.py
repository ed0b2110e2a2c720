"""What half precision loses: HTP computes in it whatever is not an integer convolution.

    epsilon    a constant that an Add adds in front of a Sqrt becomes 0: a silent channel divides by zero
    square     Mul(x, x) beyond 65,504 becomes infinite: |x| may be 255.9 at most

The epsilon stands in the file. How large x becomes does not: calibration saw it, so the second rule asks for extremes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx

from android_test.coverage.graph_view import GraphView
from android_test.coverage.node_units import NodeUnit
from android_test.coverage.rule_verdict import Limit
from calibrate.store import RANGES
from export_onnx.contracts import FRAME_MASK, TOKEN_MASK, VOCODER
from export_onnx.errors import CoverageError

Extremes = Mapping[str, float]  # value -> the largest absolute value that it takes

LARGEST: Final = float(np.finfo(np.float16).max)
LARGEST_ROOT: Final = LARGEST**0.5  # 255.9
SMALLEST: Final = float(np.finfo(np.float16).smallest_subnormal)  # 6e-8; half of it and less becomes 0
# A value keeps its extreme through these; an upsampled mask is a Concat of its copies.
KEEPS: Final = ("Reshape", "Transpose", "Unsqueeze", "Squeeze", "Slice", "Identity", "LeakyRelu", "Relu", "Concat")
WITHIN_ONE: Final = ("Sin", "Cos", "Tanh", "Sigmoid")
FOLDED: Final = ".folded"  # the ending that `quantize/sound/fold_time.py` gives a value in rows and columns
UNCHECKED: Final = "no square overflows in half precision: without calibration's ranges, nothing checked that"


def lost_epsilon(view: GraphView, unit: NodeUnit, node: onnx.NodeProto) -> Limit | None:
    """An Add in front of a Sqrt whose constant is no zero, and is one in half precision."""
    if node.op_type != "Add" or not _feeds(view, node, "Sqrt"):
        return None
    for name in node.input:
        constant = view.array(name)
        if constant is not None and (lost := constant[(constant != 0) & (constant.astype(np.float16) == 0)]).size:
            hint = "Give the norm a larger epsilon, or its input a larger scale: epsilon follows the scale's square."
            return Limit(f"an epsilon of at least {SMALLEST:.1e}", f"{np.abs(lost).min():.1e}", hint, "inferred")
    return None


def overflowing_square(view: GraphView, node: onnx.NodeProto, extremes: Extremes) -> Limit | None:
    """A square of a float value that calibration saw beyond 255.9.

    Args:
        extremes: of the values of this graph, see `read_extremes`. A value that they lack is followed to what it is
            made of (a mask, a shape, what a norm subtracts); where that is not known either, nothing is said.
    """
    if node.op_type != "Mul" or node.input[0] != node.input[1]:
        return None
    extreme = extreme_of(view, node.input[0], extremes)
    if extreme is None or extreme <= LARGEST_ROOT:
        return None
    hint = f"Scale it down first: squares beyond {LARGEST:,.0f} are infinite in half precision."
    return Limit(f"squares of at most {LARGEST_ROOT:.1f}", f"{node.input[0]} up to {extreme:.1f}", hint, "inferred")


def extreme_of(view: GraphView, name: str, extremes: Extremes) -> float | None:
    """The largest absolute value of `name`, or None where nobody knows.

    1. Integers hold it in their own range: scale times the steps on the longer side of zero.
    2. `extremes` has it, by the name before time was folded into rows; a constant and a sine speak for themselves.
    3. Shapes keep it, and so does a difference from the value's own mean, which lies within the value's range.
    4. A product has the factors' product at most: a mask has 1. A sum of values is unknown unless calibration saw it:
       its terms' sum can be far more than it ever is.
    """
    plain = name.removesuffix(FOLDED)
    node = view.nodes[view.producer[name]] if name in view.producer else None
    if node is not None and node.op_type == "DequantizeLinear":
        return _range_of(view, node)
    if plain in extremes:
        return extremes[plain]
    if (constant := view.array(name)) is not None:
        return float(np.abs(constant).max(initial=0))
    if node is None:
        return None
    if node.op_type in WITHIN_ONE:
        return 1.0
    if node.op_type in KEEPS or (node.op_type == "Sub" and _own_mean(view, node)):
        joined = node.input if node.op_type == "Concat" else node.input[:1]
        parts = [extreme_of(view, one, extremes) for one in joined]
        return None if None in parts else max(part for part in parts if part is not None)
    if node.op_type == "Mul":
        left, right = (extreme_of(view, one, extremes) for one in node.input)
        return None if left is None or right is None else left * right
    return None


def _range_of(view: GraphView, node: onnx.NodeProto) -> float | None:
    scale = view.array(node.input[1])
    zero = view.array(node.input[2]) if len(node.input) > 2 else None
    if scale is None or zero is None or zero.dtype.kind != "u":
        return None
    steps = np.maximum(zero, np.iinfo(zero.dtype).max - zero).astype(np.float64)
    return float((scale * steps).max())


def _own_mean(view: GraphView, node: onnx.NodeProto) -> bool:
    """Whether a Sub takes from a value its own mean: over the whole axis, or over a mask's share of it."""
    value, name = _stored(view, node.input[0]), node.input[1]
    while name in view.producer:
        maker = view.nodes[view.producer[name]]
        if maker.op_type == "ReduceMean":
            mean_of = maker.input[0]
            masked = view.nodes[view.producer[mean_of]] if mean_of in view.producer else None
            factors = masked.input if masked is not None and masked.op_type == "Mul" else ()
            return value in [_stored(view, one) for one in (mean_of, *factors)]
        if maker.op_type not in ("Div", *KEEPS):
            return False
        name = maker.input[0]
    return False


def _stored(view: GraphView, name: str) -> str:
    """The integers behind a DequantizeLinear, of which each reader has a copy; else the value itself."""
    maker = view.nodes[view.producer[name]] if name in view.producer else None
    return maker.input[0] if maker is not None and maker.op_type == "DequantizeLinear" else name


def _feeds(view: GraphView, node: onnx.NodeProto, op_type: str) -> bool:
    return any(view.nodes[reader].op_type == op_type for reader in view.readers.get(node.output[0], []))


def read_extremes(calibrated: Path, quantized: Path) -> Extremes | None:
    """The extremes of a quantized folder's float values: calibration's, and what equalization made of them.

    Args:
        calibrated: calibration's folder; None comes back where its `ranges.json` is missing.
        quantized: a target's folder; its own `ranges.json` has the values that were rescaled.

    Raises:
        CoverageError: a file is damaged.
    """
    files = [folder / RANGES for folder in (calibrated, quantized)]
    if not files[0].is_file():
        return None
    seen, rescaled = (_read(file) if file.is_file() else {} for file in files)
    try:
        before = {name: row["raw"] for name, row in seen.get(VOCODER.name, {}).items()}
        after = {name: row["after"] for name, row in rescaled.items()}
        ends = {**before, **after}
        found = {name: max(abs(low), abs(high)) for name, (low, high) in ends.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise CoverageError(
            " and ".join(map(str, files)),
            expected="[low, high] of each value",
            got=f"{type(error).__name__}: {error}",
            todo="Run `python -m calibrate` and `python -m quantize` again.",
        ) from error
    return {**found, **{mask.name: 1.0 for mask in (FRAME_MASK, TOKEN_MASK)}}


def _read(file: Path) -> dict[str, Any]:
    try:
        read: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CoverageError(
            str(file), expected="ranges as JSON", got=str(error)[:100], todo="Run the step that wrote it again."
        ) from error
    return read
