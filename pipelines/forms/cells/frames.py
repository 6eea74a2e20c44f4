"""A field and its surroundings, cut from a straightened page and rotated so that its cells are upright and in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.registration.registered_page import DOTS_PER_MM
from pipelines.forms.template import Box, Field
from pipelines.images.rules.darkness import Darkness, Grey, measure
from pipelines.images.rules.lines import Cells

MARGIN = round(2.5 * DOTS_PER_MM)
"""Margin around the field in dots: room for a displaced field and for digits that stick out."""
IN_A_ROW = 0.15
"""Cells form a row if their centres lie within this share of their height from a straight line."""
STRAIGHT = 0.1
"""A row whose ends differ in height by fewer dots than this is not rotated."""


@dataclass(frozen=True)
class Frame:
    dark: Darkness
    cells: Cells
    """In dots of the frame."""
    matrix: NDArray[np.float64]
    """[2, 3], from dots of the page to dots of the frame."""

    def on_page(self, cell: NDArray[np.float64]) -> Box:
        """Return the upright rectangle on the page, in mm, around a part of the frame."""
        left, top, right, bottom = cell
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) - self.matrix[:, 2]
        places = corners @ np.linalg.inv(self.matrix[:, :2]).T / DOTS_PER_MM
        (left, top), (right, bottom) = places.min(0), places.max(0)
        return Box(float(left), float(top), float(right - left), float(bottom - top))


def boxes_of(field: Field) -> tuple[Box, ...]:
    if field.cell_boxes:
        return field.cell_boxes
    box, count = field.box, field.cells or 1
    wide = box.width / count
    return tuple(Box(box.left + at * wide, box.top, wide, box.height) for at in range(count))


def lay(page: Grey, boxes: Sequence[Box], turn: float = 0.0) -> Frame:
    """Cut out the frame of these boxes, rotated by `turn` radians relative to the template."""
    sizes = np.array([(box.width, box.height) for box in boxes]) * DOTS_PER_MM
    middles = np.array([(box.left, box.top) for box in boxes]) * DOTS_PER_MM + sizes / 2
    angle = _lean(middles, float(sizes[:, 1].min())) + turn
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned = middles @ rotation.T
    corner = np.floor((turned - sizes / 2).min(0) - MARGIN)
    placed = turned - corner
    wide, high = (int(side) for side in np.ceil((placed + sizes / 2).max(0) + MARGIN))
    matrix = np.column_stack([rotation, -corner])
    image = _warp(page, matrix, wide, high)
    return Frame(measure(image), np.column_stack([placed - sizes / 2, placed + sizes / 2]), matrix)


def _lean(middles: NDArray[np.float64], height: float) -> float:
    """Return the angle of the line through the centres of the cells; 0 if they do not form a row."""
    if len(middles) < 2 or np.ptp(middles[:, 0]) < np.ptp(middles[:, 1]):
        return 0.0
    across, down = (middles - middles.mean(0)).T
    slope = float(across @ down / (across @ across))
    off = np.abs(slope * across - down).max()
    turned = abs(slope) * np.ptp(across) > STRAIGHT
    return float(np.arctan(slope)) if turned and off <= IN_A_ROW * height else 0.0


def _warp(page: Grey, matrix: NDArray[np.float64], wide: int, high: int) -> Grey:
    """Warp the page into the frame, repeating the edge of the page beyond it."""
    if matrix[0, 1] == 0:
        left, top = (int(-place) for place in matrix[:, 2])
        if left >= 0 and top >= 0 and top + high <= page.shape[0] and left + wide <= page.shape[1]:
            return page[top : top + high, left : left + wide]
    turned = cv2.warpAffine(page, matrix, (wide, high), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)
