"""Printed lines taken out of a field, so that the strokes which cross them stay whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.forms.cells.darkness import Grey
from pipelines.forms.cells.fitting import strips_along
from pipelines.forms.cells.lines import THICKEST, Line, runs

STICKS_OUT = 1.5
"""Ink that reaches this many dots beyond the line's edge belongs to a stroke."""
SLANT = 6
"""A stroke may leave a line this many dots and a line's thickness beside the place where it came in."""
DIP = 9
"""A curve that dips into a line and comes out so near is one stroke."""


def erase(ink: Grey, lines: Sequence[Line]) -> Grey:
    """1 where a printed line, and no stroke through it, darkens the page."""
    erased = np.zeros_like(ink)
    for line in lines:
        crossings = [other for other in lines if other.flat != line.flat]
        if line.flat:
            _erase_flat(ink, erased, line, crossings)
        else:
            _erase_flat(ink.T, erased.T, line, crossings)
    return erased


def _erase_flat(ink: Grey, erased: Grey, line: Line, crossings: Sequence[Line]) -> None:
    beyond = round(line.thickness) + 2
    along = np.arange(max(0, line.start - beyond), min(ink.shape[1], line.stop + beyond))
    path = np.interp(along, np.arange(line.start, line.stop), line.middles)
    first, last, there = (of_one[0] for of_one in runs(strips_along(ink, along[:1], path[None], 2 * THICKEST)))
    middle = np.rint(path) - 2 * THICKEST
    top, bottom = middle + first, middle + last
    high, low = path - line.thickness / 2, path + line.thickness / 2
    junction = _junctions(along, line, crossings)
    up = there & ~junction & (high - top >= STICKS_OUT)
    down = there & ~junction & (bottom - low >= STICKS_OUT)
    crossed = _crossed(up, down, round(line.thickness))
    begin = np.where(up | junction, np.rint(high), np.minimum(top, np.rint(high)))
    end = np.where(down | junction, np.rint(low), np.maximum(bottom, np.rint(low)))
    rows = np.rint(path).astype(np.intp) + np.arange(-2 * THICKEST, 2 * THICKEST + 1)[:, None]
    band = (rows >= begin) & (rows <= end) & (there & ~crossed) & (rows >= 0) & (rows < len(ink))
    erased[rows[band], np.broadcast_to(along, rows.shape)[band]] = 1


def _junctions(along: NDArray[np.intp], line: Line, crossings: Sequence[Line]) -> NDArray[np.bool_]:
    """Where another printed line meets this one, which looks like a stroke."""
    meeting = np.zeros(len(along), bool)
    for other in crossings:
        place = line.middle_at(other.middle_at(0))
        if other.start - other.thickness - 3 <= place <= other.stop + other.thickness + 3:
            meeting |= np.abs(along - other.middle_at(place)) <= other.thickness / 2 + STICKS_OUT
    return meeting


def _crossed(up: NDArray[np.bool_], down: NDArray[np.bool_], thickness: int) -> NDArray[np.bool_]:
    """Where a stroke goes through: it sticks out on both sides, or on one side twice so near that it only dipped in."""
    crossed = up & down
    sides = [(first, last, side) for side, marked in enumerate((up, down)) for first, last in _stretches(marked)]
    for first, last, side in sides:
        for other_first, other_last, other_side in sides:
            gap = max(first, other_first) - min(last, other_last)
            near = DIP if side == other_side else thickness + SLANT
            if (first, side) != (other_first, other_side) and gap <= near:
                crossed[min(first, other_first) : max(last, other_last)] = True
    return crossed


def _stretches(marked: NDArray[np.bool_]) -> list[tuple[int, int]]:
    turns = np.flatnonzero(np.diff(np.pad(marked, 1).astype(np.int8)))
    return list(zip(turns[::2].tolist(), turns[1::2].tolist(), strict=True))
