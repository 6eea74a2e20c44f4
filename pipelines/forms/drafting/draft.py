"""A first template of a form from its blank page alone: a person only has to name the fields that were found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.cells.frames import boxes_of
from pipelines.forms.drafting.grouping import fields_of
from pipelines.forms.drafting.shapes import Rectangle, open_combs, rectangles, solid_squares
from pipelines.forms.registration.registered_page import DOTS_PER_MM
from pipelines.forms.template import Box, Corner, Field, Register, Template
from pipelines.images.levels import as_bytes
from pipelines.images.rules.darkness import Grey, measure

CORNER = 0.25
"""Corner marks lie within this share of the page from its corners."""
FEWEST_CORNERS = 3
COLOURS = {"digits": (30, 150, 30), "number": (200, 110, 0), "text_image": (160, 60, 160), "mark": (0, 0, 220)}
"""Colours of the fields in BGR order, by kind."""
GREY = (120, 120, 120)


def draft(page: Grey, name: str, width: float, height: float) -> Template:
    """Draft the template of a blank page of this size in mm, with fields named by their look, in reading order."""
    page = _scaled(page, width, height)
    ink = measure(page).ink
    found = fields_of(rectangles(ink), list(open_combs(ink)))
    drafted = (Field(f"{one.word}{at}", **one.without_name) for at, one in enumerate(found, 1))
    fields = tuple(_within(field, width, height) for field in drafted)
    corners = _corners(solid_squares(page), width, height)
    register = Register("corners", corners=corners) if corners else Register("reference", Path(f"{name}.png"))
    return Template(name, width, height, register, fields)


def _within(field: Field, width: float, height: float) -> Field:
    """Clip a field that is printed up to the edge of the page."""
    cells = tuple(_clipped(box, width, height) for box in field.cell_boxes)
    return replace(field, box=_clipped(field.box, width, height), cell_boxes=cells)


def _clipped(box: Box, width: float, height: float) -> Box:
    left, top = max(0.0, box.left), max(0.0, box.top)
    if (left, top) == (box.left, box.top) and box.right <= width and box.bottom <= height:
        return box
    return Box(left, top, round(min(box.right, width) - left, 2), round(min(box.bottom, height) - top, 2))


def _scaled(page: Grey, width: float, height: float) -> Grey:
    size = (round(width * DOTS_PER_MM), round(height * DOTS_PER_MM))
    way = cv2.INTER_AREA if size[0] < page.shape[1] else cv2.INTER_LINEAR
    return as_bytes(cv2.resize(page, size, interpolation=way))


def _corners(squares: Sequence[Rectangle], width: float, height: float) -> tuple[Corner, ...]:
    """Return the solid square nearest to each corner of the page, if at least three corners have one."""
    corners = []
    for x, y in ((0.0, 0.0), (width, 0.0), (0.0, height), (width, height)):
        near = [one for one in squares if abs(one.x - x) <= CORNER * width and abs(one.y - y) <= CORNER * height]
        if near:
            mark = min(near, key=lambda one: np.hypot(one.x - x, one.y - y))
            corners.append(Corner(mark.x, mark.y, (mark.width + mark.height) / 2))
    return tuple(corners) if len(corners) >= FEWEST_CORNERS else ()


def draw_template(page: Grey, template: Template) -> NDArray[np.uint8]:
    """Draw the page in colour at DOTS_PER_MM, as [H, W, 3] in BGR order, with all fields and corner marks labelled."""
    picture = as_bytes(cv2.cvtColor(_scaled(page, template.width, template.height), cv2.COLOR_GRAY2BGR))
    for field in template.fields:
        colour = COLOURS[field.kind]
        for box in boxes_of(field):
            _draw(picture, box, colour, 1)
        _draw(picture, field.box, colour, 2)
        _name(picture, field.name, field.box, colour)
    for corner in template.register.corners:
        side = corner.side
        _draw(picture, Box(corner.x - side / 2, corner.y - side / 2, side, side), GREY, 3)
    return picture


def _draw(picture: NDArray[np.uint8], box: Box, colour: tuple[int, int, int], thickness: int) -> None:
    left, top, right, bottom = (round(side * DOTS_PER_MM) for side in (box.left, box.top, box.right, box.bottom))
    cv2.rectangle(picture, (left, top), (right, bottom), colour, thickness)


def _name(picture: NDArray[np.uint8], name: str, box: Box, colour: tuple[int, int, int]) -> None:
    """Write the name on white above the box, so that it is legible over print."""
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.7
    (wide, high), _ = cv2.getTextSize(name, font, size, 2)
    left, bottom = round(box.left * DOTS_PER_MM), max(high + 4, round(box.top * DOTS_PER_MM) - 3)
    cv2.rectangle(picture, (left, bottom - high - 3), (left + wide, bottom + 3), (255, 255, 255), -1)
    cv2.putText(picture, name, (left, bottom), font, size, colour, 2, cv2.LINE_AA)
