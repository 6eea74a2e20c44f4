"""Shading that enters a field from outside and is not ink: wide stains and shadows, and straight folds. The strokes of
a pen that fills in the field are narrow and crooked, and stay near the field."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.levels import as_bytes

Grey = NDArray[np.uint8]

SMALLER = 4
WIDE = 3
"""Width of shading in pixels of the small copy; strokes are not dark across all of it."""
RIM = 16
"""Width in dots of the rim of the picture, which lies outside the field."""
LEAN = 10
"""By how many dots a fold may lean from one side of the field to the other."""
PRINTED = 0.5
"""Anything darker than this share of the darkest ink may be a printed line, which is removed elsewhere."""


def find_shade(levels: Grey, faintest: float) -> Grey:
    """Return by how many grey levels shading from outside the field darkens each pixel."""
    shade = _wide(levels, faintest)
    rest = as_bytes(cv2.subtract(levels, shade))
    most = PRINTED * float(np.partition(rest.ravel(), -(rest.size // 50 + 1))[-(rest.size // 50 + 1)])
    flat = _fold(rest, faintest / 2, most)
    upright = _fold(np.ascontiguousarray(rest.T), faintest / 2, most).T
    return as_bytes(cv2.add(shade, cv2.max(flat, np.ascontiguousarray(upright))))


def _wide(levels: Grey, faintest: float) -> Grey:
    """Return shading that is wider than a stroke and extends in from the rim without getting lighter."""
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
    # The edge may be sharper than the small copy shows.
    return np.where(levels <= near, levels, shade).astype(np.uint8)


def _fold(levels: Grey, least: float, most: float) -> Grey:
    """Return shading that is present at both sides of the picture, and so in between, but lighter than print."""
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
    """Return the median darkness of each row, slightly widened; 0 where it is too light or too dark."""
    rows = np.partition(side, side.shape[1] // 2, axis=1)[:, side.shape[1] // 2]
    broad = cv2.dilate(np.ascontiguousarray(rows)[:, None], np.ones((3, 1), np.uint8))[:, 0]
    return np.where((broad >= least) & (broad <= most), broad, 0).astype(np.uint8)
