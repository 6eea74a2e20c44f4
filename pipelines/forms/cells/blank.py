"""Whether a cell is blank: none of its ink reaches as far as the shortest stroke of a digit would."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.registration.registered_page import DOTS_PER_MM

SHORTEST = 1.5 * DOTS_PER_MM
"""Ink shorter than this many dots is a speck."""
SHORTEST_SHARE = 0.22
"""The same limit as a share of the cell's height, in which larger cells are filled with larger digits."""
LONGEST_SPECK = 2.0 * DOTS_PER_MM
"""The most that this share may come to: nobody's digits grow with the cell for ever, and specks do not at all."""


def is_blank(labels: NDArray[np.int32], ink: NDArray[np.bool_], cell_height: float = 0.0) -> bool:
    """Return whether the ink consists only of specks; `labels` identifies its blobs."""
    return _longest_blob(labels, ink) < max(SHORTEST, min(SHORTEST_SHARE * cell_height, LONGEST_SPECK))


def _longest_blob(labels: NDArray[np.int32], ink: NDArray[np.bool_]) -> int:
    """Return the extent in dots of the longest blob, down or across."""
    longest = 0
    for blob in np.unique(labels[ink]):
        _, _, width, height = cv2.boundingRect((ink & (labels == blob)).astype(np.uint8))
        longest = max(longest, width, height)
    return longest
