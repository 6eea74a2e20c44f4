"""Printed lines taken out of a field, so that the strokes which cross them stay whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.forms.cells.darkness import Grey
from pipelines.forms.cells.lines import Bundle, Line, bundle
from pipelines.forms.cells.runs import MOST, runs_across

STICKS_OUT = 1.5
"""Ink that reaches this many dots beyond the line's edge belongs to a stroke."""
SLANT = 6
"""A stroke may leave a line this many dots and a line's thickness beside the place where it came in."""
DIP = 9
"""A curve that dips into a line and comes out so near is one stroke."""


@dataclass(frozen=True)
class Course:
    """Every dot along every line of one direction, one line after the other."""

    line: NDArray[np.intp]
    """Which of the lines it is."""
    columns: NDArray[np.intp]
    path: NDArray[np.float64]
    """The line's middle."""
    half: NDArray[np.float64]
    """Half of its thickness."""
    junction: NDArray[np.bool_]
    """Where another printed line meets this one, which looks like a stroke."""


def erase(ink: Grey, lines: Sequence[Line]) -> Grey:
    """1 where a printed line, and no stroke through it, darkens the page."""
    erased = np.zeros_like(ink)
    flat, upright = (bundle([line for line in lines if line.flat == way]) for way in (True, False))
    if flat:
        _erase_flat(ink, erased, flat, upright)
    if upright:
        _erase_flat(np.ascontiguousarray(ink.T), erased.T, upright, flat)
    return erased


def _erase_flat(ink: Grey, erased: Grey, lines: Bundle, crossings: Bundle | None) -> None:
    course = _course(lines, crossings, ink.shape[1])
    runs = runs_across(ink, course.columns, course.path)
    middle = np.rint(course.path).astype(np.intp)
    top, bottom = middle + runs.first, middle + runs.last
    high, low = course.path - course.half, course.path + course.half
    stroke = runs.there & ~course.junction
    up, down = stroke & (high - top >= STICKS_OUT), stroke & (bottom - low >= STICKS_OUT)
    high, low = np.rint(high), np.rint(low)
    begin = np.where(up | course.junction, high, np.minimum(top, high))
    end = np.where(down | course.junction, low, np.maximum(bottom, low))
    gone = np.flatnonzero(runs.there & ~_crossed(up, down, course))
    rows = middle[gone] + np.arange(-MOST, MOST + 1)[:, None]
    band = (rows >= begin[gone]) & (rows <= end[gone]) & (rows >= 0) & (rows < len(ink))
    erased[rows[band], np.broadcast_to(course.columns[gone], rows.shape)[band]] = 1


def _course(lines: Bundle, crossings: Bundle | None, width: int) -> Course:
    """A little beyond the lines' ends, and not beyond the picture."""
    beyond = np.rint(lines.thickness).astype(np.intp) + 2
    starts = np.maximum(0, lines.starts - beyond)
    lengths = np.maximum(0, np.minimum(width, lines.starts + lines.lengths + beyond) - starts)
    line = np.repeat(np.arange(len(starts)), lengths)
    columns = np.arange(len(line)) + (starts - np.cumsum(lengths) + lengths)[line]
    junction = _junctions(line, columns, lines, crossings) if crossings else np.zeros(len(line), bool)
    return Course(line, columns, lines.middle_at(line, columns), lines.thickness[line] / 2, junction)


def _junctions(line: NDArray[np.intp], columns: NDArray[np.intp], lines: Bundle, others: Bundle) -> NDArray[np.bool_]:
    mine, theirs = np.arange(len(lines.starts))[:, None], np.arange(len(others.starts))[None]
    place = lines.middle_at(mine, others.middle_at(theirs, np.zeros(1)))
    reach = others.thickness + 3
    meeting = (others.starts - reach <= place) & (place <= others.starts + others.lengths + reach)
    middles = np.where(meeting, others.middle_at(theirs, place), -np.inf)
    near = np.abs(columns[:, None] - middles[line]) <= others.thickness / 2 + STICKS_OUT
    return np.asarray(near.any(1))


def _crossed(up: NDArray[np.bool_], down: NDArray[np.bool_], course: Course) -> NDArray[np.bool_]:
    """Where a stroke goes through: it sticks out on both sides, or on one side twice so near that it only dipped in."""
    crossed = up & down
    above, below = _stretches(up, course.line), _stretches(down, course.line)
    first, last = np.concatenate([above, below], axis=1)
    side = np.repeat([0, 1], [above.shape[1], below.shape[1]])
    line = course.line[first]
    slant = np.rint(2 * course.half[first]) + SLANT
    gap = np.maximum.outer(first, first) - np.minimum.outer(last, last)
    near = (line[:, None] == line) & (gap <= np.where(side[:, None] == side, DIP, slant))
    for one, other in np.argwhere(np.triu(near, 1)).tolist():
        crossed[min(first[one], first[other]) : max(last[one], last[other])] = True
    return crossed


def _stretches(marked: NDArray[np.bool_], line: NDArray[np.intp]) -> NDArray[np.intp]:
    """[2, N]: where each stretch of marks on one line begins, and where it has ended."""
    places = np.flatnonzero(marked)
    apart = (np.diff(places) > 1) | (np.diff(line[places]) > 0)
    ends = np.flatnonzero(np.concatenate([apart, [True]])) if len(places) else places
    begins = np.concatenate([[0], ends[:-1] + 1]) if len(places) else places
    return np.stack([places[begins.astype(np.intp)], places[ends] + 1])
