"""Printed corner marks: filled squares at the template's positions, found among all other dark shapes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from pipelines.forms.registration.registered_page import Grey, Matrix, Points, shrink
from pipelines.forms.template import Template
from pipelines.images.levels import as_bytes

LONG_SIDE = 1100
SIDES = (0.35, 1.4)
"""Minimum and maximum size of a mark, relative to its size if the page fills the picture."""
SQUARE = 1.4
"""Maximum ratio of a mark's longer side to its shorter side."""
FULL = 0.8
"""The share of its bounding box that a mark fills, whatever its rotation."""
NEAR = 0.05
"""How far a mark may lie from where two others predict it, relative to the page's long side; allows for perspective."""
MOST = 16
"""Maximum number of dark squares considered."""
SIZE_DIFFERS = 0.2
"""Two sides belong to different marks if the logarithm of their ratio reaches this value."""


def rough_by_marks(page: Grey, template: Template) -> Iterator[Matrix]:
    """Yield candidate matrices from pixels to millimetres, likeliest first."""
    squares, sides = dark_squares(page, template)
    if len(squares) < 3:
        return
    places = np.array([(one.x, one.y) for one in template.register.corners])
    for chosen in _assignments(squares, sides, template):
        known = [at for at, one in enumerate(chosen) if one is not None]
        matrix = _by_marks(squares[[one for one in chosen if one is not None]], places[known])
        if matrix is not None:
            yield matrix


def dark_squares(page: Grey, template: Template) -> tuple[Points, NDArray[np.float64]]:
    """Return the centres and sides, in pixels, of possible marks, best candidates first."""
    small = shrink(page, min(1.0, LONG_SIDE / max(page.shape)))
    expected = max(small.shape) / max(template.width, template.height)
    mark_sides = [one.side * expected for one in template.register.corners]
    allowed = max(3.0, SIDES[0] * min(mark_sides)), SIDES[1] * max(mark_sides)
    reach = round(allowed[1] * 3) | 1
    dark = cv2.adaptiveThreshold(small, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, reach, 25)
    dark = as_bytes(cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)))
    outlines = cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    found = sorted(filter(None, (_square(dark, one, allowed) for one in outlines)), reverse=True)[:MOST]
    zoom = np.array([page.shape[1] / small.shape[1], page.shape[0] / small.shape[0]])
    middles = (np.array([(x, y) for _, x, y, _ in found]).reshape(-1, 2) + 0.5) * zoom
    return middles, np.array([side for *_, side in found]) * zoom.mean()


def _square(dark: Grey, outline: MatLike, allowed: tuple[float, float]) -> tuple[float, float, float, float] | None:
    """Return the fill ratio, centre and side, or None if it is not a filled square of an allowed size."""
    (x, y), sides, _ = cv2.minAreaRect(outline)
    # The outline runs through the centres of the outermost pixels.
    short, long = min(sides) + 1, max(sides) + 1
    if not allowed[0] <= short <= long <= min(allowed[1], SQUARE * short):
        return None
    left, top, width, height = cv2.boundingRect(outline)
    alone = np.zeros((height, width), np.uint8)
    cv2.drawContours(alone, [outline], 0, 255, -1, offset=(-left, -top))
    filled = np.count_nonzero(alone & dark[top : top + height, left : left + width]) / (short * long)
    return (filled, x, y, (short + long) / 2) if filled >= FULL else None


def _assignments(squares: Points, sides: NDArray[np.float64], template: Template) -> list[tuple[int | None, ...]]:
    """Assign squares to at least three marks, predicting the positions of the others from each pair of squares."""
    marks = template.register.corners
    places, reach = np.array([(one.x, one.y) for one in marks]), NEAR * max(template.width, template.height)
    mark_sides = np.array([one.side for one in marks])
    found: dict[tuple[int | None, ...], float] = {}
    for first, second in combinations(range(len(marks)), 2):
        for one, other in permutations(range(len(squares)), 2):
            turn = _similarity(squares[[one, other]], places[[first, second]])
            if not _same_size(sides[[one, other]] * abs(turn[0]), mark_sides[[first, second]]).all():
                continue
            chosen, off = _nearest(_apply(squares, turn), sides * abs(turn[0]), places, mark_sides, reach)
            if sum(at is not None for at in chosen) >= max(3, len(marks) - 1):
                found[chosen] = min(off, found.get(chosen, np.inf))
    return sorted(found, key=lambda chosen: (-sum(at is not None for at in chosen), found[chosen]))


def _similarity(squares: Points, places: Points) -> tuple[complex, complex]:
    """Return the rotation with scale, and the shift, from two squares to two marks, as complex numbers."""
    one, other = squares @ [1, 1j]
    first, second = places @ [1, 1j]
    turn = (second - first) / (other - one)
    return turn, first - turn * one


def _apply(points: Points, turn: tuple[complex, complex]) -> Points:
    moved = (points @ [1, 1j]) * turn[0] + turn[1]
    return np.column_stack([moved.real, moved.imag])


def _nearest(
    seen: Points, seen_sides: NDArray[np.float64], places: Points, sides: NDArray[np.float64], reach: float
) -> tuple[tuple[int | None, ...], float]:
    """Return the square of the right size closest to each mark's position, and the total distance."""
    chosen: list[int | None] = []
    total = 0.0
    for place, side in zip(places, sides, strict=True):
        off = np.hypot(*(seen - place).T)
        # A square of another size is another mark; this shows which way up the page lies.
        off[~_same_size(seen_sides, side)] = np.inf
        at = int(off.argmin())
        chosen.append(at if off[at] <= reach else None)
        total += min(float(off[at]), reach)
    return tuple(chosen), total


def _same_size(seen: NDArray[np.float64], side: NDArray[np.float64] | float) -> NDArray[np.bool_]:
    return np.asarray(np.abs(np.log(seen / side)) < SIZE_DIFFERS)


def _by_marks(seen: Points, places: Points) -> Matrix | None:
    if len(seen) == 3:
        affine = cv2.getAffineTransform(seen.astype(np.float32), places.astype(np.float32))
        return np.vstack([affine, [0, 0, 1]])
    matrix, _ = cv2.findHomography(seen, places)
    return None if matrix is None else np.asarray(matrix, np.float64)
