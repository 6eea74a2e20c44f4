"""Lines fitted to the ink near the edges of a field's cells. All edges of one direction share a lean and offset, which
outvotes a digit's stroke next to one of them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.rules.darkness import Grey
from pipelines.images.rules.lines import THICKEST, Edge, PrintedLine
from pipelines.images.rules.runs import InkRuns, runs_across
from pipelines.images.rules.scale import DOTS_PER_MM

NEAR = round(0.6 * DOTS_PER_MM)
"""How far in dots a line may lie from its expected position."""
ALIKE = 2
"""How far in dots a line may lie from where the other lines predict it."""
LEANS = np.tan(np.radians((0.0, -0.7, 0.7, -1.4, 1.4)))
GAP = round(1.0 * DOTS_PER_MM)
"""Dots and dashes within this distance, in dots, form a line."""
SHORT, THICKER = 0.15, 1.5
"""A line is at most THICKER dots thicker than the SHORT quantile of its thickness."""
PRINTED = 0.6
"""A line is printed if there is ink along this share of it."""
LONG = 25 * DOTS_PER_MM
"""On paper that is not flat, a line of this length in dots is curved."""

Paths = NDArray[np.float64]
"""[lines, along]: the centre of each line."""


def find_lines(ink: Grey, edges: Sequence[Edge]) -> list[PrintedLine]:
    """Find the lines that are actually printed along these edges."""
    flat, upright = ([edge for edge in edges if edge.flat == way] for way in (True, False))
    return [
        line
        for group, turned in ((flat, ink), (upright, np.ascontiguousarray(ink.T)))
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


def _fit(ink: Grey, edges: Sequence[Edge]) -> list[PrintedLine]:
    """Fit flat lines near flat edges of the same length."""
    starts = np.array([edge.start for edge in edges])
    length = edges[0].stop - edges[0].start
    places = np.array([edge.place for edge in edges])
    return follow(ink, starts, _search(ink, starts, places, length), edges[0].flat)


def follow(
    ink: Grey, starts: NDArray[np.intp], paths: Paths, flat: bool, thickest: float = THICKEST
) -> list[PrintedLine]:
    """Follow lines of the same length close to these flat paths; `flat` is how they lie on the page."""
    seen = runs_across(ink, starts[:, None] + np.arange(paths.shape[1]), paths)
    thickness = _thickness(seen)
    clear = seen.there & (seen.last - seen.first < thickness[:, None] + 1)
    exact = np.rint(paths)
    paths = exact + _smooth(np.where(clear, (seen.first + seen.last) / 2, np.nan), paths - exact)
    drawn = _joined(seen.there & (thickness <= thickest)[:, None])
    return [
        PrintedLine(flat, int(starts[at]) + begin, paths[at, begin:end], float(thickness[at]))
        for at, (begin, end) in enumerate(_printed(drawn, flat))
        if end > begin
    ]


def _search(ink: Grey, starts: NDArray[np.intp], places: NDArray[np.float64], length: int) -> Paths:
    """Find the straight paths with a common lean along which most of the ink lies."""
    near = np.arange(-NEAR, NEAR + 1)
    slanted = places[:, None] + LEANS[:, None, None] * (np.arange(length) - (length - 1) / 2)
    shares = _shares(ink, starts, slanted, near)
    offsets = _agreed(shares, places)
    scores = np.take_along_axis(shares, offsets[..., None], 2).sum((1, 2))
    best = 0
    for lean in range(1, len(LEANS)):
        if scores[lean] > scores[best] + 0.02 * len(places):
            best = lean
    return np.asarray(slanted[best] + near[offsets[best]][:, None], np.float64)


def _shares(
    ink: Grey, starts: NDArray[np.intp], paths: NDArray[np.float64], near: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the share of each path that is inked at every offset, as [leans, lines, offsets]."""
    # Ink through the middle counts twice, because the edge of a thick line is not its centre.
    thick = cv2.add(ink, cv2.dilate(ink, np.ones((3, 1), np.uint8)))
    framed = np.asarray(cv2.copyMakeBorder(thick, 1, 1, 1, 1, cv2.BORDER_CONSTANT), np.uint8)
    height, width = framed.shape
    rows = (np.rint(paths).astype(np.intp)[:, :, None] + (near + 1)[:, None]).clip(0, height - 1)
    columns = (starts[:, None] + np.arange(1, paths.shape[2] + 1)).clip(0, width - 1)[:, None]
    inked = framed.ravel()[rows * width + columns].sum(3, dtype=np.int32)
    return np.asarray(inked / paths.shape[2] - 0.01 * np.abs(near), np.float64)


def _agreed(shares: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the best offset of each line, close to where the other lines predict it, as [leans, lines]."""
    offsets = shares.argmax(2)
    if len(places) < 3:
        return offsets
    one, other = np.triu_indices(len(places), 1)
    apart = places[other] - places[one]
    one, other, apart = one[apart > 0], other[apart > 0], apart[apart > 0]
    slopes = medians((offsets[:, other] - offsets[:, one]) / apart) if len(apart) else np.zeros(len(offsets))
    shift = slopes[:, None] * places
    expected = shift + medians(offsets - shift)[:, None]
    far = np.abs(np.arange(shares.shape[2]) - expected[..., None]) > ALIKE
    return np.where(far, -np.inf, shares).argmax(2)


def medians(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of each row, ignoring NaN; NaN for a row of nothing else."""
    ordered = np.sort(values, axis=1)
    count = (~np.isnan(values)).sum(1)
    rows = np.arange(len(values))
    return np.asarray((ordered[rows, (count - 1) // 2] + ordered[rows, count // 2 - (count == 0)]) / 2, np.float64)


def _bare(runs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each row's median, limited to slightly above its short runs in case strokes cover most of the line."""
    ordered = np.sort(runs, axis=1)
    count = (~np.isnan(runs)).sum(1)
    short = ordered[np.arange(len(runs)), (SHORT * np.maximum(count - 1, 0)).astype(np.intp)]
    return np.minimum(medians(runs), short + THICKER)


def _thickness(seen: InkRuns) -> NDArray[np.float64]:
    """Return each line's thickness where no stroke lies on it, limited by the median if there are three or more."""
    each = np.nan_to_num(_bare(np.where(seen.there, seen.last - seen.first + 1, np.nan)))
    known = each[each > 0]
    return np.minimum(each, 1.3 * medians(known[None])) if len(known) >= 3 else each


def _smooth(seen: Paths, fallback: Paths) -> Paths:
    """Smooth each line by its own offset and a shared bend; use the fallback where no part of the line is seen."""
    known = ~np.isnan(seen)
    if not known.any():
        return fallback
    rest = seen - fallback
    offsets = np.nan_to_num(medians(rest))[:, None]
    return fallback + offsets + _bend(np.where(known, rest - offsets, 0), known)


def _bend(rest: Paths, known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fit a curve through the known residuals of all lines by least squares."""
    length = rest.shape[1]
    if known.sum() <= 9:
        return np.zeros(length)
    powers = np.linspace(-1, 1, length) ** np.arange(3 if length >= LONG else 2)[:, None]
    # The known points may all lie at one place, which any curve fits; regularization selects the flattest.
    square = (powers * known.sum(0)) @ powers.T + 1e-6 * np.eye(len(powers))
    return np.asarray(np.linalg.solve(square, powers @ rest.sum(0)) @ powers, np.float64)


def _joined(there: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Close short gaps, so that dots and dashes form a line."""
    framed = cv2.copyMakeBorder(there.astype(np.uint8), 0, 0, GAP, GAP, cv2.BORDER_CONSTANT)
    closed = cv2.morphologyEx(framed, cv2.MORPH_CLOSE, np.ones((1, GAP + 1), np.uint8))
    return np.asarray(closed[:, GAP:-GAP] > 0)


def _printed(drawn: NDArray[np.bool_], flat: bool) -> list[tuple[int, int]]:
    """Return the printed range of each line, which is empty where no line is printed.

    The teeth of a comb may be short: an upright is printed where most of them are, so a 1 beside one does not count.
    """
    length = drawn.shape[1]
    if flat:
        return [(0, length) if share >= PRINTED else (0, 0) for share in drawn.mean(1)]
    begin, end = _longest(drawn.mean(0) > 0.5)
    if end - begin < DOTS_PER_MM:
        return [(0, 0)] * len(drawn)
    return [(begin, end) if row[begin:end].mean() >= PRINTED else (0, 0) for row in drawn]


def _longest(marked: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the range of the longest run of marks."""
    changes = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(np.int8)))
    starts, stops = changes[::2], changes[1::2]
    best = int((stops - starts).argmax()) if len(starts) else 0
    return (int(starts[best]), int(stops[best])) if len(starts) else (0, 0)
