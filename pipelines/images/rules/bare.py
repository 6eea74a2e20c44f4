"""A picture without printed lines: paper where they were, and the strokes that cross them whole."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pipelines.images.levels import as_bytes
from pipelines.images.rules.darkness import Grey, measure, smoothed
from pipelines.images.rules.erasing import LINE, erase
from pipelines.images.rules.seeking import FoundRule, trace

FRAME = 32
EDGE = 5
"""The soft edge of a line is paper as well, so many dots across."""


def without_rules(image: Grey, rules: Sequence[FoundRule]) -> Grey:
    """Paint paper over these rules in a picture that is dark on light."""
    # Beside its own reflection, a line along the rim is a line.
    framed = as_bytes(cv2.copyMakeBorder(image, *(FRAME,) * 4, cv2.BORDER_REFLECT_101))
    dark = measure(framed, is_shaded=False).within(FRAME)
    printed = (erase(dark, trace(dark.ink, rules)) == LINE).astype(np.uint8)
    kept = dark.ink & ~printed & 1
    bare = (cv2.dilate(printed, np.ones((EDGE, EDGE), np.uint8)) > 0) & (kept == 0)
    return as_bytes(np.where(bare, cv2.add(smoothed(image), dark.levels), image))
