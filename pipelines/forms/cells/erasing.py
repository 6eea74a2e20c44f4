"""Printed lines taken out of a field, so that the strokes which cross them stay whole."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.cells.darkness import Darkness, Grey
from pipelines.forms.cells.fitting import strips_along
from pipelines.forms.cells.lines import THICKEST, Line, runs
from pipelines.images.levels import as_bytes

STICKS_OUT = 1.5
"""Ink that reaches this many dots beyond the line's edge belongs to a stroke."""
SLANT = 6
"""A stroke may leave a line this many dots and a line's thickness beside the place where it came in."""
DIP = 9
"""A curve that dips into a line and comes out so near is one stroke."""

LINE, PERHAPS = 1, 2
"""What darkens a place: a printed line alone, or perhaps also a stroke that lies along it."""
HEAVIER = 1.2
"""A stroke lies along a line where this is so many times as dark as it is elsewhere, ..."""
TOGETHER = 11
"""... over so many dots in the median; crossing strokes are narrower."""
FELLOWS = 1.2
"""A line is no more than so many times as dark as lines of its direction are in the median, or it is covered whole."""

Profile = NDArray[np.float64]
"""How dark a line is at each place along it, all across summed up."""


def erase(dark: Darkness, lines: Sequence[Line]) -> Grey:
    """LINE where a printed line, and no stroke through it, darkens the page; PERHAPS where one may lie along it."""
    erased = np.zeros_like(dark.ink)
    for flat in (True, False):
        ink, levels, out = (of_page if flat else of_page.T for of_page in (dark.ink, dark.levels, erased))
        parallel, crossings = ([line for line in lines if (line.flat == flat) == same] for same in (True, False))
        profiles = [_profile(levels, line) for line in parallel]
        usual = [float(np.quantile(one, 0.3)) for one in profiles]
        for line, profile, own in zip(parallel, profiles, usual, strict=True):
            heavy = _heavy(profile / max(1.0, min(own, FELLOWS * float(np.median(usual)))))
            _erase_flat(ink, out, line, crossings, heavy)
    return erased


def _profile(levels: Grey, line: Line) -> Profile:
    reach = round(line.thickness / 2) + 2
    rows = np.rint(line.middles).astype(np.intp) + np.arange(-reach, reach + 1)[:, None]
    along = np.arange(line.start, line.stop).clip(0, levels.shape[1] - 1)
    return np.asarray(levels[rows.clip(0, len(levels) - 1), along].sum(0, dtype=np.float64))


def _heavy(ratios: Profile) -> NDArray[np.bool_]:
    """Where most of the places around are heavier than the line alone is."""
    hundredths = as_bytes(np.clip(100 * ratios, 0, 255))[None]
    return np.asarray(cv2.medianBlur(hundredths, TOGETHER)[0] > 100 * HEAVIER)


def _erase_flat(ink: Grey, erased: Grey, line: Line, crossings: Sequence[Line], heavy: NDArray[np.bool_]) -> None:
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
    told = np.where(_covered(heavy, along - line.start, up | down), PERHAPS, LINE).astype(np.uint8)
    begin = np.where(up | junction, np.rint(high), np.minimum(top, np.rint(high)))
    end = np.where(down | junction, np.rint(low), np.maximum(bottom, np.rint(low)))
    rows = np.rint(path).astype(np.intp) + np.arange(-2 * THICKEST, 2 * THICKEST + 1)[:, None]
    band = (rows >= begin) & (rows <= end) & (there & ~crossed) & (rows >= 0) & (rows < len(ink))
    erased[rows[band], np.broadcast_to(along, rows.shape)[band]] = np.broadcast_to(told, rows.shape)[band]


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


def _covered(heavy: NDArray[np.bool_], places: NDArray[np.intp], sticks_out: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a stroke lies along the line: it is heavy there, and something of the stroke comes out of it."""
    covered = np.zeros(len(places), bool)
    for first, last in _stretches(heavy):
        here = (places >= first) & (places < last)
        covered |= here & bool(sticks_out[here].any())
    return covered


def _stretches(marked: NDArray[np.bool_]) -> list[tuple[int, int]]:
    turns = np.flatnonzero(np.diff(np.pad(marked, 1).astype(np.int8)))
    return list(zip(turns[::2].tolist(), turns[1::2].tolist(), strict=True))
