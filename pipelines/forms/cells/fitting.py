"""Lines fitted to the ink near the edges of a field's cells. Edges of one direction lean and lie alike, which outvotes
a digit's stroke beside one of them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.cells.darkness import Grey
from pipelines.forms.cells.lines import THICKEST, Edge, Line, runs
from pipelines.forms.paper.straight import DOTS_PER_MM

NEAR = round(0.6 * DOTS_PER_MM)
"""How far from its place a line may lie."""
ALIKE = 2
"""How far a line may lie from where its fellows say."""
LEANS = np.tan(np.radians((0.0, -0.7, 0.7, -1.4, 1.4)))
GAP = round(1.0 * DOTS_PER_MM)
"""Dots and dashes that are this near are a line."""
PRINTED = 0.6
"""A line is printed if ink lies along this share of it."""
LONG = 25 * DOTS_PER_MM
"""On paper that is not flat a line of this length bends."""

Strips = NDArray[np.bool_]
"""[lines, across, along]: the ink around each line."""
Paths = NDArray[np.float64]
"""[lines, along]: where each line's middle is."""


def find_lines(ink: Grey, edges: Sequence[Edge]) -> list[Line]:
    """The lines that are printed along these edges, where they are printed."""
    flat, upright = ([edge for edge in edges if edge.flat == way] for way in (True, False))
    return [
        line
        for group, turned in ((flat, ink), (upright, ink.T))
        for alike in _of_one_length(group)
        for line in _fit(turned, alike)
    ]


def _of_one_length(edges: Sequence[Edge]) -> list[list[Edge]]:
    groups: dict[int, list[Edge]] = {}
    for edge in edges:
        length = edge.stop - edge.start
        key = next((known for known in groups if abs(known - length) <= 2), length)
        groups.setdefault(key, []).append(edge)
    return list(groups.values())


def _fit(ink: Grey, edges: Sequence[Edge]) -> list[Line]:
    """Flat lines near flat edges of one length."""
    starts = np.array([edge.start for edge in edges])
    length = edges[0].stop - edges[0].start
    places = np.array([edge.place for edge in edges])
    paths = _search(ink, starts, places, length)
    first, last, there = runs(strips_along(ink, starts, paths, 2 * THICKEST))
    thickness = _thickness(last - first + 1, there)
    clear = there & (last - first < thickness[:, None] + 1)
    paths = np.rint(paths) + _smooth(np.where(clear, (first + last) / 2 - 2 * THICKEST, np.nan), paths - np.rint(paths))
    drawn = _joined(there & (thickness <= THICKEST)[:, None])
    return [
        Line(edges[at].flat, int(starts[at]) + begin, paths[at, begin:end], float(thickness[at]))
        for at, (begin, end) in enumerate(_printed(drawn, edges[0].flat))
        if end > begin
    ]


def strips_along(ink: Grey, starts: NDArray[np.intp], paths: Paths, reach: int) -> Strips:
    """What lies within reach of each path; paper beyond the picture."""
    rows = np.rint(paths).astype(np.intp)[:, None] + np.arange(-reach, reach + 1)[:, None]
    columns = (starts[:, None] + np.arange(paths.shape[1]))[:, None]
    inside = (rows >= 0) & (rows < ink.shape[0]) & (columns >= 0) & (columns < ink.shape[1])
    return (ink[rows.clip(0, ink.shape[0] - 1), columns.clip(0, ink.shape[1] - 1)] > 0) & inside


def _search(ink: Grey, starts: NDArray[np.intp], places: NDArray[np.float64], length: int) -> Paths:
    """The straight paths, of one lean, along which most ink lies."""
    along = np.arange(length) - (length - 1) / 2
    near = np.arange(-NEAR, NEAR + 1)
    best, found = -1.0, np.zeros((len(places), length))
    for lean in LEANS:
        slanted = places[:, None] + lean * along
        strips = strips_along(ink, starts, slanted, NEAR + 1)
        exact = strips.mean(2)
        around = (strips[:, :-2] | strips[:, 1:-1] | strips[:, 2:]).mean(2)
        # Ink through the middle counts too: the edge of a thick line is not its middle.
        shares = around + exact[:, 1:-1] - 0.01 * np.abs(near)
        offsets = _agreed(shares, places)
        score = float(shares[np.arange(len(places)), offsets].sum())
        if score > best + 0.02 * len(places):
            best, found = score, slanted + near[offsets][:, None]
    return found


def _agreed(shares: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.intp]:
    """The best offset of each line, near where the offsets of the others say."""
    offsets = shares.argmax(1)
    if len(places) < 3:
        return offsets
    one, other = np.triu_indices(len(places), 1)
    apart = places[other] - places[one]
    slope = float(np.median((offsets[other] - offsets[one])[apart > 0] / apart[apart > 0])) if (apart > 0).any() else 0
    expected = slope * places + np.median(offsets - slope * places)
    far = np.abs(np.arange(shares.shape[1]) - expected[:, None]) > ALIKE
    return np.where(far, -np.inf, shares).argmax(1)


def _thickness(lengths: NDArray[np.intp], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of each line, by its median; three or more together are not much thicker than their fellows."""
    each = np.array([np.median(row[seen]) if seen.any() else 0.0 for row, seen in zip(lengths, there, strict=True)])
    return np.minimum(each, 1.3 * np.median(each[each > 0])) if (each > 0).sum() >= 3 else each


def _smooth(seen: Paths, fallback: Paths) -> Paths:
    """Each line by its own offset and the bend that all share; the fallback where nothing of it is seen."""
    known = ~np.isnan(seen)
    if not known.any():
        return fallback
    lean = np.linspace(-1, 1, seen.shape[1])
    rest = seen - fallback
    offsets = np.array([np.median(row[clear]) if clear.any() else 0.0 for row, clear in zip(rest, known, strict=True)])
    where = np.broadcast_to(lean, seen.shape)[known]
    degree = 2 if seen.shape[1] >= LONG else 1
    bend = np.polyval(np.polyfit(where, (rest - offsets[:, None])[known], degree), lean) if len(where) > 9 else 0 * lean
    return fallback + offsets[:, None] + bend


def _joined(there: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """With short gaps closed: dots and dashes are a line too."""
    framed = cv2.copyMakeBorder(there.astype(np.uint8), 0, 0, GAP, GAP, cv2.BORDER_CONSTANT)
    closed = cv2.morphologyEx(framed, cv2.MORPH_CLOSE, np.ones((1, GAP + 1), np.uint8))
    return np.asarray(closed[:, GAP:-GAP] > 0)


def _printed(drawn: NDArray[np.bool_], flat: bool) -> list[tuple[int, int]]:
    """From where to where each line is printed; nothing where it is not.

    A comb's teeth may be short: uprights are printed where most of them are, and a 1 beside one is none.
    """
    length = drawn.shape[1]
    if flat:
        return [(0, length) if share >= PRINTED else (0, 0) for share in drawn.mean(1)]
    common = np.flatnonzero(drawn.mean(0) > 0.5)
    if len(common) < DOTS_PER_MM:
        return [(0, 0)] * len(drawn)
    begin, end = int(common[0]), int(common[-1]) + 1
    return [(begin, end) if row[begin:end].mean() >= PRINTED else (0, 0) for row in drawn]
