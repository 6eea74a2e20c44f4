"""Blobs of ink that are neighbours on one line make a run; runs in reading order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.images.components import components
from pipelines.images.rules.seeking import FoundRule

Picture = NDArray[np.uint8]
Boxes = NDArray[np.int64]
"""[N, 4]: left, top, right, bottom."""

SMALLEST, LARGEST = 9, 0.95
"""The height of a digit: at least so many pixels of the working size, at most this share of the image's height."""
WIDEST = 0.7
"""The largest width of a digit, as a share of the image's width."""
FULLEST = 0.92
"""A blob that fills more of its bounding box is no stroke, unless it is as narrow as a 1."""
GAP = 1.1
"""The largest distance between digits of one run, in heights of a digit."""
MOST_BLOBS = 250
"""More blobs than this are texture: only the tallest are considered."""
LOW, DEEP = 0.5, 0.2
"""A mark at the foot of a digit is at most this share of it tall, and begins at most this share below it."""
WITHIN = 0.7
"""A run belongs to a larger one if at least this share of it lies inside."""


class Blobs(NamedTuple):
    """All blobs of ink in a picture."""

    boxes: Boxes
    areas: NDArray[np.int64]
    height: int
    width: int
    """Of the picture."""


def find_blobs(ink: Picture) -> Blobs:
    _, stats = components(ink)
    left, top, width, height, areas = stats[1:].T.astype(np.int64)
    return Blobs(np.stack([left, top, left + width, top + height], axis=1), areas, *ink.shape)


def find_runs(found: Blobs, smallest: int, rules: Sequence[FoundRule] = ()) -> list[Boxes]:
    """Boxes around groups of possible digits that are at least `smallest` tall, between these printed lines."""
    blobs = _digits(found)
    if not len(blobs):
        return []
    runs = [around(blobs[group]) for group in _groups(blobs, rules)]
    return [run for run in runs if run[3] - run[1] >= smallest]


def outer(runs: list[Boxes]) -> list[Boxes]:
    """Drop runs that lie within a larger one: loops or parts of its digits, or the same run again."""
    kept: list[Boxes] = []
    for run in sorted(runs, key=_area, reverse=True):
        if all(_common(run, other) < WITHIN * _area(run) for other in kept):
            kept.append(run)
    return kept


def _area(run: Boxes) -> int:
    return int((run[2] - run[0]) * (run[3] - run[1]))


def _common(one: Boxes, other: Boxes) -> int:
    across, down = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    return int(max(across, 0) * max(down, 0))


def _digits(found: Blobs) -> Boxes:
    """The blobs that may be digits, tallest first."""
    width, height = (found.boxes[:, 2:] - found.boxes[:, :2]).T
    fill = found.areas / (width * height)
    digit = (height >= SMALLEST) & (height <= LARGEST * found.height) & (width <= WIDEST * found.width)
    stroke = (fill < FULLEST) | (width < 0.4 * height)
    flat = width > 6 * height
    chosen = np.flatnonzero(digit & stroke & ~flat)
    return found.boxes[chosen[np.argsort(-height[chosen], kind="stable")[:MOST_BLOBS]]]


def _groups(blobs: Boxes, rules: Sequence[FoundRule]) -> list[NDArray[np.intp]]:
    """Groups of blobs that are neighbours on one line, directly or through others, with the marks at their feet."""
    left, top, right, bottom = blobs.T
    height = bottom - top
    taller = np.maximum(height[:, None], height)
    lower = np.minimum(height[:, None], height)
    gap = np.maximum(left[:, None], left) - np.minimum(right[:, None], right)
    shared = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    near = (gap <= GAP * taller) & (shared >= 0.5 * lower) & (taller <= 3 * lower)
    # A small number beside a large one has neighbours of its own.
    alone = near.sum(1) == 1
    marks = alone[:, None] & (gap <= GAP * taller) & hang(blobs, blobs)
    return _connected((near | marks | marks.T) & ~apart(blobs, rules))


def apart(blobs: Boxes, rules: Sequence[FoundRule]) -> NDArray[np.bool_]:
    """Whether an upright rule stands between two blobs, as [blobs, blobs]."""
    across, down = (blobs[:, :2] + blobs[:, 2:]).T / 2
    found = np.zeros((len(blobs), len(blobs)), bool)
    for rule in rules:
        if not rule.flat:
            along = (rule.start[1] <= down) & (down <= rule.stop[1])
            right = across > np.interp(down, [rule.start[1], rule.stop[1]], [rule.start[0], rule.stop[0]])
            found |= (along[:, None] & along) & (right[:, None] != right)
    return found


def hang(marks: Boxes, blobs: Boxes) -> NDArray[np.bool_]:
    """Whether each of these is a mark at the foot of each of those, such as a comma, as [marks, blobs]."""
    top, low = marks[:, 1, None], marks[:, 3, None]
    height = blobs[:, 3] - blobs[:, 1]
    foot = (top >= blobs[:, 3] - LOW * height) & (top <= blobs[:, 3] + DEEP * height)
    return np.asarray(foot & (low - top <= LOW * height))


def _connected(near: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Connected components: each group is named by the lowest index that its members can reach."""
    names = np.arange(len(near))
    while True:
        lowest = np.where(near, names, len(near)).min(1)
        if np.array_equal(lowest, names):
            return [np.flatnonzero(names == name) for name in np.unique(names)]
        names = lowest


def around(blobs: Boxes) -> Boxes:
    return np.concatenate([blobs[:, :2].min(0), blobs[:, 2:].max(0)])


def in_reading_order(runs: list[Boxes]) -> list[Boxes]:
    """Line by line: a run belongs to the line with which it shares half of its height."""
    lines: list[list[Boxes]] = []
    for run in sorted(runs, key=lambda run: int(run[1] + run[3])):
        line = lines[-1] if lines else []
        if line and _shared(run, line[0]) >= 0.5:
            line.append(run)
        else:
            lines.append([run])
    return [run for line in lines for run in sorted(line, key=lambda run: int(run[0]))]


def _shared(one: Boxes, other: Boxes) -> float:
    common = min(one[3], other[3]) - max(one[1], other[1])
    return float(common / min(one[3] - one[1], other[3] - other[1]))
