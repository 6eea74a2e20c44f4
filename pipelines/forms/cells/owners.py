"""Assignment of strokes to cells: a stroke belongs to the cell that contains most of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.forms.cells.ink import Written
from pipelines.images.rules.lines import Cells

OWNED = 0.75
"""A blob with this share of its ink in one cell belongs to it entirely; other blobs are cut at the cell boundary."""
SHALLOW, LOW = 0.15, 0.5
"""Part of a blob goes to the neighbour if it is less deep and less high than these shares of the cell's sides."""

Places = NDArray[np.intp]


def owners_of(written: Written) -> NDArray[np.int32]:
    """Return the index of the cell that owns the ink at each dot, or -1."""
    cells, labels = written.frame.cells, written.labels
    count, blobs = len(cells), len(written.sizes)
    inked = np.flatnonzero(labels)
    blob = labels.ravel()[inked]
    place = _places(cells, labels.shape).ravel()[inked]
    shares = np.bincount(blob * (count + 1) + place, minlength=blobs * (count + 1)).reshape(blobs, count + 1)
    inside = shares[:, 1:].sum(1)
    # Blobs that lie mostly outside the cells are print around the field.
    kept = (inside >= 0.5 * shares.sum(1)) & ~written.remains
    whole = shares[:, 1:].max(1) >= OWNED * inside
    owner = np.where(whole[blob], shares[:, 1:].argmax(1)[blob], place - 1)
    parted = np.flatnonzero(~whole[blob] & kept[blob] & (place > 0))
    if len(parted):
        owner[parted] = _given_back(written, inked[parted], blob[parted], owner[parted])
    owners = np.full(labels.shape, -1, np.int32)
    owners.ravel()[inked] = np.where(kept[blob], owner, -1)
    return owners


def _given_back(written: Written, dots: Places, blob: NDArray[np.int32], owner: Places) -> Places:
    """Return the owners of blobs that span several cells, giving parts that only lean over a line to the neighbour."""
    rows, columns = np.divmod(dots, written.labels.shape[1])
    firm = ~written.perhaps[rows, columns]
    given = owner.copy()
    for one in np.unique(blob):
        there = np.unique(owner[blob == one])
        for at in there:
            part = (blob == one) & (owner == at)
            for neighbour in (at - 1, at + 1):
                cell, bare = written.frame.cells[at], part & firm
                if neighbour in there and _leans(cell, rows[bare], columns[bare], from_left=neighbour < at):
                    given[part] = neighbour
    return given


def _leans(cell: NDArray[np.float64], rows: Places, columns: Places, from_left: bool) -> bool:
    left, top, right, bottom = cell
    if not len(rows):
        return True
    deep = columns.max() - left if from_left else right - columns.min()
    return bool(np.ptp(rows) < LOW * (bottom - top) and deep < SHALLOW * (right - left))


def _places(cells: Cells, shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Return the number of the cell at each dot, from 1; 0 outside all cells."""
    places = np.zeros(shape, np.int32)
    for at, cell in enumerate(cells):
        left, top, right, bottom = (max(0, round(side)) for side in cell)
        places[top:bottom, left:right] = at + 1
    return places
