"""Small straightened pages with one field on them, printed and filled as scans show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.drawing.pen import ink_digit
from pipelines.forms.registration.registered_page import DOTS_PER_MM, RegisteredPage
from pipelines.forms.template import Box, Field, Register, Template

DOTS = 4 * DOTS_PER_MM
"""Everything is drawn at four times the size, for smooth edges."""
PAPER, PRINT = 240, 60
WIDTH, HEIGHT = 100.0, 40.0
COMB = Box(15, 12, 45, 7)
CELLS = 9
STYLES = ("closed", "open", "teeth", "dotted", "apart")

Point = tuple[float, float]


@dataclass
class Drawing:
    """A page in mm; what is printed is shifted and tilted, and what is written moves with it."""

    shift: Point = (0.0, 0.0)
    tilt: float = 0.0
    """In degrees."""

    def __post_init__(self) -> None:
        self.canvas = np.full((round(HEIGHT * DOTS), round(WIDTH * DOTS)), PAPER, np.uint8)

    def at(self, x: float, y: float) -> tuple[int, int]:
        turn, middle = np.radians(self.tilt), np.array([COMB.left + COMB.width / 2, COMB.top + COMB.height / 2])
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        across, down = rotation @ ((x, y) - middle) + middle + self.shift
        return round(across * DOTS), round(down * DOTS)

    def stroke(self, *points: Point, width: float = 0.25, level: int = PRINT) -> None:
        path = np.array([self.at(*point) for point in points], np.int32)
        cv2.polylines(self.canvas, [path], False, level, max(1, round(width * DOTS)), cv2.LINE_AA)

    def dots(self, start: Point, end: Point) -> None:
        count = round(float(np.hypot(end[0] - start[0], end[1] - start[1])) / 0.8)
        for share in np.linspace(0, 1, count + 1):
            x, y = np.array(start) + share * (np.array(end) - start)
            cv2.circle(self.canvas, self.at(x, y), round(0.15 * DOTS), PRINT, -1, cv2.LINE_AA)

    def box(self, box: Box) -> None:
        corners = ((box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom))
        self.stroke(*corners, corners[0])

    def comb(self, style: str) -> None:
        wide, height = COMB.width / CELLS, COMB.height
        if style == "apart":
            for box in cells_apart():
                self.box(box)
            return
        self.stroke((COMB.left, COMB.bottom), (COMB.right, COMB.bottom))
        if style in ("closed", "dotted"):
            self.stroke((COMB.left, COMB.top), (COMB.right, COMB.top))
        for at in range(CELLS + 1):
            x, top = COMB.left + at * wide, COMB.top + (0.65 * height if style == "teeth" else 0)
            draw = self.dots if style == "dotted" and 0 < at < CELLS else self.stroke
            draw((x, top), (x, COMB.bottom))

    def digits(self, digits: Sequence[int | None], seed: int, level: int = 40) -> None:
        """One in each cell, some of them over its lines."""
        random, wide = np.random.default_rng(seed), COMB.width / CELLS
        for at, digit in enumerate(digits):
            if digit is not None:
                across, down = random.normal(0, 0.3), random.normal(0, 0.5)
                middle = self.at(COMB.left + (at + 0.5) * wide + across, COMB.top + COMB.height / 2 + down)
                self._ink(_cropped(ink_digit(digit, random)), middle, COMB.height * random.uniform(0.7, 1.0), level)

    def _ink(self, ink: NDArray[np.uint8], middle: tuple[int, int], height: float, level: int) -> None:
        high = round(height * DOTS)
        wide = min(max(round(ink.shape[1] * high / ink.shape[0]), DOTS // 3), round(5.2 * DOTS))
        scaled = cv2.resize(ink, (wide, high), interpolation=cv2.INTER_AREA) / 255
        left, top = middle[0] - wide // 2, middle[1] - high // 2
        view = self.canvas[top : top + high, left : left + wide]
        np.minimum(view, (PAPER - (PAPER - level) * scaled).astype(np.uint8), out=view)

    def scan(self, field: Field, noise: float = 4.0, seed: int = 0) -> RegisteredPage:
        size = (round(WIDTH * DOTS_PER_MM), round(HEIGHT * DOTS_PER_MM))
        page = cv2.resize(self.canvas, size, interpolation=cv2.INTER_AREA).astype(float)
        page += np.random.default_rng(seed).normal(0, noise, page.shape)
        template = Template("drawn", WIDTH, HEIGHT, Register("none"), (field,))
        return RegisteredPage(np.clip(page, 0, 255).astype(np.uint8), template, 0.0, 0, np.eye(3))


def cells_apart() -> tuple[Box, ...]:
    wide = COMB.width / CELLS
    return tuple(Box(COMB.left + at * wide + 0.4, COMB.top, wide - 0.8, COMB.height) for at in range(CELLS))


def comb_field(style: str = "closed") -> Field:
    return Field("number", "digits", COMB, CELLS, cells_apart() if style == "apart" else ())


def _cropped(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    left, top, width, height = cv2.boundingRect(ink)
    return ink[top : top + height, left : left + width]
