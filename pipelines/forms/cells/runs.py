"""How far ink reaches across a path, from the path on, without a gap."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.cells.darkness import Grey
from pipelines.forms.cells.lines import THICKEST

MOST = 2 * THICKEST
"""Dots to either side of the path beyond which nothing is looked at."""
FRAME = MOST + 4
"""Paper around the picture, so that whatever lies outside of it can be looked up too."""


@dataclass(frozen=True)
class InkRuns:
    """At each place of a path the first and the last row of the run of ink there, counted from the path."""

    first: NDArray[np.intp]
    last: NDArray[np.intp]
    there: NDArray[np.bool_]
    """Where there is any; elsewhere the rows mean nothing."""


def runs_across(ink: Grey, columns: NDArray[np.intp], path: NDArray[np.float64]) -> InkRuns:
    """The runs through each place of the path, or next to it; columns and path may have any shape."""
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
    """How many steps from each seed the ink goes on."""
    paper = dots[seeds[..., None] + step * np.arange(1, MOST + 2)] == 0
    return np.where(paper.any(-1), paper.argmax(-1), MOST + 1)
