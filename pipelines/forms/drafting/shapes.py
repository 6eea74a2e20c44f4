"""Shapes printed on a blank page: rectangles of paper framed by lines, combs open at the top, and solid squares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.registration.registered_page import DOTS_PER_MM
from pipelines.images.rules.darkness import Grey

SMALLEST = 2.2
"""In millimetres; anything smaller is the inside of a letter."""
STRAIGHT = 0.88
"""The share of its bounding rectangle that a rectangle fills at least; rounded corners cost some."""
DIRTY = 0.05
"""A rectangle with more than this share of ink inside is not meant for writing."""
STEEPEST = 8.0
GAP = round(1.0 * DOTS_PER_MM)
"""Dots and dashes within this distance, in dots, form a line."""
BLACK = 110
SOLID = 0.88
LONGEST_TOOTH = 12.0
SHORTEST_TOOTH = 1.0
PITCHES = (2.5, 14.0)


@dataclass(frozen=True)
class Rectangle:
    """A rectangle in mm: its centre, its sides, and its lean in radians."""

    x: float
    y: float
    width: float
    height: float
    lean: float = 0.0


def rectangles(ink: Grey) -> list[Rectangle]:
    """Find rectangles of blank paper framed by solid, dashed or dotted lines."""
    upright = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((GAP, 1), np.uint8))
    flat = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((1, GAP), np.uint8))
    paper = 1 - np.maximum(upright, flat)
    _, labels, sizes, _ = cv2.connectedComponentsWithStats(paper, connectivity=4)
    least = SMALLEST * DOTS_PER_MM
    found = []
    for label, (left, top, width, height, area) in enumerate(sizes):
        large = min(width, height) >= least and area >= 0.3 * width * height
        if label and large and (width < ink.shape[1] or height < ink.shape[0]):
            region = (labels[top : top + height, left : left + width] == label).astype(np.uint8)
            rectangle = _rectangle(region, left, top, area)
            if rectangle:
                found.append(rectangle)
    return found


def _rectangle(region: Grey, left: int, top: int, area: int) -> Rectangle | None:
    contours, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(contours, key=cv2.contourArea)
    (x, y), (width, height), angle = cv2.minAreaRect(outline)
    # A contour runs through the centres of its pixels.
    width, height = width + 1, height + 1
    if abs(angle) > 45:
        width, height, angle = height, width, angle - np.copysign(90, angle)
    around = float(cv2.contourArea(outline)) + len(outline) / 2 + 1
    if abs(angle) > STEEPEST or around < STRAIGHT * width * height or area < (1 - DIRTY) * around:
        return None
    if min(width, height) < SMALLEST * DOTS_PER_MM:
        return None
    scale = DOTS_PER_MM
    return Rectangle(
        (left + x + 0.5) / scale, (top + y + 0.5) / scale, width / scale, height / scale, float(np.radians(angle))
    )


def solid_squares(grey: Grey) -> list[Rectangle]:
    """Find isolated black squares, such as corner marks."""
    _, _, sizes, _ = cv2.connectedComponentsWithStats((grey < BLACK).astype(np.uint8), connectivity=8)
    return [
        Rectangle(*((np.array([left + width / 2, top + height / 2, width, height]) / DOTS_PER_MM).tolist()))
        for left, top, width, height, area in sizes[1:]
        if min(width, height) >= SMALLEST * DOTS_PER_MM
        and max(width, height) <= 1.2 * min(width, height)
        and area >= SOLID * width * height
    ]


def open_combs(ink: Grey) -> Iterator[list[Rectangle]]:
    """Yield the cells of each comb that has a base line with teeth but no line at the top."""
    run = round(2.5 * DOTS_PER_MM)
    flat = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, run), np.uint8))
    joined = cv2.dilate(flat, np.ones((3, 3), np.uint8))
    _, labels, sizes, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    for label, (left, top, width, height, _) in enumerate(sizes):
        flat_enough = height <= 1.2 * DOTS_PER_MM + width * np.tan(np.radians(STEEPEST))
        if label and flat_enough and width >= 2 * PITCHES[0] * DOTS_PER_MM:
            rows, columns = np.nonzero(labels[top : top + height, left : left + width] == label)
            slope, base = np.polyfit(columns, rows, 1)
            if np.abs(rows - slope * columns - base).max() <= DOTS_PER_MM:
                cells = _cells_on(ink, left, top + base, slope, width)
                if cells:
                    yield cells


def _cells_on(ink: Grey, left: int, base: float, slope: float, length: int) -> list[Rectangle]:
    """Return the cells between the teeth of a line; an empty list if they are not all alike."""
    ends, heights = _teeth(ink, left, base, slope, length)
    if len(ends) < 3:
        return []
    pitches, height = np.diff(ends), float(np.median(heights))
    pitch = float(np.median(pitches))
    alike = np.abs(pitches - pitch).max() <= 0.12 * pitch and np.abs(heights - height).max() <= 0.3 * height
    to_the_ends = ends[0] <= 0.3 * pitch and length - ends[-1] <= 0.3 * pitch
    if not (alike and to_the_ends and PITCHES[0] <= pitch / DOTS_PER_MM <= PITCHES[1]):
        return []
    high = max(height, 1.2 * pitch)
    middles = (ends[:-1] + ends[1:]) / 2
    # From the middle of the cell's base, go up half the height at a right angle to the line.
    return [
        Rectangle(
            (left + x + slope * high / 2) / DOTS_PER_MM,
            (base + slope * x - high / 2) / DOTS_PER_MM,
            pitch / DOTS_PER_MM,
            high / DOTS_PER_MM,
            float(np.arctan(slope)),
        )
        for x in middles
    ]


def _teeth(
    ink: Grey, left: int, base: float, slope: float, length: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where thin strokes stand on a line, and how high they are."""
    most, wall = round(LONGEST_TOOTH * DOTS_PER_MM), round(0.5 * DOTS_PER_MM)
    along, up = np.arange(-wall, length + wall), np.arange(wall, most + wall)[:, None]
    rows = np.rint(base + slope * along - up).astype(int)
    columns = np.rint(left + along + slope * up).astype(int)
    inside = (rows >= 0) & (columns >= 0) & (columns < ink.shape[1])
    strip = (ink[rows.clip(0, len(ink) - 1), columns.clip(0, ink.shape[1] - 1)] > 0) & inside
    high = np.where(strip.all(0), most, strip.argmin(0)) + wall
    marked = high >= SHORTEST_TOOTH * DOTS_PER_MM
    turns = np.flatnonzero(np.diff(np.pad(marked, 1).astype(np.int8)))
    places, heights = [], []
    for first, last in zip(turns[::2], turns[1::2], strict=True):
        # Wide or endless strokes are not teeth, so the huge height disqualifies the row as a comb.
        fits = last - first <= DOTS_PER_MM and high[first:last].max() < most
        places.append(along[first] + (last - first - 1) / 2)
        heights.append(float(high[first:last].max()) if fits else 100.0 * most)
    return np.array(places), np.array(heights)
