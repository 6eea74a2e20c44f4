"""What darkens a field from beyond it, and is no ink in it: stains and shadows, which are wide, and folds, which are
straight. A pen that fills in a field is narrow and crooked, and stays near it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.levels import as_bytes

Grey = NDArray[np.uint8]

SMALLER = 4
WIDE = 3
"""Places of the small copy across which a stroke is not dark everywhere."""
RIM = 16
"""Dots at each side of the picture that lie beyond the field."""
LEAN = 10
"""Dots by which a fold may lean from one side of the field to the other."""
PRINTED = 0.5
"""What is so dark, beside the darkest there is, may be a printed line, which others find and take out."""


def find_shade(levels: Grey, faintest: float) -> Grey:
    """By how many levels each place is darker than its paper for what comes from beyond the field."""
    shade = _wide(levels, faintest)
    rest = as_bytes(cv2.subtract(levels, shade))
    most = PRINTED * float(np.partition(rest.ravel(), -(rest.size // 50 + 1))[-(rest.size // 50 + 1)])
    flat = _fold(rest, faintest / 2, most)
    upright = _fold(np.ascontiguousarray(rest.T), faintest / 2, most).T
    return as_bytes(cv2.add(shade, cv2.max(flat, np.ascontiguousarray(upright))))


def _wide(levels: Grey, faintest: float) -> Grey:
    """What is wider than a stroke, and reaches in from the rim without getting lighter on its way."""
    height, width = levels.shape
    size = (max(1, width // SMALLER), max(1, height // SMALLER))
    small = cv2.resize(levels, size, interpolation=cv2.INTER_AREA)
    opened = as_bytes(cv2.morphologyEx(small, cv2.MORPH_OPEN, np.ones((WIDE, WIDE), np.uint8)))
    inside = np.zeros_like(opened)
    inside[1:-1, 1:-1] = 255
    reached = as_bytes(np.where(inside, 0, opened))
    if reached.max(initial=0) < faintest / 2:
        return np.zeros_like(levels)
    for _ in range(sum(opened.shape)):
        further = as_bytes(cv2.min(cv2.dilate(reached, np.ones((3, 3), np.uint8)), opened))
        if np.array_equal(further, reached):
            break
        reached = further
    shade, near = (
        cv2.resize(one, (width, height), interpolation=cv2.INTER_LINEAR)
        for one in (reached, cv2.dilate(reached, np.ones((3, 3), np.uint8)))
    )
    # Its edge may be sharper than the small copy shows.
    return np.where(levels <= near, levels, shade).astype(np.uint8)


def _fold(levels: Grey, least: float, most: float) -> Grey:
    """What is there at both sides of the picture, and so all the way between them, and is not as dark as print."""
    height, width = levels.shape
    left, right = (_profile(side, least, most) for side in (levels[:, :RIM], levels[:, -RIM:]))
    if not (left.any() and right.any()):
        return np.zeros_like(levels)
    moved = [np.minimum(left, np.roll(right, -lean)) for lean in range(-LEAN, LEAN + 1)]
    best = max(range(len(moved)), key=lambda at: (int(moved[at].sum()), -abs(at - LEAN)))
    common = np.ascontiguousarray(np.broadcast_to(moved[best][:, None], (height, width)))
    sheared = np.array([[1, 0, 0], [(best - LEAN) / width, 1, 0]], np.float64)
    return as_bytes(cv2.warpAffine(common, sheared, (width, height), flags=cv2.INTER_LINEAR))


def _profile(side: Grey, least: float, most: float) -> Grey:
    """How dark each row is in the median, a little broader than it is; nothing where it is too light or too dark."""
    rows = np.partition(side, side.shape[1] // 2, axis=1)[:, side.shape[1] // 2]
    broad = cv2.dilate(np.ascontiguousarray(rows)[:, None], np.ones((3, 1), np.uint8))[:, 0]
    return np.where((broad >= least) & (broad <= most), broad, 0).astype(np.uint8)
