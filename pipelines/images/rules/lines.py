"""Printed lines: where they are expected, as the edges of cells, and where they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.images.rules.scale import DOTS_PER_MM

THICKEST = round(1.0 * DOTS_PER_MM)
JOINED = round(0.6 * DOTS_PER_MM)
"""Edges of neighbouring cells within this many dots are one line."""

Cells = NDArray[np.float64]
"""[N, 4]: left, top, right and bottom of each cell, in dots."""

Side = tuple[float, float, float]
"""The position, start and stop of one side of a cell."""


class Edge(NamedTuple):
    """Where a line is expected: along x if `flat`, otherwise along y, from `start` to `stop` at `place`."""

    flat: bool
    start: int
    stop: int
    place: float

    def moved(self, across: float, down: float) -> Edge:
        along, place = (across, down) if self.flat else (down, across)
        return Edge(self.flat, self.start + round(along), self.stop + round(along), self.place + place)


@dataclass(frozen=True)
class PrintedLine:
    """A printed line: its centre at each dot along it, and its thickness."""

    flat: bool
    start: int
    middles: NDArray[np.float64]
    thickness: float

    @property
    def stop(self) -> int:
        return self.start + len(self.middles)


@dataclass(frozen=True)
class Bundle:
    """Lines of one direction as arrays with one entry per line."""

    starts: NDArray[np.intp]
    lengths: NDArray[np.intp]
    thickness: NDArray[np.float64]
    middles: NDArray[np.float64]
    """The centres of all lines, concatenated."""

    def middle_at(self, line: NDArray[np.intp], along: NDArray[Any]) -> NDArray[np.float64]:
        """Return the centres of these lines at these positions, or at the nearest end of a line that is too short."""
        firsts = np.cumsum(self.lengths) - self.lengths
        place = (along.astype(np.intp) - self.starts[line]).clip(0, self.lengths[line] - 1)
        return self.middles[firsts[line] + place]


def bundle(lines: Sequence[PrintedLine]) -> Bundle | None:
    if not lines:
        return None
    starts, lengths = np.array([(line.start, len(line.middles)) for line in lines]).T
    thickness = np.array([line.thickness for line in lines])
    return Bundle(starts, lengths, thickness, np.concatenate([line.middles for line in lines]))


def edges_of(cells: Cells) -> list[Edge]:
    """Return the edges of all cells; an edge shared by neighbours occurs once."""
    flat = [(place, left, right) for left, top, right, bottom in cells.tolist() for place in (top, bottom)]
    upright = [(place, top, bottom) for left, top, right, bottom in cells.tolist() for place in (left, right)]
    return [*_edges(flat, True), *_edges(upright, False)]


def _edges(sides: list[Side], flat: bool) -> Iterator[Edge]:
    """Merge sides at the same position that overlap or touch."""
    groups: list[list[Side]] = []
    for side in sorted(sides, key=lambda side: side[1]):
        group = next((group for group in groups if _meets(group, side)), None)
        if group is None:
            groups.append([side])
        else:
            group.append(side)
    for group in groups:
        places, starts, stops = zip(*group, strict=True)
        yield Edge(flat, round(min(starts)), round(max(stops)), sum(places) / len(places))


def _meets(group: list[Side], side: Side) -> bool:
    return abs(group[0][0] - side[0]) <= JOINED and side[1] <= max(one[2] for one in group) + JOINED
