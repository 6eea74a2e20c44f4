"""Removal of the printed lines from a field that keeps the strokes crossing them intact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.levels import as_bytes
from pipelines.images.rules.darkness import Darkness, Grey
from pipelines.images.rules.lines import Bundle, PrintedLine, bundle
from pipelines.images.rules.runs import MOST, runs_across

STICKS_OUT = 1.5
"""Ink that extends this many dots beyond the edge of the line belongs to a stroke."""
SLANT = 6
"""A stroke may leave a line this many dots, plus the line's thickness, away from where it entered."""
DIP = 9
"""A curve that dips into a line and comes out again within this many dots is a single stroke."""

LINE, PERHAPS = 1, 2
"""What darkens a pixel: only a printed line, or possibly also a stroke along it."""
HEAVIER = (1.1, 1.2)
"""A stroke lies along a line where the line is this many times its usual darkness, depending on how rough it is, ..."""
ROUGH = 3.0
"""... measured in standard deviations of the line's own darkness, ..."""
TOGETHER = 11
"""... in the median over this many dots; crossing strokes are narrower."""
USUAL = 0.2
"""Strokes may cover most of a line, but leave this share of it bare."""
FELLOWS = 1.1
"""A line may be this many times as dark as the median of its direction; beyond that, a stroke covers all of it."""

Profile = NDArray[np.float64]
"""The darkness of a line at each position along it, summed across the line."""


@dataclass(frozen=True)
class Course:
    """Every dot along every line of one direction, line by line."""

    line: NDArray[np.intp]
    """The index of the line."""
    columns: NDArray[np.intp]
    path: NDArray[np.float64]
    """The centre of the line."""
    half: NDArray[np.float64]
    """Half the thickness of the line."""
    junction: NDArray[np.bool_]
    """Where another printed line meets this one, which looks like a stroke."""


def erase(dark: Darkness, lines: Sequence[PrintedLine]) -> Grey:
    """Return LINE where only a printed line darkens the page, and PERHAPS where a stroke may lie along the line."""
    erased = np.zeros_like(dark.ink)
    flat, upright = (bundle([line for line in lines if line.flat == way]) for way in (True, False))
    if flat:
        _erase_flat(dark, erased, flat, upright)
    if upright:
        _erase_flat(dark.turned(), erased.T, upright, flat)
    return erased


def _erase_flat(dark: Darkness, erased: Grey, lines: Bundle, crossings: Bundle | None) -> None:
    ink = dark.ink
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
    erased_at = np.flatnonzero(runs.there & ~_crossed(up, down, course))
    rows = middle[erased_at] + np.arange(-MOST, MOST + 1)[:, None]
    band = (rows >= begin[erased_at]) & (rows <= end[erased_at]) & (rows >= 0) & (rows < len(ink))
    kinds = np.where(_covered(dark, course, lines, up | down), PERHAPS, LINE).astype(np.uint8)[erased_at]
    erased[rows[band], np.broadcast_to(course.columns[erased_at], rows.shape)[band]] = np.broadcast_to(
        kinds, rows.shape
    )[band]


def _covered(dark: Darkness, course: Course, lines: Bundle, sticks_out: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return where a stroke lies along the line: the line is darker there, and part of the stroke sticks out of it."""
    profile = _profile(dark.levels, course)
    starts = lines.starts[course.line]
    inside = (course.columns >= starts) & (course.columns < starts + lines.lengths[course.line])
    inside &= ~_shaded(dark, course)
    pieces = [np.flatnonzero(inside & (course.line == one)) for one in range(len(lines.starts))]
    pieces = [piece for piece in pieces if len(piece)]
    usual = [float(np.sort(profile[piece])[int(USUAL * (len(piece) - 1))]) for piece in pieces]
    ratios = np.zeros(len(profile))
    for piece, own in zip(pieces, usual, strict=True):
        ratios[piece] = _together(profile[piece] / max(1.0, min(own, FELLOWS * float(np.median(usual)))))
    heavy = ratios > _heaviest_bare(ratios[inside])
    covered = np.zeros(len(profile), bool)
    for first, last in _stretches(heavy, course.line).T:
        covered[first:last] = sticks_out[first:last].any()
    return covered


def _shaded(dark: Darkness, course: Course) -> NDArray[np.bool_]:
    """Return where a stain or a fold hides too much of the line to judge it."""
    rows = np.rint(course.path).astype(np.intp).clip(0, len(dark.shade) - 1)
    return np.asarray(dark.shade[rows, course.columns] > dark.faintest)


def _profile(levels: Grey, course: Course) -> Profile:
    reach = np.rint(course.half).astype(np.intp) + 1
    beside = np.arange(-reach.max(initial=0), reach.max(initial=0) + 1)[:, None]
    rows = (np.rint(course.path).astype(np.intp) + beside).clip(0, len(levels) - 1)
    near = levels[rows, course.columns] * (np.abs(beside) <= reach)
    return np.asarray(near.sum(0, dtype=np.float64))


def _together(ratios: Profile) -> Profile:
    """Return the running median."""
    hundredths = as_bytes(np.clip(100 * ratios, 0, 255))[None]
    return np.asarray(cv2.medianBlur(hundredths, TOGETHER)[0] / 100, np.float64)


def _heaviest_bare(ratios: Profile) -> float:
    """Return how dark a bare line may be, judging by the variation of its lighter half."""
    lighter = ratios[ratios <= HEAVIER[0]]
    rough = 1.4826 * float(np.median(np.abs(lighter - np.median(lighter)))) if len(lighter) else 0.0
    return float(np.clip(1 + ROUGH * rough, *HEAVIER))


def _course(lines: Bundle, crossings: Bundle | None, width: int) -> Course:
    """Trace the lines slightly beyond their ends, but not beyond the picture."""
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
    """Return where a stroke crosses a line: it sticks out on both sides, or twice on one side as it dips in and out."""
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
    """Return where each stretch of marks on a line begins, and the index after its end, as [2, N]."""
    places = np.flatnonzero(marked)
    apart = (np.diff(places) > 1) | (np.diff(line[places]) > 0)
    ends = np.flatnonzero(np.concatenate([apart, [True]])) if len(places) else places
    begins = np.concatenate([[0], ends[:-1] + 1]) if len(places) else places
    return np.stack([places[begins.astype(np.intp)], places[ends] + 1])
