"""Folds, stains, tears and long strokes that run through a field and beyond it, unlike the ink of its answer."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.registration.registered_page import DOTS_PER_MM
from pipelines.images.rules.darkness import Darkness, Grey
from pipelines.images.rules.lines import PrintedLine

WIDER = round(1.6 * DOTS_PER_MM)
"""Anything wider than this many dots is not a pen stroke."""
FAINT = 0.5
"""Ink that runs through the field and is lighter than this share of the print is not a pen stroke."""


def through_blobs(labels: NDArray[np.int32], count: int) -> NDArray[np.bool_]:
    """Return which blobs reach the rim of the picture, which is well outside the field."""
    reaching = np.zeros(count, bool)
    for rim in (labels[:2], labels[-2:], labels[:, :2], labels[:, -2:]):
        reaching[np.unique(rim)] = True
    reaching[0] = False
    return reaching


def creases(labels: NDArray[np.int32], sizes: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return which blobs are thin and run from rim to rim, so that they are a crease or the edge of a shadow."""
    sides = sizes[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    whole = sides >= np.array(labels.shape[::-1]) - 4
    thin = sides <= WIDER
    return np.asarray((whole[:, 0] & thin[:, 1]) | (whole[:, 1] & thin[:, 0]))


def pen_strokes(dark: Darkness, lines: Sequence[PrintedLine]) -> NDArray[np.bool_]:
    """Return where the page is as dark as a pen makes it: above wide shading and not much lighter than the print."""
    above = cv2.morphologyEx(dark.levels, cv2.MORPH_TOPHAT, np.ones((WIDER, WIDER), np.uint8))
    return np.asarray(above > max(dark.faintest, FAINT * _print(dark.levels, lines)))


def _print(levels: Grey, lines: Sequence[PrintedLine]) -> float:
    """Return the median darkness of the printed lines; 0 if there are none."""
    seen = [_along(levels if line.flat else levels.T, line) for line in lines]
    return float(np.median(np.concatenate(seen))) if seen else 0.0


def _along(levels: Grey, line: PrintedLine) -> Grey:
    along = np.arange(line.start, line.stop).clip(0, levels.shape[1] - 1)
    return levels[np.rint(line.middles).astype(np.intp).clip(0, levels.shape[0] - 1), along]
