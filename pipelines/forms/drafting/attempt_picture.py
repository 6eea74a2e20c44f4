"""A page that could not be registered, beside the form: what was found of it, and what was not."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.registration.landmarks import LEVELS, landmarks
from pipelines.forms.registration.registered_page import Attempt, Grey, Points, transform
from pipelines.forms.template import Box, Template
from pipelines.images.levels import as_bytes

HEIGHT = 1400
FOUND, MISSING, MARK, FIELD = (30, 150, 30), (0, 0, 220), (200, 110, 0), (170, 170, 170)
"""Colours in BGR order."""
LINE = 3
APART = 20
"""Pixels between the form and the page."""


def draw_attempt(page: Grey, template: Template, attempt: Attempt | None) -> NDArray[np.uint8]:
    """Draw the form with its fields on the left and the page on the right, as [H, W, 3] in BGR order.

    Pieces of print are green where they were found, and red where they were not or would have to be; what may be corner
    marks on the page is ringed.
    """
    form, scan = (as_bytes(cv2.cvtColor(one, cv2.COLOR_GRAY2BGR)) for one in (_blank(template), page))
    on_form = np.diag([form.shape[1] / template.width, form.shape[0] / template.height, 1.0])
    for field in template.fields:
        _outline(form, transform(_corners(field.box), on_form), FIELD)
    if attempt:
        for piece, found in zip(attempt.pieces, attempt.found, strict=True):
            colour = FOUND if found else MISSING
            _outline(form, transform(_corners(piece), on_form), colour)
            if attempt.matrix is not None:
                _outline(scan, transform(_corners(piece), np.linalg.inv(attempt.matrix)), colour)
        for x, y in attempt.marks.tolist():
            cv2.circle(scan, (round(x), round(y)), scan.shape[0] // 60, MARK, _thick(scan))
    return np.hstack([_at_height(form), np.full((HEIGHT, APART, 3), 255, np.uint8), _at_height(scan)])


def _blank(template: Template) -> Grey:
    """The blank page, or white paper where the template has no picture of it."""
    if template.register.reference is not None:
        return landmarks(template).levels[-1]
    return np.full((round(template.height * LEVELS[-1]), round(template.width * LEVELS[-1])), 255, np.uint8)


def _corners(box: Box) -> Points:
    return np.array([[box.left, box.top], [box.right, box.top], [box.right, box.bottom], [box.left, box.bottom]])


def _outline(picture: NDArray[np.uint8], corners: Points, colour: tuple[int, int, int]) -> None:
    # What lies far outside of the picture would overflow.
    seen = np.clip(corners, -2 * max(picture.shape), 3 * max(picture.shape))
    cv2.polylines(picture, [np.round(seen).astype(np.int32)], True, colour, _thick(picture))


def _thick(picture: NDArray[np.uint8]) -> int:
    """So that lines look the same when the picture has been scaled to HEIGHT."""
    return max(1, round(LINE * picture.shape[0] / HEIGHT))


def _at_height(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    width = max(1, round(picture.shape[1] * HEIGHT / picture.shape[0]))
    way = cv2.INTER_AREA if picture.shape[0] > HEIGHT else cv2.INTER_LINEAR
    return as_bytes(cv2.resize(picture, (width, HEIGHT), interpolation=way))
