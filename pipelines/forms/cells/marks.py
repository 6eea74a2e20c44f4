"""Whether a box is ticked: a cross, a tick, a fill or a circle through it, but not the printed box itself."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.cells.ink import Written, read_ink
from pipelines.forms.registration.registered_page import DOTS_PER_MM, RegisteredPage
from pipelines.forms.template import Field
from pipelines.inference.outcome import Reason, ReasonCode

WALL = round(0.3 * DOTS_PER_MM)
"""Next to the printed lines lies what was left of them."""
SPECK, STROKE = 0.25, 0.6
"""Ink that reaches less far through the box is dirt, more far a pen's; in shares of the box's side."""
ABOUT = 0.8
"""What goes around the box counts for less than what goes through it."""
AWAY = round(0.8 * DOTS_PER_MM)
"""From here on, ink is beyond the box and its lines."""
BLACKENED, AROUND = 0.6, 0.3
"""Ink over these shares of the box's inside and, beyond its lines, of its area strikes the box out."""
SUREST = 0.995


RUN_THROUGH = Reason(
    ReasonCode.STRAY_INK, "something runs through the box and beyond it, such as a fold, a stain or a stroke"
)
STRUCK_OUT = Reason(ReasonCode.MARK_STRUCK_OUT, "the box is blackened, perhaps to take a tick back")


class MarkReading(NamedTuple):
    ticked: bool
    confidence: float
    """From 0.5 to 1."""
    doubt: Reason | None = None
    """Why a person must look, however sure it is."""


def mark_of(straight: RegisteredPage, field: Field) -> MarkReading:
    written = read_ink(straight, [field.box])
    inside = _inside(written)
    ink = (written.frame.dark.ink > 0) & (written.labels > 0)
    within = _longest(ink & inside & ~written.remains[written.labels])
    runs_through = bool((written.through & _near(inside)).any())
    # What goes around a box through which something runs may be a part of that.
    about = 0 if runs_through else _longest(ink & _touching(written, ink, inside))
    reach = max(within, ABOUT * about) / max(1.0, _side(inside))
    ticked = float(np.clip((reach - SPECK) / (STROKE - SPECK), 0, 1))
    ticked = ticked * ticked * (3 - 2 * ticked)
    if runs_through:
        return MarkReading(ticked > 0.5, 0.5, RUN_THROUGH)
    if ticked > 0.5 and _struck_out(written, ink, inside):
        return MarkReading(True, 0.5, STRUCK_OUT)
    return MarkReading(ticked >= 0.5, 0.5 + (SUREST - 0.5) * abs(2 * ticked - 1))


def _touching(written: Written, ink: NDArray[np.bool_], inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """All of the blobs that touch the box or its lines, as a circle around it does."""
    blobs = np.unique(written.labels[ink & _near(inside)])
    return np.isin(written.labels, blobs)


def _near(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The box and its lines."""
    return _grown(inside, AWAY + WALL)


def _inside(written: Written) -> NDArray[np.bool_]:
    left, top, right, bottom = np.rint(written.frame.cells[0]).astype(int)
    inside = np.zeros(written.labels.shape, bool)
    inside[top + WALL : bottom - WALL, left + WALL : right - WALL] = True
    return inside


def _longest(ink: NDArray[np.bool_]) -> int:
    """How far the longest blob reaches; specks that nearly touch are not one."""
    _, _, sizes, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    return int(sizes[1:, cv2.CC_STAT_WIDTH : cv2.CC_STAT_HEIGHT + 1].max(initial=0))


def _side(inside: NDArray[np.bool_]) -> float:
    return float(min(inside.any(0).sum(), inside.any(1).sum()))


def _struck_out(written: Written, ink: NDArray[np.bool_], inside: NDArray[np.bool_]) -> bool:
    """Whether a box that may have been ticked was blackened beyond its lines, to take the tick back."""
    blobs = np.unique(written.labels[ink & inside])
    beyond = np.isin(written.labels, blobs) & ink & ~_grown(inside, AWAY)
    area = max(1, int(inside.sum()))
    return (ink & inside).sum() > BLACKENED * area and beyond.sum() > AROUND * area


def _grown(inside: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    return np.asarray(cv2.dilate(inside.astype(np.uint8), np.ones((2 * by + 1, 2 * by + 1), np.uint8)) > 0)
