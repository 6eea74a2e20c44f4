"""What is written in a field's cells: each one's ink alone, without the printed lines and its neighbours' ink."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.cells.darkness import Grey
from pipelines.forms.cells.erasing import LINE, PERHAPS, erase
from pipelines.forms.cells.frames import Cells, Frame, boxes_of
from pipelines.forms.cells.lines import Line
from pipelines.forms.cells.placing import find_frame
from pipelines.forms.cells.stains import creases, pen_strokes, through_blobs
from pipelines.forms.paper.straight import DOTS_PER_MM, Straight
from pipelines.forms.template import Box, Field

SHORTEST = 1.2 * DOTS_PER_MM
"""Ink that reaches less far is a speck."""
SHORTEST_SHARE = 0.22
"""The same as a share of the cell's height."""
REMAINS = 4
"""Ink that lies within so many dots of a printed line is what was left of it."""
OWNED = 0.75
"""A blob with this share of its ink in one cell belongs to it whole; others are cut where the cells meet."""
ROOM = 0.25
"""Paper left around the ink, as a share of its longer side, so that none of it is taken for a box's remains."""


@dataclass(frozen=True)
class CellCut:
    image: Grey
    """The ink on white paper; the empty cell, if it is blank."""
    blank: bool
    box: Box
    """Where the cell is on the straightened page."""
    disturbed: bool = False
    """Whether something runs through it that goes on beyond the field, as a fold or a stain does."""
    fuller: Grey | None = None
    """The ink with a piece of the printed line, where a stroke may lie along that."""


@dataclass(frozen=True)
class FieldCut:
    image: Grey
    blank: bool
    """Whether there are specks in it at most."""
    disturbed: bool


@dataclass(frozen=True)
class Written:
    """A field's ink without its lines, as blobs."""

    frame: Frame
    lines: list[Line]
    levels: Grey
    labels: NDArray[np.int32]
    sizes: NDArray[np.int32]
    """[blobs, 5] as OpenCV counts them: left, top, width, height, area; the first is the paper."""
    remains: NDArray[np.bool_]
    """Which blobs are what was left of a line."""
    through: NDArray[np.bool_]
    """[height, width]: where something ran on beyond the field. Of that, only what a pen may have drawn is left."""
    perhaps: NDArray[np.bool_]
    """[height, width]: ink that is a printed line's, and perhaps also a stroke's along it."""

    def runs_through(self, cell: NDArray[np.float64]) -> bool:
        """Whether a fold, a stain or the like is in this cell, and not just on its lines."""
        left, top, right, bottom = np.rint(cell).astype(int) + REMAINS * np.array([1, 1, -1, -1])
        return bool(self.through[max(0, top) : bottom, max(0, left) : right].any())


def cut_cells(straight: Straight, field: Field) -> list[CellCut]:
    written = read_ink(straight, boxes_of(field))
    owners = _owners(written)
    return [_cut(written, owners, at) for at in range(len(written.frame.cells))]


def cut_field(straight: Straight, field: Field) -> FieldCut:
    """A field of one box with all that is written in it, on white paper, without the box's lines."""
    written = read_ink(straight, [field.box])
    owners = _owners(written)
    box, mine = written.frame.cells[0], owners == 0
    blank = _longest_blob(written.labels, mine) < SHORTEST
    return FieldCut(_picture(written, mine, _window(written, box, mine)), blank, written.runs_through(box))


def read_ink(straight: Straight, boxes: Sequence[Box]) -> Written:
    frame, lines = find_frame(straight.image, boxes)
    printed = erase(frame.dark, lines)
    erased = (printed == LINE).astype(np.uint8)
    ink = frame.dark.ink & ~erased & 1
    labels, sizes = _blobs(ink, erased)
    reaching = through_blobs(labels, len(sizes))
    through = reaching[labels] & (ink > 0)
    if through.any():
        ink = np.where(through & ~pen_strokes(frame.dark, lines), 0, ink).astype(np.uint8)
        labels, sizes = _blobs(ink, erased)
        labels = np.where(creases(labels, sizes)[labels], 0, labels)
    remains = _remains(ink, labels, len(sizes), lines)
    return Written(frame, lines, frame.dark.levels, labels, sizes, remains, through, printed == PERHAPS)


def _blobs(ink: Grey, erased: Grey) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    # A faint stroke that breaks up is one blob.
    near = cv2.dilate(ink, np.ones((3, 3), np.uint8))
    _, labels, sizes, _ = cv2.connectedComponentsWithStats(near, connectivity=8, ltype=cv2.CV_32S)
    return np.asarray(labels, np.int32) * (1 - erased), np.asarray(sizes, np.int32)


def _remains(ink: Grey, labels: NDArray[np.int32], count: int, lines: Sequence[Line]) -> NDArray[np.bool_]:
    beside = _beside(lines, ink.shape)
    whole = np.bincount(labels[ink > 0], minlength=count)
    within = np.bincount(labels[(ink & beside) > 0], minlength=count)
    return within >= 0.9 * whole


def _beside(lines: Sequence[Line], shape: tuple[int, ...]) -> Grey:
    """1 on the printed lines and close to them, also where a rounded corner leaves them."""
    beside = np.zeros(shape, np.uint8)
    for line in lines:
        along = np.arange(line.start, line.stop)
        points = np.stack([along, line.middles] if line.flat else [line.middles, along], 1)
        width = round(line.thickness) + 2 * REMAINS
        cv2.polylines(beside, [np.rint(points[[0, len(points) // 2, -1]]).astype(np.int32)], False, 1, width)
    return beside


def _owners(written: Written) -> NDArray[np.int32]:
    """The cell to which the ink at each dot belongs, or -1."""
    cells, labels = written.frame.cells, written.labels
    count, blobs = len(cells), len(written.sizes)
    inked = np.flatnonzero(labels)
    blob = labels.ravel()[inked]
    place = _places(cells, labels.shape).ravel()[inked]
    shares = np.bincount(blob * (count + 1) + place, minlength=blobs * (count + 1)).reshape(blobs, count + 1)
    inside = shares[:, 1:].sum(1)
    # What lies outside for the most part is print around the field.
    kept = (inside >= 0.5 * shares.sum(1)) & ~written.remains
    whole = shares[:, 1:].max(1) >= OWNED * inside
    owner = np.where(whole[blob], shares[:, 1:].argmax(1)[blob], place - 1)
    owners = np.full(labels.shape, -1, np.int32)
    owners.ravel()[inked] = np.where(kept[blob], owner, -1)
    return owners


def _places(cells: Cells, shape: tuple[int, ...]) -> NDArray[np.int32]:
    """The number of the cell at each dot, from 1; 0 outside of all."""
    places = np.zeros(shape, np.int32)
    for at, cell in enumerate(cells):
        left, top, right, bottom = (max(0, round(side)) for side in cell)
        places[top:bottom, left:right] = at + 1
    return places


def _cut(written: Written, owners: NDArray[np.int32], at: int) -> CellCut:
    cell = written.frame.cells[at]
    box, disturbed = written.frame.on_page(cell), written.runs_through(cell)
    mine = owners == at
    left, top, right, bottom = (max(0, round(side)) for side in cell)
    x, y, width, height = cv2.boundingRect(mine.astype(np.uint8))
    around = (slice(y, y + height), slice(x, x + width))
    if _longest_blob(written.labels[around], mine[around]) < max(SHORTEST, SHORTEST_SHARE * (bottom - top)):
        return CellCut(_picture(written, mine, (left, top, right, bottom)), True, box, disturbed)
    bare = mine & ~written.perhaps
    if bare.sum() == mine.sum() or not bare.any():
        return CellCut(_close(written, mine), False, box, disturbed)
    return CellCut(_close(written, bare), False, box, disturbed, fuller=_close(written, mine))


def _close(written: Written, mine: NDArray[np.bool_]) -> Grey:
    """A picture of this ink with some room around it."""
    x, y, width, height = cv2.boundingRect(mine.astype(np.uint8))
    room = round(ROOM * max(width, height)) + 1
    return _picture(written, mine, (x - room, y - room, x + width + room, y + height + room))


def _longest_blob(labels: NDArray[np.int32], mine: NDArray[np.bool_]) -> int:
    """How many dots the longest blob reaches down or across."""
    longest = 0
    for blob in np.unique(labels[mine]):
        _, _, width, height = cv2.boundingRect((mine & (labels == blob)).astype(np.uint8))
        longest = max(longest, width, height)
    return longest


def _window(written: Written, cell: NDArray[np.float64], mine: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """The cell, and beyond it as far as its ink reaches."""
    left, top, right, bottom = (round(side) for side in cell)
    x, y, width, height = cv2.boundingRect(mine.astype(np.uint8))
    if not width:
        return left, top, right, bottom
    return min(left, x - 2), min(top, y - 2), max(right, x + width + 2), max(bottom, y + height + 2)


def _picture(written: Written, mine: NDArray[np.bool_], window: tuple[int, int, int, int]) -> Grey:
    """Dark ink on white paper; what the window has beyond the frame is paper."""
    left, top, right, bottom = window
    height, width = mine.shape
    picture = np.full((bottom - top, right - left), 255, np.uint8)
    rows, columns = slice(max(0, top), min(height, bottom)), slice(max(0, left), min(width, right))
    inside = picture[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    np.subtract(255, written.levels[rows, columns], out=inside, where=mine[rows, columns])
    return picture
