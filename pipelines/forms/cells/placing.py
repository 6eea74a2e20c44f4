"""The actual position of a field on the page: its edges are shifted and rotated together to match the printed lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.cells.frames import Frame, lay
from pipelines.forms.registration.registered_page import DOTS_PER_MM
from pipelines.forms.template import Box
from pipelines.images.rules.darkness import Grey
from pipelines.images.rules.fitting import GAP, NEAR, find_lines
from pipelines.images.rules.lines import JOINED, Cells, Edge, PrintedLine, bundle, edges_of

REACH = round(1.8 * DOTS_PER_MM)
"""How far in dots from its expected position the whole field is searched for."""
TURNS = np.radians((0.0, -0.5, 0.5, -1.0, 1.0, -1.5, 1.5, -2.0, 2.0))
CERTAIN = 0.8
"""The share of one long edge, or of all short ones, that must be inked for the field to have printed lines."""
LONG = 15 * DOTS_PER_MM
"""Length in dots that no stroke of a digit reaches."""
FITS = 0.9
WHOLE = np.array([(0, 1)])
WHOLE_AND_THIRDS = np.array([(0, 1), (0, 1 / 3), (1 / 3, 2 / 3), (2 / 3, 1)])
"""Parts of an edge as shares of its length."""

Shift = tuple[float, float]


def find_frame(page: Grey, boxes: Sequence[Box]) -> tuple[Frame, list[PrintedLine]]:
    """Return the field at its actual position and its printed lines; without lines, the template's position is kept."""
    frame = lay(page, boxes)
    edges = edges_of(frame.cells)
    turn, shift = _settle(frame.dark.ink, edges)
    if turn:
        frame = lay(page, boxes, turn)
        edges = edges_of(frame.cells)
        _, shift = _shift(frame.dark.ink, edges)
    if shift is None:
        return frame, []
    lines = find_lines(frame.dark.ink, [edge.moved(*shift) for edge in edges])
    return replace(frame, cells=_snapped(frame.cells + np.tile(shift, 2), lines)), lines


def _settle(ink: Grey, edges: list[Edge]) -> tuple[float, Shift | None]:
    """Return the rotation and shift that place most ink along the edges; a rotation must be a clear improvement."""
    height, width = ink.shape
    best, turn = _shift(ink, edges), 0.0
    for angle in TURNS[1:]:
        if best[0] > FITS:
            break
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), float(np.degrees(angle)), 1)
        turned = np.asarray(cv2.warpAffine(ink, matrix, (width, height), flags=cv2.INTER_NEAREST), np.uint8)
        found = _shift(turned, edges)
        if found[0] > best[0] * 1.04:
            best, turn = found, float(angle)
    return turn, best[1]


def _shift(ink: Grey, edges: list[Edge]) -> tuple[float, Shift | None]:
    """Return the largest share of the edges that is inked at any shift, and that shift if it is certain."""
    flat, upright = (np.array([one[1:] for one in edges if one.flat == way]) for way in (True, False))
    down, best_down, one = _along(ink, flat, WHOLE)
    across, best_across, other = _along(
        np.ascontiguousarray(ink.T), upright + np.array([down, down, 0]), WHOLE_AND_THIRDS
    )
    return (best_across + best_down) / 2, (across, down) if max(one, other) >= CERTAIN else None


def _along(ink: Grey, edges: NDArray[np.float64], parts: NDArray[np.float64]) -> tuple[int, float, float]:
    """Return the best shift across the edges, the share inked there, and the share of the most conclusive edge.

    The teeth of a comb may be short, so uprights are also compared along parts of their length.
    """
    shifts = np.arange(-REACH, REACH + 1)
    starts, stops, places = edges.T
    rows = (np.rint(places)[:, None] + shifts).clip(0, len(ink) - 1).astype(np.intp)
    shares = _shares(ink, rows, np.rint(starts + parts[..., None] * (stops - starts)))
    weights = (stops - starts) / (stops - starts).sum()
    # Prefer the whole edge to a part of it, and the nearer of two equal shifts.
    common = weights @ shares - 0.003 * np.abs(shifts) - np.where(np.arange(len(parts)) > 0, 0.05, 0)[:, None]
    part, best = np.unravel_index(int(common.argmax()), common.shape)
    score, long = float(common[part, best]), stops - starts >= LONG
    return int(shifts[best]), score, float(shares[0, long, best].max()) if long.any() else score


def _shares(ink: Grey, rows: NDArray[np.intp], ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inked share of a part of each edge as [parts, edges, shifts]; `ends` is [parts, 2, edges]."""
    thick = cv2.dilate(ink, np.ones((3, 1), np.uint8))
    # Dots and dashes form a line too.
    thick = cv2.morphologyEx(thick, cv2.MORPH_CLOSE, np.ones((1, GAP + 1), np.uint8))
    sums = np.zeros((ink.shape[0], ink.shape[1] + 1), np.int32)
    np.cumsum(thick, axis=1, out=sums[:, 1:])
    first, last = np.moveaxis(ends.clip(0, ink.shape[1]).astype(np.intp), 1, 0)[..., None]
    return np.asarray((sums[rows, last] - sums[rows, first]) / np.maximum(last - first, 1), np.float64)


def _snapped(cells: Cells, lines: Sequence[PrintedLine]) -> Cells:
    """Move the edges of the cells onto the lines found next to them."""
    snapped = cells.copy()
    for flat, sides, ends in ((False, [0, 2], [1, 3]), (True, [1, 3], [0, 2])):
        found = bundle([line for line in lines if line.flat == flat])
        if found is None:
            continue
        # Edges and lines are compared halfway along the edge.
        halfway = cells[:, ends].mean(1)
        places = found.middle_at(np.arange(len(found.starts))[:, None], halfway)
        for side in sides:
            off = np.abs(places - cells[:, side])
            nearest = places[off.argmin(0), np.arange(len(cells))]
            snapped[:, side] = np.where(off.min(0) <= NEAR + JOINED, nearest, cells[:, side])
    return snapped
