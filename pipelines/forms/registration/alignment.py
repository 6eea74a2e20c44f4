"""Refinement of a rough page position: pieces of print are searched for near where they should be."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.registration.landmarks import BLOCK, LEVELS, Landmarks
from pipelines.forms.registration.registered_page import Grey, Matrix, Points, of_pixels, scaling, transform

REACHES = (5.0, 1.5)
"""How far from its expected position a block is searched for at each level, in mm."""
NEAR = (1.5, 0.5)
"""The largest distance from the common fit, in mm, at which a block still counts as part of it."""
ALIKE = 0.5
"""The minimum correlation at which part of a scan is taken for the piece of print."""


@dataclass(frozen=True)
class Alignment:
    matrix: Matrix
    residual_mm: float
    found: NDArray[np.bool_]
    """Which of the landmarks' blocks are where they should be."""

    @property
    def share(self) -> float:
        return float(self.found.mean())


def align(page: Grey, rough: Matrix, marks: Landmarks) -> Alignment | None:
    """Refine the rough matrix using the print; return None if too few pieces of print are found."""
    matrix, residual, found = rough, np.inf, np.zeros(len(marks.blocks), bool)
    for level, near in enumerate(NEAR):
        places, scores = _locate(page, matrix, marks, level)
        fitted = _fit(marks.blocks + BLOCK / 2, places, scores >= ALIKE, near)
        if fitted is None:
            return None
        correction, found, residual = fitted
        matrix = correction @ matrix
    return Alignment(matrix, residual, found)


def _locate(page: Grey, matrix: Matrix, marks: Landmarks, level: int) -> tuple[Points, NDArray[np.float64]]:
    """Return the apparent centre of each block, in mm under the matrix, and its correlation there."""
    dots, reach = LEVELS[level], round(REACHES[level] * LEVELS[level])
    reference = marks.levels[level]
    straight = warp(page, matrix, reference.shape, dots, reach)
    side = round(BLOCK * dots)
    peaks, scores = np.zeros((len(marks.blocks), 2)), np.zeros(len(marks.blocks))
    for at, (left, top) in enumerate(np.round(marks.blocks * dots).astype(int).tolist()):
        print_ = reference[top : top + side, left : left + side]
        around = straight[top : top + side + 2 * reach, left : left + side + 2 * reach]
        peaks[at], scores[at] = _peak(np.asarray(cv2.matchTemplate(around, print_, cv2.TM_CCOEFF_NORMED)))
    return marks.blocks + BLOCK / 2 + (peaks - reach) / dots, scores


def warp(page: Grey, matrix: Matrix, shape: tuple[int, ...], dots: float, margin: int = 0) -> Grey:
    """Warp the page to this shape at `dots` per mm, with a margin in pixels around it."""
    moved = of_pixels(np.array([[1, 0, margin], [0, 1, margin], [0, 0, 1]]) @ scaling(dots) @ matrix)
    size = (shape[1] + 2 * margin, shape[0] + 2 * margin)
    return np.asarray(cv2.warpPerspective(page, moved, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _peak(likeness: NDArray[np.float32]) -> tuple[tuple[float, float], float]:
    """Return the position of the maximum, as x and y with subpixel accuracy, and its value."""
    _, best, _, (x, y) = cv2.minMaxLoc(likeness)
    return (x + _summit(likeness[y, :], x), y + _summit(likeness[:, x], y)), best


def _summit(row: NDArray[np.float32], at: int) -> float:
    """Return the vertex of the parabola through a value and its two neighbours, from -0.5 to 0.5."""
    if not 0 < at < len(row) - 1:
        return 0.0
    before, here, after = row[at - 1 : at + 2].tolist()
    bend = before - 2 * here + after
    return min(max((before - after) / (2 * bend), -0.5), 0.5) if bend < 0 else 0.0


def _fit(
    targets: Points, places: Points, alike: NDArray[np.bool_], near: float
) -> tuple[Matrix, NDArray[np.bool_], float] | None:
    """Return the matrix from places to targets, which of them agree, and the median error on points not fitted."""
    held = np.arange(len(targets)) % 2 == 0
    errors = []
    for part in (held, ~held):
        half = _homography(places[alike & part], targets[alike & part], near)
        if half is not None:
            off = np.hypot(*(transform(places[alike & ~part], half) - targets[alike & ~part]).T)
            errors += off[off < 3 * near].tolist()
    matrix = _homography(places[alike], targets[alike], near)
    if matrix is None or not errors:
        return None
    off = np.hypot(*(transform(places, matrix) - targets).T)
    return matrix, alike & (off < near), float(np.median(errors))


def _homography(places: Points, targets: Points, near: float) -> Matrix | None:
    if len(places) < 4:
        return None
    matrix, _ = cv2.findHomography(places, targets, cv2.USAC_MAGSAC, near)
    return None if matrix is None else np.asarray(matrix, np.float64)
