"""A page registered on its template, and the error if it cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.forms.template import Box, Template
from pipelines.images.rules.scale import DOTS_PER_MM as DOTS_PER_MM
from pipelines.inference.outcome import ReasonCode

Grey = NDArray[np.uint8]
Matrix = NDArray[np.float64]
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Attempt:
    """How far the registration of a page came, for people who want to know why it failed."""

    pieces: tuple[Box, ...]
    """What was searched for, pieces of print or corner marks, where the form has them in mm."""
    found: tuple[bool, ...]
    matrix: Matrix | None
    """From pixels of the scan to mm, as well as they could be brought together."""
    marks: Points
    """Centres of what may be corner marks on the scan, in its pixels."""


class NotRegistered(DataError):
    """This page could not be registered on a template; the message follows the page's name."""

    code = ReasonCode.FORM_NOT_RECOGNIZED

    def __init__(self, message: str, attempt: Attempt | None = None) -> None:
        super().__init__(message)
        self.attempt = attempt


class BlankPage(NotRegistered):
    code = ReasonCode.BLANK_PAGE


@dataclass(frozen=True)
class RegisteredPage:
    image: Grey
    """The straightened page at DOTS_PER_MM."""
    template: Template
    residual_mm: float
    """The median error in mm at points that were not used in the fit."""
    turned: int
    """By how many degrees the scan was rotated clockwise, in quarter turns."""
    matrix: Matrix
    """From the pixels of the scan to millimetres of the template."""
    certainty: float = 1.0
    """The share of the print that was found where it should be."""
    gaps: tuple[Box, ...] = ()
    """Where none of the print was found, so that the page may be torn off or covered."""
    outside: tuple[Box, ...] = ()
    """Parts of the form outside the picture."""

    def shows(self, box: Box) -> bool:
        """Return whether this part of the page is present: not torn off, covered or outside the picture."""
        return self.takes_in(box) and not any(_overlap(box, gap) for gap in self.gaps)

    def takes_in(self, box: Box) -> bool:
        return not any(_overlap(box, part) for part in self.outside)


def _overlap(one: Box, other: Box) -> bool:
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    return across > 0 and down > 0


def transform(points: Points, matrix: NDArray[np.floating[Any]]) -> Points:
    """Transform points [N, 2] by a homography."""
    whole = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return np.asarray(whole[:, :2] / whole[:, 2:], np.float64)


def of_pixels(matrix: Matrix) -> Matrix:
    """Convert to OpenCV's convention: its origin is the centre of the first pixel, whereas ours is its corner."""
    to_middle = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    return np.asarray(np.linalg.inv(to_middle) @ matrix @ to_middle, np.float64)


def scaling(across: float, down: float | None = None) -> Matrix:
    return np.diag([across, across if down is None else down, 1.0])


def shrink(page: Grey, factor: float) -> Grey:
    """Scale the page without aliasing, by halving it as often as possible because that is fast."""
    while factor <= 0.5 and min(page.shape) > 1:
        page = _resized(page, 0.5)
        factor *= 2
    return page if factor == 1 else _resized(page, factor)


def _resized(page: Grey, factor: float) -> Grey:
    height, width = (max(1, round(side * factor)) for side in page.shape)
    # Above one half, averaging areas makes little difference and takes ten times as long.
    way = cv2.INTER_AREA if factor <= 0.5 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(page, (width, height), interpolation=way), np.uint8)


def quarter_turns(matrix: Matrix, width: float, height: float) -> int:
    """Return by how many degrees clockwise the scan is rotated, to the nearest quarter turn."""
    middle = np.array([[width / 2, height / 2], [width / 2, height / 2 - 1]])
    (x, y), (above_x, above_y) = transform(middle, np.linalg.inv(matrix))
    angle = np.degrees(np.arctan2(above_x - x, y - above_y))
    return int(round(angle / 90) * 90 % 360)
