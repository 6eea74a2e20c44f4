"""Whether a box is ticked: it contains a cross, a tick or a fill, or is circled; its printed frame does not count."""

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
"""Width in dots of the zone next to the printed lines where remnants of them may lie."""
SPECK, STROKE = 0.25, 0.6
"""Ink reaching less than SPECK of the box's side is dirt; ink reaching more than STROKE of it is a pen stroke."""
ABOUT = 0.8
"""Weight of a stroke around the box relative to one through it."""
AWAY = round(0.8 * DOTS_PER_MM)
"""Distance in dots from which ink lies outside the box and its lines."""
BLACKENED, AROUND = 0.6, 0.3
"""A box is struck out if ink covers these shares of its area, inside and beyond its lines."""
SUREST = 0.995


RUN_THROUGH = Reason(
    ReasonCode.STRAY_INK, "something runs through the box and beyond it, such as a fold, a stain or a stroke"
)
STRUCK_OUT = Reason(ReasonCode.MARK_STRUCK_OUT, "the box is blackened, perhaps to take a tick back")


class MarkReading(NamedTuple):
    ticked: bool
    confidence: float
    """Between 0.5 and 1."""
    doubt: Reason | None = None
    """Why a person must look, even if the reading is certain."""


def mark_of(straight: RegisteredPage, field: Field) -> MarkReading:
    written = read_ink(straight, [field.box])
    inside = _inside(written)
    ink = (written.frame.dark.ink > 0) & (written.labels > 0)
    within = _longest(ink & inside & ~written.remains[written.labels])
    runs_through = bool((written.through & _near(inside)).any())
    # If something runs through the box, ink around it may be part of that.
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
    """Return all blobs that touch the box or its lines, such as a circle around it."""
    blobs = np.unique(written.labels[ink & _near(inside)])
    return np.isin(written.labels, blobs)


def _near(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the box including its lines."""
    return _grown(inside, AWAY + WALL)


def _inside(written: Written) -> NDArray[np.bool_]:
    left, top, right, bottom = np.rint(written.frame.cells[0]).astype(int)
    inside = np.zeros(written.labels.shape, bool)
    inside[top + WALL : bottom - WALL, left + WALL : right - WALL] = True
    return inside


def _longest(ink: NDArray[np.bool_]) -> int:
    """Return the extent of the longest blob; specks that nearly touch are separate."""
    _, _, sizes, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    return int(sizes[1:, cv2.CC_STAT_WIDTH : cv2.CC_STAT_HEIGHT + 1].max(initial=0))


def _side(inside: NDArray[np.bool_]) -> float:
    return float(min(inside.any(0).sum(), inside.any(1).sum()))


def _struck_out(written: Written, ink: NDArray[np.bool_], inside: NDArray[np.bool_]) -> bool:
    """Return whether the box was blackened beyond its lines, perhaps to take a tick back."""
    blobs = np.unique(written.labels[ink & inside])
    beyond = np.isin(written.labels, blobs) & ink & ~_grown(inside, AWAY)
    area = max(1, int(inside.sum()))
    return (ink & inside).sum() > BLACKENED * area and beyond.sum() > AROUND * area


def _grown(inside: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    return np.asarray(cv2.dilate(inside.astype(np.uint8), np.ones((2 * by + 1, 2 * by + 1), np.uint8)) > 0)
