"""The ink in a field as blobs, without printed lines and without anything that merely runs through the field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.cells.frames import Frame
from pipelines.forms.cells.placing import find_frame
from pipelines.forms.cells.stains import creases, pen_strokes, through_blobs
from pipelines.forms.registration.registered_page import RegisteredPage
from pipelines.forms.template import Box
from pipelines.images.rules.darkness import Grey
from pipelines.images.rules.erasing import LINE, PERHAPS, erase
from pipelines.images.rules.lines import PrintedLine

REMAINS = 4
"""Ink within this many dots of a printed line is a remnant of it."""


@dataclass(frozen=True)
class Written:
    """The ink of a field as blobs, without the printed lines."""

    frame: Frame
    lines: list[PrintedLine]
    levels: Grey
    labels: NDArray[np.int32]
    sizes: NDArray[np.int32]
    """[blobs, 5] as in OpenCV: left, top, width, height, area; the first row is the paper."""
    remains: NDArray[np.bool_]
    """Which blobs are remnants of a line."""
    through: NDArray[np.bool_]
    """[height, width]: where something extends beyond the field. Only what a pen may have drawn is kept there."""
    perhaps: NDArray[np.bool_]
    """[height, width]: ink of a printed line that may also be a stroke along it."""

    def runs_through(self, cell: NDArray[np.float64]) -> bool:
        """Return whether a fold, a stain or the like runs through the cell itself and not only along its lines."""
        left, top, right, bottom = np.rint(cell).astype(int) + REMAINS * np.array([1, 1, -1, -1])
        return bool(self.through[max(0, top) : bottom, max(0, left) : right].any())


def read_ink(straight: RegisteredPage, boxes: Sequence[Box]) -> Written:
    frame, lines = find_frame(straight.image, boxes)
    printed = erase(frame.dark, lines)
    erased = (printed == LINE).astype(np.uint8)
    ink = frame.dark.ink & ~erased & 1
    labels, sizes = _blobs(ink, erased)
    reaching = through_blobs(labels, len(sizes))
    running = reaching[labels] & (ink > 0)
    if running.any():
        ink = np.where(running & ~pen_strokes(frame.dark, lines), 0, ink).astype(np.uint8)
        labels, sizes = _blobs(ink, erased)
        labels = np.where(creases(labels, sizes)[labels], 0, labels)
    remains = _remains(ink, labels, len(sizes), lines)
    through = running | (frame.dark.shade > frame.dark.faintest)
    return Written(frame, lines, frame.dark.levels, labels, sizes, remains, through, _perhaps(printed, ink))


def _perhaps(printed: Grey, ink: Grey) -> NDArray[np.bool_]:
    """Return the uncertain ink including its soft edge, which also belongs to the blobs."""
    sure = ink & (printed != PERHAPS)
    return np.asarray((cv2.dilate((printed == PERHAPS).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & (sure == 0))


def _blobs(ink: Grey, erased: Grey) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    # Dilation keeps a faint, broken stroke together as one blob.
    near = cv2.dilate(ink, np.ones((3, 3), np.uint8))
    _, labels, sizes, _ = cv2.connectedComponentsWithStats(near, connectivity=8, ltype=cv2.CV_32S)
    return np.asarray(labels, np.int32) * (1 - erased), np.asarray(sizes, np.int32)


def _remains(ink: Grey, labels: NDArray[np.int32], count: int, lines: Sequence[PrintedLine]) -> NDArray[np.bool_]:
    beside = _beside(lines, ink.shape)
    whole = np.bincount(labels[ink > 0], minlength=count)
    within = np.bincount(labels[(ink & beside) > 0], minlength=count)
    return within >= 0.9 * whole


def _beside(lines: Sequence[PrintedLine], shape: tuple[int, ...]) -> Grey:
    """Return 1 on and close to the printed lines, including where a rounded corner departs from them."""
    beside = np.zeros(shape, np.uint8)
    for line in lines:
        along = np.arange(line.start, line.stop)
        points = np.stack([along, line.middles] if line.flat else [line.middles, along], 1)
        width = round(line.thickness) + 2 * REMAINS
        cv2.polylines(beside, [np.rint(points[[0, len(points) // 2, -1]]).astype(np.int32)], False, 1, width)
    return beside
