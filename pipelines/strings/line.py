"""A run of digits as the line network takes it: levelled, at a fixed height, vertically centred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.levels import as_bytes
from pipelines.images.rules.seeking import FoundRule
from pipelines.strings.strip import DIGIT, INK, Strip, find_strip

Picture = NDArray[np.uint8]

HEIGHT = 48
"""The height of a line, in pixels."""
REACH = 0.9
"""How far a line extends above and below its middle, in heights of a digit."""
SCALE = HEIGHT / (2 * REACH * DIGIT)
MARGIN = 8
"""Empty pixels at both ends."""
WIDEST = 2048
"""The maximum width, in pixels; a longer run, of a hundred digits for example, is squeezed rather than cut off."""
STEEPEST = 0.4
"""The steepest slope of a line that is levelled."""


@dataclass(frozen=True)
class TextLine:
    picture: Picture
    """[HEIGHT, W], ink bright on black."""
    to_image: NDArray[np.float64]
    """[2, 3]: the affine transform from the line to the image."""

    def box_in_image(self, left: float, top: float, right: float, bottom: float) -> tuple[int, int, int, int]:
        """The upright box (left, top, width, height) in the image around a box of the line."""
        corners = np.array([[left, top], [right, top], [left, bottom], [right, bottom]], np.float64)
        placed = corners @ self.to_image[:, :2].T + self.to_image[:, 2]
        (x, y), (far, low) = np.floor(placed.min(0)).astype(int), np.ceil(placed.max(0)).astype(int)
        return max(int(x), 0), max(int(y), 0), int(far - x), int(low - y)


def find_line(grey: Picture, rules: Sequence[FoundRule] = ()) -> TextLine | None:
    """Find the line in a grey image, without these printed lines; None if there is only paper."""
    strip = find_strip(grey, rules)
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
    """[2, 3]: the transform from the strip to the line, sheared vertically so that the writing is level."""
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
