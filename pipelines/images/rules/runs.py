"""How far ink extends across a path without a gap."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.rules.darkness import Grey
from pipelines.images.rules.lines import THICKEST

MOST = 2 * THICKEST
"""How many dots to either side of the path are examined."""
FRAME = MOST + 4
"""Padding of paper around the picture, so that lookups outside it are valid."""


@dataclass(frozen=True)
class InkRuns:
    """The first and last row of the run of ink at each position of a path, relative to the path."""

    first: NDArray[np.intp]
    last: NDArray[np.intp]
    there: NDArray[np.bool_]
    """Where there is a run; elsewhere the rows are meaningless."""


def runs_across(ink: Grey, columns: NDArray[np.intp], path: NDArray[np.float64]) -> InkRuns:
    """Find the runs through or next to each position of the path; `columns` and `path` may have any shape."""
    framed = np.asarray(cv2.copyMakeBorder(ink, FRAME, FRAME, FRAME, FRAME, cv2.BORDER_CONSTANT), np.uint8)
    height, width = framed.shape
    dots = framed.ravel()
    rows = (np.rint(path).astype(np.intp) + FRAME).clip(MOST + 2, height - MOST - 3)
    at = rows * width + (columns + FRAME).clip(0, width - 1)
    here, above, below = dots[at] > 0, dots[at - width] > 0, dots[at + width] > 0
    beside = np.where(here, 0, below.astype(np.intp))
    beside[above & ~here] = -1
    seeds = at + beside * width
    first = np.maximum(beside - _reach(dots, seeds, -width), -MOST)
    last = np.minimum(beside + _reach(dots, seeds, width), MOST)
    return InkRuns(first, last, here | above | below)


def _reach(dots: Grey, seeds: NDArray[np.intp], step: int) -> NDArray[np.intp]:
    """Return how many steps the ink continues from each seed."""
    paper = dots[seeds[..., None] + step * np.arange(1, MOST + 2)] == 0
    return np.where(paper.any(-1), paper.argmax(-1), MOST + 1)
