"""Where digits touch they are cut apart, and a digit's own loop is not cut open."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.strings.seams import Seam, find_seams

Picture = NDArray[np.uint8]
RADIUS = 15


def rings(count: int, step: int, pen: int = 4) -> Picture:
    """Zeros side by side, their middles `step` apart."""
    canvas = np.zeros((2 * RADIUS + 10, 2 * RADIUS + 10 + step * (count - 1)), np.uint8)
    for index in range(count):
        cv2.circle(canvas, (RADIUS + 5 + index * step, RADIUS + 5), RADIUS, 255, pen, cv2.LINE_AA)
    return canvas[3:-3, 3:-3]


def rows_inside(seam: Seam, count: int, step: int) -> int:
    """How many rows of its way lead through a ring."""
    rows = np.arange(len(seam.columns))
    middles = RADIUS + 2 + step * np.arange(count)[:, None]
    return int((np.hypot(seam.columns - middles, rows - RADIUS - 2) < RADIUS - 3).sum())


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("step", [2 * RADIUS, 2 * RADIUS + 3])
def test_rings_are_cut_between_them_and_not_open(count: int, step: int) -> None:
    seams = find_seams(rings(count, step))
    assert all(rows_inside(seam, count, step) <= 3 for seam in seams)
    for index in range(count - 1):
        between = RADIUS + 2 + (index + 0.5) * step
        assert any(np.abs(seam.columns - between).max() <= 6 for seam in seams)
