"""Where a blob may be two digits: the paths from top to bottom that cross the least ink."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.levels import as_bytes

BEND = 6
"""How far a path may leave its column, in pixels of a strip."""
SIDESTEP = 0.15
"""What a step aside costs, in pixels of ink."""
DEAREST, DEAREST_NOTCH = 22.0, 32.0
"""A path that crosses more ink than this cuts through a digit; from notch to notch it may run along a shared wall."""
MOVES = np.array([0, -1, 1], np.int8)
NOTCH, SHALLOWEST = 10, 5
"""Within how many columns a notch must close, and by how many pixels."""
APART = 5
"""Paths nearer to one another than this are one."""
SMALLEST_LOOP = 12
"""Pixels of paper that a stroke must enclose to be a loop, as that of a 6."""
LOOP = 1.5
"""What a pixel of a loop costs, in pixels of ink: between two loops that share a wall the way leads along the wall."""
DEEPEST = 3
"""A path that runs through a loop for more rows than this cuts a digit open."""


@dataclass(frozen=True)
class Seam:
    columns: NDArray[np.int64]
    """For each row the first column to the right of the path."""
    ink: float
    """How much ink it crosses, in pixels."""


def find_seams(ink: NDArray[np.uint8]) -> list[Seam]:
    """From left to right, the paths at which the crossed ink is less than at the columns around."""
    if ink.shape[1] <= 2 * APART:
        return []
    loops = _loops(ink)
    costs, steps = _cheapest(ink / 255.0 + LOOP * loops)
    best = costs.min(1)
    notches = _notches(ink)
    seams = {column: Seam(_path(steps, costs, column), float(best[column])) for column in _chosen(best, notches)}
    # Two digits that touch twice enclose paper too; there notches show where one ends.
    return [seam for column, seam in seams.items() if column in notches or _depth(seam, loops) <= DEEPEST]


def _depth(seam: Seam, loops: NDArray[np.bool_]) -> int:
    """Through how many rows of loops it runs."""
    columns = seam.columns.clip(0, loops.shape[1] - 1)
    return int(np.count_nonzero(loops[np.arange(len(loops)), columns]))


def _chosen(best: NDArray[np.float64], notches: list[int]) -> list[int]:
    """The notches first and then the valleys, from the cheapest on, each keeping its neighbours away."""
    free = best <= DEAREST_NOTCH
    free[:APART], free[-APART:] = False, False
    order = np.argsort(best, kind="stable").tolist()
    valleys = [column for column in order if best[column] <= DEAREST and _is_valley(best, column)]
    chosen = []
    for column in [*sorted(notches, key=lambda column: best[column]), *valleys]:
        if free[column]:
            chosen.append(column)
            free[max(0, column - APART) : column + APART + 1] = False
    return sorted(chosen)


def _notches(ink: NDArray[np.uint8]) -> list[int]:
    """Where paper reaches deepest from above and below: there two round shapes touch, by however much ink."""
    inked = ink > 127
    depth = np.where(inked.any(0), inked.argmax(0) + inked[::-1].argmax(0), 2 * len(ink))
    found = []
    for column in range(APART, len(depth) - APART):
        left, right = depth[max(0, column - NOTCH) : column], depth[column + 1 : column + NOTCH + 1]
        deepest = depth[column] >= right[:APART].max() and depth[column] > left[-APART:].max()
        if deepest and depth[column] - max(left.min(), right.min()) >= SHALLOWEST:
            found.append(column)
    return found


def _loops(ink: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The paper that strokes enclose."""
    paper = np.pad(as_bytes(ink <= 127), 1, constant_values=1)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(paper, connectivity=4)
    enclosed = stats[:, cv2.CC_STAT_AREA] >= SMALLEST_LOOP
    enclosed[[0, labels[0, 0]]] = False
    return enclosed[labels][1:-1, 1:-1]


def _is_valley(best: NDArray[np.float64], column: int) -> bool:
    return bool(best[column] <= best[max(0, column - 2) : column + 3].min())


def _cheapest(crossing: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """For each column the cost of the paths that stay near it, by where they end, and the steps that they took."""
    height, width = crossing.shape
    band = 2 * BEND + 1
    padded = np.pad(crossing, ((0, 0), (BEND, BEND)), constant_values=1.0)
    view = np.lib.stride_tricks.sliding_window_view(padded, band, axis=1)
    costs = view[0].copy()
    steps = np.zeros((height, width, band), np.int8)
    choices = np.full((3, width, band), np.inf)
    for row in range(1, height):
        choices[0] = costs
        choices[1, :, 1:] = costs[:, :-1] + SIDESTEP
        choices[2, :, :-1] = costs[:, 1:] + SIDESTEP
        steps[row] = MOVES[choices.argmin(0)]
        costs = choices.min(0) + view[row]
    return costs, steps


def _path(steps: NDArray[np.int8], costs: NDArray[np.float64], column: int) -> NDArray[np.int64]:
    height = len(steps)
    columns = np.empty(height, np.int64)
    at = int(costs[column].argmin())
    for row in range(height - 1, -1, -1):
        columns[row] = column + at - BEND
        at += int(steps[row, column, at])
    return columns
