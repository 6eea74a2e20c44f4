"""Where a blob may be two digits: the paths from top to bottom that cross the least ink."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BEND = 6
"""How far a path may leave its column, in pixels of a strip."""
SIDESTEP = 0.15
"""What a step aside costs, in pixels of ink."""
DEAREST = 18.0
"""A path that crosses more ink than this cuts through a digit."""
MOVES = np.array([0, -1, 1], np.int8)
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
    height, width = ink.shape
    if width <= 2 * APART:
        return []
    costs, steps = _cheapest(ink)
    best = costs.min(1)
    chosen = _valleys(best)
    return [Seam(_path(steps, costs, column), float(best[column])) for column in chosen]


def _valleys(best: NDArray[np.float64]) -> list[int]:
    """The cheapest columns first, each keeping its neighbours away."""
    free = best <= DEAREST
    free[:APART], free[-APART:] = False, False
    chosen = []
    for column in np.argsort(best, kind="stable").tolist():
        if free[column] and _is_valley(best, column):
            chosen.append(column)
            free[max(0, column - APART) : column + APART + 1] = False
    return sorted(chosen)


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
