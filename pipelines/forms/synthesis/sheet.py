"""A printed page as shapes in millimetres, drawn at any resolution, and the fields laid out with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.template import Box, Corner, Field

FONT = cv2.FONT_HERSHEY_COMPLEX
HEIGHT_OF_FONT = 22
"""Pixels from the baseline to the top of a capital letter, at scale 1."""
FINE = 4
"""Fractional bits of the coordinates in OpenCV's drawing."""
HAIR = 0.25
SHARP = 300
"""Dots per inch at which shapes are drawn; pages at other resolutions are scaled from that."""


@dataclass(frozen=True)
class PrintedText:
    left: float
    base: float
    words: str
    height: float


@dataclass(frozen=True)
class RuledLine:
    start: tuple[float, float]
    end: tuple[float, float]
    width: float = HAIR


@dataclass(frozen=True)
class SolidBlock:
    box: Box


Shape = PrintedText | RuledLine | SolidBlock


def draw_shapes(shapes: list[Shape], width: float, height: float, dpi: float) -> NDArray[np.uint8]:
    """Draw the shapes in black on a white page."""
    if dpi != SHARP:
        # Fonts are hinted, so text drawn at another size would be spaced differently.
        sharp = draw_shapes(shapes, width, height, SHARP)
        wanted = (round(width * dpi / 25.4), round(height * dpi / 25.4))
        return np.asarray(
            cv2.resize(sharp, wanted, interpolation=cv2.INTER_AREA if dpi < SHARP else cv2.INTER_CUBIC), np.uint8
        )
    scale = dpi / 25.4
    page = np.full((round(height * scale), round(width * scale)), 255, np.uint8)
    for shape in shapes:
        match shape:
            case PrintedText():
                size = shape.height * scale / HEIGHT_OF_FONT
                base = (round(shape.left * scale), round(shape.base * scale))
                cv2.putText(page, shape.words, base, FONT, size, 0, max(1, round(size)), cv2.LINE_AA)
            case RuledLine():
                cv2.line(
                    page, _at(shape.start, scale), _at(shape.end, scale), 0, *_pen(shape.width * scale), shift=FINE
                )
            case SolidBlock():
                left_top, right_bottom = (shape.box.left, shape.box.top), (shape.box.right, shape.box.bottom)
                cv2.rectangle(page, _at(left_top, scale), _at(right_bottom, scale), 0, -1, cv2.LINE_AA, shift=FINE)
    return page


def _at(place: tuple[float, float], scale: float) -> tuple[int, int]:
    # OpenCV's coordinates refer to the centres of pixels.
    return round((place[0] * scale - 0.5) * 2**FINE), round((place[1] * scale - 0.5) * 2**FINE)


def _pen(width: float) -> tuple[int, int]:
    return max(1, round(width)), cv2.LINE_AA


@dataclass
class Sheet:
    """A page under construction: each call prints something and records the field it creates."""

    width: float
    height: float
    shapes: list[Shape] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    corners: list[Corner] = field(default_factory=list)

    def text(self, left: float, base: float, words: str, height: float = 2.4) -> None:
        self.shapes.append(PrintedText(left, base, words, height))

    def rule(self, left: float, top: float, width: float, thickness: float = HAIR) -> None:
        self.shapes.append(RuledLine((left, top), (left + width, top), thickness))

    def frame(self, box: Box, thickness: float = HAIR) -> None:
        edges = [(box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom)]
        self.shapes += [RuledLine(one, edges[(at + 1) % 4], thickness) for at, one in enumerate(edges)]

    def corner(self, x: float, y: float, side: float = 6) -> None:
        self.shapes.append(SolidBlock(Box(x - side / 2, y - side / 2, side, side)))
        self.corners.append(Corner(x, y, side))

    def comb(self, name: str, left: float, top: float, cells: int, *, cell: float = 6, **terms: Any) -> None:
        """Add joined cells in one frame."""
        box = Box(left, top, cells * cell, cell * 1.25)
        self.frame(box)
        self.shapes += [RuledLine((x, box.top), (x, box.bottom)) for x in _between(box, cells)]
        self.fields.append(Field(name, "digits", box, cells=cells, **terms))

    def ticks(self, name: str, left: float, top: float, cells: int, *, cell: float = 6, **terms: Any) -> None:
        """Add a comb of which only the baseline and short teeth are printed."""
        box = Box(left, top, cells * cell, cell * 1.25)
        self.rule(box.left, box.bottom, box.width)
        tall = box.height * 0.4
        self.shapes += [
            RuledLine((x, box.bottom - tall), (x, box.bottom)) for x in (box.left, *_between(box, cells), box.right)
        ]
        self.fields.append(Field(name, "digits", box, cells=cells, **terms))

    def boxes(self, name: str, left: float, top: float, cells: int, *, cell: float = 6, **terms: Any) -> None:
        """Add cells that are separate from one another."""
        apart = tuple(Box(left + at * (cell + 2), top, cell, cell * 1.25) for at in range(cells))
        for one in apart:
            self.frame(one)
        whole = Box(left, top, apart[-1].right - left, apart[0].height)
        self.fields.append(Field(name, "digits", whole, cells=cells, cell_boxes=apart, **terms))

    def number(self, name: str, left: float, top: float, width: float, *, height: float = 9, **terms: Any) -> None:
        box = Box(left, top, width, height)
        self.frame(box)
        self.fields.append(Field(name, "number", box, **terms))

    def mark(self, name: str, left: float, top: float, words: str, *, side: float = 4.5) -> None:
        box = Box(left, top, side, side)
        self.frame(box)
        self.text(left + side + 2, top + side - 1, words)
        self.fields.append(Field(name, "mark", box))

    def remarks(self, name: str, left: float, top: float, width: float, height: float) -> None:
        box = Box(left, top, width, height)
        self.frame(box)
        self.fields.append(Field(name, "text_image", box))


def _between(box: Box, cells: int) -> list[float]:
    return [box.left + box.width * at / cells for at in range(1, cells)]
