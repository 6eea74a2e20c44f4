"""The paper under the ink of one digit, with its shading."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.levels import as_bytes

Grey = NDArray[np.uint8]

SIDE = 64
"""Shading is smooth, so a copy of this size shows it as well as a large scan."""
BLOCKS = 4
"""Blocks along each side, nearly all of which show some paper, however broad the strokes are."""
CENTRES = (np.arange(BLOCKS, dtype=np.float32) * 2 + 1) / BLOCKS - 1
"""Where the blocks lie, from -1 to 1."""
_BASIS = np.stack([m.ravel() for m in (np.ones((BLOCKS, BLOCKS)), *np.meshgrid(CENTRES, CENTRES, indexing="ij"))])
PARTS = (_BASIS / np.square(_BASIS).sum(1, keepdims=True)).astype(np.float32)
"""From levels of blocks to a plane's level in the middle and its slopes, down and across."""
_FIT = (_BASIS.T @ PARTS).astype(np.float32)
ROUNDS = 6
"""How often the plane of the paper is lowered to what lies below it."""
EVEN = 4.0
"""A shadow of fewer grey levels from side to side needs no plane."""
STROKES = 5
"""A stroke is narrower than this part of the picture."""
STAIN = 0.6
"""How dark a stain can be, as a share of the threshold between paper and ink; what is darker is broad ink."""


def paper_of(bright: Grey) -> Grey | int:
    """The paper of a picture with bright ink: a plane of shade, and stains that are wider than strokes."""
    small = reduced(bright)
    plane = plane_of(small)
    rest = without(small, plane)
    stains = _stains(rest)
    if stains is None:
        return plane if isinstance(plane, int) else _full_size(plane, bright.shape)
    return _full_size(as_bytes(np.minimum(stains, 255 - plane) + plane), bright.shape)


def without(bright: Grey, paper: Grey | int) -> Grey:
    return as_bytes(np.maximum(bright, paper) - paper)


def reduced(grey: Grey) -> Grey:
    height, width = grey.shape
    factor = SIDE / max(height, width)
    if factor >= 1:
        return grey
    # A strip may be too thin to be scaled down by as much.
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return as_bytes(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))


def _of_blocks(grey: Grey, extreme: np.ufunc) -> NDArray[Any]:
    """The lowest or highest level in each of 4 by 4 blocks."""
    rows, columns = (np.arange(BLOCKS) * side // BLOCKS for side in grey.shape)
    found: NDArray[Any] = extreme.reduceat(extreme.reduceat(grey, rows, 0), columns, 1)
    return found


def plane_of(small: Grey) -> Grey | int:
    """Blocks without paper lie above the plane of the others, and are lowered to it."""
    lowest = _of_blocks(small, np.minimum).astype(np.float32).ravel()
    for _ in range(ROUNDS if np.ptp(lowest) >= EVEN else 0):
        lowest = np.minimum(lowest, _FIT @ lowest)
    level, down, across = (PARTS @ lowest).tolist()
    if 2 * max(abs(down), abs(across)) < EVEN:
        return max(0, round(level))
    height, width = small.shape
    plane = level + np.add.outer(down * _positions(height), across * _positions(width))
    return np.clip(plane, 0, 255).astype(np.uint8)


@cache
def _positions(side: int) -> NDArray[np.float32]:
    return ((np.arange(side, dtype=np.float32) * 2 + 1) / side - 1).astype(np.float32)


def _stains(rest: Grey) -> Grey | None:
    """What is wider than a stroke, and not as dark as broad ink, or None: strokes are opened away."""
    reach = max(rest.shape) // STROKES | 1
    # At the rim half of the element counts: so strokes that end there go, and what lies beyond is not guessed.
    opened = as_bytes(cv2.morphologyEx(rest, cv2.MORPH_OPEN, np.ones((reach, reach), np.uint8)))
    if opened.any():
        threshold, _ = cv2.threshold(rest, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
        opened[opened > STAIN * threshold] = 0
    return as_bytes(cv2.blur(opened, (reach, reach))) if opened.any() else None


def _full_size(paper: Grey, shape: tuple[int, ...]) -> Grey:
    height, width = shape
    if paper.shape == shape:
        return paper
    return as_bytes(cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR))
