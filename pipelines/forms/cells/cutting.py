"""The ink in each cell of a field, without the printed lines and without the ink of neighbouring cells."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.cells.blank import is_blank
from pipelines.forms.cells.frames import boxes_of
from pipelines.forms.cells.ink import Written, read_ink
from pipelines.forms.cells.owners import owners_of
from pipelines.forms.registration.registered_page import RegisteredPage
from pipelines.forms.template import Box, Field
from pipelines.images.rules.darkness import Grey

FLAT = 0.5
"""The height of a digit is at least this share of its width."""
ROOM = 0.25
"""Margin of paper around the ink, as a share of its longer side, so that no ink is mistaken for part of the box."""


@dataclass(frozen=True)
class CellCut:
    image: Grey
    """The ink on white paper; the empty cell if it is blank."""
    blank: bool
    box: Box
    """The position of the cell on the straightened page."""
    disturbed: bool = False
    """Whether something that extends beyond the field, such as a fold or a stain, runs through the cell."""
    fuller: Grey | None = None
    """The ink including a piece of the printed line, if a stroke may lie along it."""
    flat: bool = False
    """Whether the ink is too wide for a digit of its height, like a dash through an unused cell."""


@dataclass(frozen=True)
class FieldCut:
    image: Grey
    blank: bool
    """Whether the field contains nothing but specks."""
    disturbed: bool


def cut_cells(straight: RegisteredPage, field: Field) -> list[CellCut]:
    written = read_ink(straight, boxes_of(field))
    owners = owners_of(written)
    return [_cut(written, owners, at) for at in range(len(written.frame.cells))]


def cut_field(straight: RegisteredPage, field: Field) -> FieldCut:
    """Cut out a field with a single box: all its ink on white paper, without the lines of the box."""
    written = read_ink(straight, [field.box])
    owners = owners_of(written)
    # Free digits seldom lie along the lines of the box, so ink that may belong to either more likely belongs to a line.
    box, mine = written.frame.cells[0], (owners == 0) & ~written.perhaps
    blank = is_blank(written.labels, mine)
    return FieldCut(_picture(written, mine, _window(written, box, mine)), blank, written.runs_through(box))


def _cut(written: Written, owners: NDArray[np.int32], at: int) -> CellCut:
    cell = written.frame.cells[at]
    box, disturbed = written.frame.on_page(cell), written.runs_through(cell)
    mine = owners == at
    bare = mine & ~written.perhaps
    left, top, right, bottom = (max(0, round(side)) for side in cell)
    x, y, width, height = cv2.boundingRect(bare.astype(np.uint8))
    around = (slice(y, y + height), slice(x, x + width))
    if is_blank(written.labels[around], bare[around], bottom - top):
        return CellCut(_picture(written, mine, (left, top, right, bottom)), True, box, disturbed)
    fuller = _close(written, mine) if mine.sum() > bare.sum() else None
    return CellCut(_close(written, bare), False, box, disturbed, fuller, height < FLAT * width)


def _close(written: Written, mine: NDArray[np.bool_]) -> Grey:
    """Return a picture of this ink with a margin around it."""
    x, y, width, height = cv2.boundingRect(mine.astype(np.uint8))
    room = round(ROOM * max(width, height)) + 1
    return _picture(written, mine, (x - room, y - room, x + width + room, y + height + room))


def _window(written: Written, cell: NDArray[np.float64], mine: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return the cell, extended as far as its ink reaches."""
    left, top, right, bottom = (round(side) for side in cell)
    x, y, width, height = cv2.boundingRect(mine.astype(np.uint8))
    if not width:
        return left, top, right, bottom
    return min(left, x - 2), min(top, y - 2), max(right, x + width + 2), max(bottom, y + height + 2)


def _picture(written: Written, mine: NDArray[np.bool_], window: tuple[int, int, int, int]) -> Grey:
    """Draw the ink dark on white paper; the part of the window outside the frame is white."""
    left, top, right, bottom = window
    height, width = mine.shape
    picture = np.full((bottom - top, right - left), 255, np.uint8)
    rows, columns = slice(max(0, top), min(height, bottom)), slice(max(0, left), min(width, right))
    inside = picture[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    np.subtract(255, written.levels[rows, columns], out=inside, where=mine[rows, columns])
    return picture
