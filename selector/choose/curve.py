"""Fits frames as a function of length: a voice's curve, and the margin above it.

    frames ~ a + b L + c max(0, L - M / 4) + d max(0, L - M / 2),    L: length, M: the table's greatest length

Why it bends: a voice has a row of style for every number of phonemes, and the rows' paces differ; one voice of
Kokoro-82M is slower per token at 200 tokens than at 60 and at 380. On that model (weights from its published 8-bit ONNX
file, five voices, halves of the fitted texts in turn) a straight line with a fixed pause and the greatest residual as
its margin covers 98.7 % of the worst voice's other texts at 10.2 % of median excess; this covers 99.5 % at 8.4 %. A
weight per symbol of the vocabulary, by ridge regression, would take another 5 % off the spread: not enough for a
list of weights in every manifest and every language.

The spread around the curve grows with the root of the length: independent errors add up so. Residuals are in units of
sqrt(L + SHORT), each divided by sqrt(1 - its text's pull on the curve), so that fitted texts count like new ones. The
margin is the conformal 99 % quantile of them, but at least `DEVIATIONS` of their root mean square: the greatest of a
hundred residuals is too noisy an estimate of a quantile to hold for the worst of many voices; their root mean square is
not. Few texts widen it twice: as Student's distribution is wider than the normal one, and by how uncertain the curve
itself is at a length.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

QUANTILE: Final = 0.99
# Of a normal distribution 2.33 is 99 %, 2.5 is 99.4 %. The least with which the worst of five voices kept 99 % in all
# of 16 splits of the fitted texts: 2.33 kept it in 13, 2.4 in 15, 2.5 and 2.6 in 16; each tenth is 0.3 % of excess.
DEVIATIONS: Final = 2.5
BENDS: Final = (0.25, 0.5)  # of the greatest length
SHORT: Final = 30  # tokens; a text of one word is as uncertain as one of so many tokens

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Frames of one voice at one speed.

    Attributes:
        coefficients: [4] a, b, c, d.
        doubt: [4, 4] their covariance, in units of the residuals' variance.
        deviation: root mean square of the residuals, in units of sqrt(L + SHORT) frames.
        margin: above the curve, in the same units.
        most: the greatest length.
    """

    coefficients: Vector
    doubt: Vector
    deviation: float
    margin: float
    most: int

    def __call__(self, lengths: Sequence[int]) -> Vector:
        """[lengths] frames that 99 % of texts do not exceed."""
        terms = _terms(np.array(lengths, float), self.most)
        doubt = np.einsum("ij,jk,ik->i", terms, self.doubt, terms)
        return np.asarray(terms @ self.coefficients + self.margin * np.sqrt(np.array(lengths) + SHORT + doubt))


def fit_curve(lengths: Sequence[int], frames: Sequence[int], most: int) -> Curve:
    """The curve of at least ten texts of these lengths, by least squares."""
    n, needed = np.array(lengths, float), np.array(frames, float)
    weights = 1 / np.sqrt(n + SHORT)
    design = _terms(n, most) * weights[:, None]
    inverse = np.linalg.pinv(design)
    coefficients = inverse @ (needed * weights)
    pull = np.einsum("ij,ji->i", design, inverse)
    residuals = np.sort((needed * weights - design @ coefficients) / np.sqrt(np.maximum(1 - pull, 0.1)))
    deviation = math.sqrt(float(np.mean(residuals**2)))
    conformal = float(residuals[min(len(n), math.ceil(QUANTILE * (len(n) + 1))) - 1])
    wider = 1 + (DEVIATIONS**2 + 1) / 4 / (len(n) - len(coefficients))  # Student's quantile, its first term
    return Curve(coefficients, inverse @ inverse.T, deviation, max(conformal, wider * DEVIATIONS * deviation), most)


def _terms(n: Vector, most: int) -> Vector:
    """[lengths, 4]: what the coefficients multiply."""
    return np.stack([np.ones_like(n), n, *(np.maximum(0, n - bend * most) for bend in BENDS)], 1)
