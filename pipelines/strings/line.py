"""A run of digits as the reader of lines takes it: levelled, of one height, in the middle of a band."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.levels import as_bytes
from pipelines.strings.strip import DIGIT, INK, Strip, find_strip

Picture = NDArray[np.uint8]

HEIGHT = 48
"""Of a line, in pixels."""
REACH = 0.9
"""How far a line goes above and below its middle, in heights of a digit."""
SCALE = HEIGHT / (2 * REACH * DIGIT)
MARGIN = 8
"""Pixels left free at both ends."""
WIDEST = 2048
"""Pixels; a run that is longer, as of a hundred digits, is squeezed, and so hardly readable: nothing is cut off."""
STEEPEST = 0.4


@dataclass(frozen=True)
class TextLine:
    picture: Picture
    """[HEIGHT, W], ink bright on black."""
    to_image: NDArray[np.float64]
    """[2, 3]: from places in the line to places in the image."""

    def box_in_image(self, left: float, top: float, right: float, bottom: float) -> tuple[int, int, int, int]:
        """The upright box (left, top, width, height) in the image around this one of the line."""
        corners = np.array([[left, top], [right, top], [left, bottom], [right, bottom]], np.float64)
        placed = corners @ self.to_image[:, :2].T + self.to_image[:, 2]
        (x, y), (far, low) = np.floor(placed.min(0)).astype(int), np.ceil(placed.max(0)).astype(int)
        return max(int(x), 0), max(int(y), 0), int(far - x), int(low - y)


def find_line(grey: Picture) -> TextLine | None:
    """None where there is only paper."""
    strip = find_strip(grey)
    return None if strip is None else level(strip)


def level(strip: Strip) -> TextLine:
    forward = _levelling(strip.ink)
    width = round(strip.ink.shape[1] * SCALE) + 2 * MARGIN
    if width > WIDEST:
        forward[0] *= WIDEST / width
        width = WIDEST
    picture = as_bytes(cv2.warpAffine(strip.ink, forward, (width, HEIGHT)))
    whole = _squared(strip.to_image) @ np.linalg.inv(_squared(forward))
    return TextLine(picture, whole[:2])


def _levelling(ink: Picture) -> NDArray[np.float64]:
    """[2, 3]: from the strip to the line; sheared upward or downward until the writing runs level."""
    rows, columns = np.nonzero(ink > INK)
    if not len(rows):
        return np.array([[SCALE, 0, MARGIN], [0, SCALE, HEIGHT / 2 - SCALE * len(ink) / 2]])
    slope = 0.0
    if np.ptp(columns) > 2 * DIGIT:
        slope = float(np.clip(np.polyfit(columns, rows, 1)[0], -STEEPEST, STEEPEST))
    middle = float(rows.mean() - slope * columns.mean())
    return np.array([[SCALE, 0, MARGIN], [-SCALE * slope, SCALE, HEIGHT / 2 - SCALE * middle]])


def _squared(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.vstack([matrix, [0, 0, 1]])
