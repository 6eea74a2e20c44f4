"""Where a blob may be two digits: the paths from top to bottom that cross the least ink."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BEND = 6
"""How far a path may leave its column, in pixels of a strip."""
SIDESTEP = 0.15
"""What a step aside costs, in pixels of ink."""
DEAREST = 22.0
"""A path that crosses more ink than this cuts through a digit."""
MOVES = np.array([0, -1, 1], np.int8)
NOTCH, SHALLOWEST = 10, 5
"""Within how many columns a notch must close, and by how many pixels."""
APART = 5
"""Paths nearer to one another than this are one."""


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
    costs, steps = _cheapest(ink)
    best = costs.min(1)
    chosen = _chosen(best, _notches(ink))
    return [Seam(_path(steps, costs, column), float(best[column])) for column in chosen]


def _chosen(best: NDArray[np.float64], notches: list[int]) -> list[int]:
    """The notches first and then the valleys, from the cheapest on, each keeping its neighbours away."""
    free = best <= DEAREST
    free[:APART], free[-APART:] = False, False
    order = np.argsort(best, kind="stable").tolist()
    valleys = [column for column in order if _is_valley(best, column)]
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


def _is_valley(best: NDArray[np.float64], column: int) -> bool:
    return bool(best[column] <= best[max(0, column - 2) : column + 3].min())


def _cheapest(ink: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """For each column the cost of the paths that stay near it, by where they end, and the steps that they took."""
    height, width = ink.shape
    band = 2 * BEND + 1
    padded = np.pad(ink / 255.0, ((0, 0), (BEND, BEND)), constant_values=1.0)
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
