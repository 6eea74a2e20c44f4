"""Corruptions to measure on: all are different, repeatable, and leave the digit to be seen."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.drawing.pen import draw_digits
from pipelines.evaluation.corruptions import CORRUPTIONS, corrupted


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_changes_every_digit_and_always_alike(name: str) -> None:
    digits = draw_digits(20, seed=5)[0]
    before = digits.copy()
    worse = corrupted(digits, name)
    assert worse.shape == digits.shape and worse.dtype == np.uint8
    assert (worse != digits).any((1, 2)).all()
    assert np.array_equal(worse, corrupted(digits, name))
    assert np.array_equal(digits, before)


def test_they_are_fifteen_and_no_two_are_alike() -> None:
    digits = draw_digits(5, seed=5)[0]
    assert len({corrupted(digits, name).tobytes() for name in CORRUPTIONS}) == 15
