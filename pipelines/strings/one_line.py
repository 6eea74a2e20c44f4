"""Whether a picture holds one number and nothing else, however closely it was cut out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.images.rules.seeking import FoundRule
from pipelines.strings.runs import GAP, SMALLEST, Blobs, Boxes, apart, around, hang

FILLS = 1 / 3
"""The number is at least this share of the picture tall."""
PART, FLAT_PART = 0.35, 0.5
"""What is less tall than this share of the tallest, or that one if it is flat, is a part of a digit or a mark."""


def one_line(found: Blobs, rules: Sequence[FoundRule] = ()) -> Boxes | None:
    """The box around what is written in a picture, if that is one line that fills it.

    Nothing of it stands beyond an upright one of the rules.
    """
    blobs = found.boxes
    wide, tall = (blobs[:, 2:] - blobs[:, :2]).T
    if not len(blobs) or tall.max() < max(FILLS * found.height, SMALLEST):
        return None
    tallest = blobs[tall.argmax()]
    parts = np.where(wide > 2 * tall, FLAT_PART, PART)
    digits = blobs[(tall >= parts * tall.max()) & ~hang(blobs, tallest[None])[:, 0]]
    shared = np.minimum(digits[:, 3], tallest[3]) - np.maximum(digits[:, 1], tallest[1])
    if (shared < 0.5 * (digits[:, 3] - digits[:, 1])).any() or apart(digits, rules).any():
        return None
    line = around(digits)
    return line if _widest_gap(blobs, line) <= GAP * tall.max() else None


def _widest_gap(blobs: Boxes, line: Boxes) -> int:
    """The widest gap between blobs of a line, be they digits or marks."""
    middles = (blobs[:, 1] + blobs[:, 3]) / 2
    within = blobs[(line[1] <= middles) & (middles <= line[3]) & (line[0] <= blobs[:, 0]) & (blobs[:, 2] <= line[2])]
    within = within[np.argsort(within[:, 0])]
    return int((within[1:, 0] - np.maximum.accumulate(within[:, 2])[:-1]).max(initial=0))
