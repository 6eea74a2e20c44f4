"""Whether a number is darker than its paper, also where ink or what lies around the paper has much of the picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.paper import reduced
from pipelines.images.polarity import evidence

Picture = NDArray[np.uint8]

SURE = 0.4
"""So lopsided are the differences from the surroundings only where ink is the little that differs."""
EVIDENCE = np.array([3.1, 2.5, 4.7, 1.8])
"""What each in `evidence` says for dark ink where they are less lopsided: fitted to drawn numbers and digits that were
cut out closely, and to numbers with broad bands along their sides, of which pictures of single digits have none."""


def is_ink_dark(smooth: Picture, reach: int) -> bool:
    return darker(smooth, reach) > 0


def darker(smooth: Picture, reach: int) -> float:
    """Above 0 if ink is darker than paper, up to 1; `reach` is the size of a window that is wider than any stroke."""
    lopsided = _lopsided(smooth, reach)
    if abs(lopsided) >= SURE:
        return lopsided
    return float(np.copysign(SURE, EVIDENCE @ evidence(reduced(smooth))))


def _lopsided(smooth: Picture, reach: int) -> float:
    """1 if all that differs from its surroundings is darker, -1 if it is lighter; large differences count."""
    difference = smooth.astype(np.float32) - cv2.blur(smooth, (reach, reach))
    # As a power it costs fifty times as much.
    cubes = difference * difference * difference
    return -float(cubes.sum()) / (cv2.norm(cubes, cv2.NORM_L1) or 1.0)
