"""How far a result is from its reference, in dB. Sensitive to gain: 1.5 times too loud is 6 dB."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from export_onnx.errors import ParityError

CEILING = 200.0  # dB; equal to the last bit


def snr(reference: Any, result: Any) -> float:
    """Signal-to-error ratio in dB of two arrays of one shape: 200 where equal.

    It is -200 where either holds a number that is not finite, or where there is nothing to compare: neither is proof.

    Raises:
        ParityError: the shapes differ.
    """
    a: NDArray[np.float64] = np.asarray(reference, dtype=np.float64)
    b: NDArray[np.float64] = np.asarray(result, dtype=np.float64)
    if a.shape != b.shape:
        raise ParityError("shapes", expected=str(a.shape), got=str(b.shape), todo="Crop both to the real length.")
    if not a.size or not np.isfinite(a).all() or not np.isfinite(b).all():
        return -CEILING
    signal, error = float((a * a).sum()), float(((a - b) ** 2).sum())
    if error == 0:
        return CEILING
    if signal == 0:
        return -CEILING
    return max(-CEILING, min(CEILING, 10 * float(np.log10(signal / error))))


def polar(har: Any) -> NDArray[np.complex128]:
    """Magnitudes and phases, [1, 22, K] -> complex [1, 11, K]: phases of near-empty bins mean nothing by themselves."""
    rows: NDArray[np.float64] = np.asarray(har, dtype=np.float64)
    half = rows.shape[1] // 2
    return rows[:, :half] * np.exp(1j * rows[:, half:])


def snr_polar(reference: Any, result: Any) -> float:
    """`snr` of two spectra given as magnitudes and phases, compared as complex numbers."""
    a, b = polar(reference), polar(result)
    return snr(np.stack([a.real, a.imag]), np.stack([b.real, b.imag]))


def require(where: str, decibels: float, floor: float) -> float:
    """`decibels`, if it reaches the floor.

    Raises:
        ParityError: it does not.
    """
    if not decibels >= floor:
        raise ParityError(
            where,
            expected=f"at least {floor:g} dB",
            got=f"{decibels:.1f} dB",
            todo="Compare stage by stage; `export_onnx/proof/parity.py` says what each floor rests on.",
        )
    return decibels
