"""Whether a box is ticked: a cross, a tick, a fill or a circle through it, but not the printed box itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.forms.cells import Written, read_ink
from pipelines.forms.straight import DOTS_PER_MM, Straight
from pipelines.forms.template import Field

WALL = round(0.3 * DOTS_PER_MM)
"""Next to the printed lines lies what was left of them."""
SPECK, STROKE = 0.15, 0.5
"""Ink that reaches less far through the box is dirt, more far a pen's; in shares of the box's side."""
BLACKENED, AROUND = 0.6, 0.3
"""Ink over these shares of the box's inside and, beyond its lines, of its area strikes the box out."""
SUREST = 0.995


def mark_of(straight: Straight, field: Field) -> tuple[bool, float]:
    """Ticked or not, and how sure that is, from 0.5 to 1."""
    written = read_ink(straight, [field.box])
    inside = _inside(written)
    ink = (written.labels > 0) & ~written.remains[written.labels]
    reach = _reach(written, ink & inside) / max(1.0, _side(inside))
    ticked = float(np.clip((reach - SPECK) / (STROKE - SPECK), 0, 1))
    ticked = ticked * ticked * (3 - 2 * ticked)
    if ticked > 0.5 and _struck_out(written, ink, inside):
        return True, 0.5
    return ticked >= 0.5, 0.5 + (SUREST - 0.5) * abs(2 * ticked - 1)


def _inside(written: Written) -> NDArray[np.bool_]:
    left, top, right, bottom = np.rint(written.frame.cells[0]).astype(int)
    inside = np.zeros(written.labels.shape, bool)
    inside[top + WALL : bottom - WALL, left + WALL : right - WALL] = True
    return inside


def _side(inside: NDArray[np.bool_]) -> float:
    return float(min(inside.any(0).sum(), inside.any(1).sum()))


def _reach(written: Written, ink: NDArray[np.bool_]) -> float:
    """How far the longest blob of this ink reaches."""
    longest = 0
    for blob in np.unique(written.labels[ink]):
        rows, columns = np.nonzero(ink & (written.labels == blob))
        longest = max(longest, int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1)
    return float(longest)


def _struck_out(written: Written, ink: NDArray[np.bool_], inside: NDArray[np.bool_]) -> bool:
    """Whether a box that may have been ticked was blackened beyond its lines, to take the tick back."""
    blobs = np.unique(written.labels[ink & inside])
    beyond = np.isin(written.labels, blobs) & ink & ~inside
    area = max(1, int(inside.sum()))
    return (ink & inside).sum() > BLACKENED * area and beyond.sum() > AROUND * area
