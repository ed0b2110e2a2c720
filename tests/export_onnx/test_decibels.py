"""The ratio that every proof of closeness rests on proves nothing where there is nothing to compare."""

from __future__ import annotations

import numpy as np
import pytest

from export_onnx.errors import ParityError
from export_onnx.proof.decibels import CEILING, snr


def test_a_known_error_has_its_ratio() -> None:
    reference = np.ones(100)
    assert snr(reference, reference * 1.1) == pytest.approx(20)
    assert snr(reference, reference) == CEILING


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_no_proof_on_either_side(value: float) -> None:
    broken = np.array([1.0, value])
    assert snr(broken, np.ones(2)) == snr(np.ones(2), broken) == snr(broken, broken) == -CEILING


def test_nothing_is_no_proof() -> None:
    assert snr([], []) == snr(np.zeros((0, 4)), np.zeros((0, 4))) == -CEILING


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ParityError, match="shapes"):
        snr(np.ones(3), np.ones(4))
