"""The pieces of a strip of which digits are made: blobs, and blobs cut where two digits may touch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.levels import as_bytes
from pipelines.strings.seams import find_seams
from pipelines.strings.strip import DIGIT, INK

Picture = NDArray[np.uint8]

MOST_PIECES = 4
"""Of which one digit can be made."""
WIDEST = 1.7
"""A digit is no wider than this, in digits' heights."""
LOWEST = 0.28
"""What is lower than this is no digit."""
DOT = (0.26, 0.36)
"""Height and width up to which a blob is a dot, a short comma or dirt, and left out."""
SLIVER = 0.015
"""A cut piece of less ink than this, in squares of the digits' height, belongs to its neighbour."""
NARROW = 0.4
"""A blob no wider than this is not cut."""
MARGIN = 8


@dataclass(frozen=True)
class Piece:
    number: int
    """How its pixels are marked in `Pieces.marks`."""
    left: int
    top: int
    right: int
    bottom: int
    blob: int
    cut: float
    """The ink crossed by the cut at its left, in pixels; 0 where the blob begins."""

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


@dataclass(frozen=True)
class Segment:
    """Some neighbouring pieces taken together."""

    first: int
    """Index of the first piece, and of the piece behind the last one."""
    end: int
    left: int
    top: int
    right: int
    bottom: int

    @cached_property
    def width(self) -> float:
        return (self.right - self.left) / DIGIT

    @cached_property
    def height(self) -> float:
        return (self.bottom - self.top) / DIGIT


@dataclass(frozen=True)
class Pieces:
    pieces: tuple[Piece, ...]
    """From left to right."""
    marks: NDArray[np.int32]
    """[H, W]: to which piece each pixel belongs; 0 for none."""
    ink: Picture

    def segments(self) -> list[Segment]:
        """Every run of neighbours that could be a digit by its size, or is one piece."""
        runs = (
            self._segment(first, end)
            for first in range(len(self.pieces))
            for end in range(first + 1, min(first + MOST_PIECES, len(self.pieces)) + 1)
        )
        return [run for run in runs if run.end - run.first == 1 or run.width <= WIDEST]

    def _segment(self, first: int, end: int) -> Segment:
        run = self.pieces[first:end]
        left, top = min(piece.left for piece in run), min(piece.top for piece in run)
        return Segment(first, end, left, top, max(piece.right for piece in run), max(piece.bottom for piece in run))

    def picture(self, segment: Segment) -> Picture:
        """The ink of this segment alone, with a margin."""
        numbers = [piece.number for piece in self.pieces[segment.first : segment.end]]
        window = np.s_[segment.top : segment.bottom, segment.left : segment.right]
        return np.pad(self.ink[window] * np.isin(self.marks[window], numbers), MARGIN)


def is_digit_sized(segment: Segment) -> bool:
    return segment.height >= LOWEST and segment.width <= WIDEST


def find_pieces(ink: Picture) -> Pieces:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(as_bytes(ink > INK))
    marks = np.zeros(ink.shape, np.int32)
    found: list[Piece] = []
    for blob in range(1, count):
        left, top, width, height, _ = (int(value) for value in stats[blob])
        if height > DOT[0] * DIGIT or width > DOT[1] * DIGIT:
            own = labels[top : top + height, left : left + width] == blob
            found += _cut(ink, own, (left, top), blob, marks, len(found))
    return Pieces(tuple(sorted(found, key=lambda piece: piece.middle)), marks, ink)


def _cut(
    ink: Picture, own: NDArray[np.bool_], corner: tuple[int, int], blob: int, marks: NDArray[np.int32], taken: int
) -> list[Piece]:
    """The pieces of one blob, marked with the numbers after those that are taken."""
    left, top = corner
    height, width = own.shape
    alone = as_bytes(ink[top : top + height, left : left + width] * own)
    seams = find_seams(alone) if width > NARROW * DIGIT else []
    columns = np.arange(width)
    side = np.zeros((height, width), np.int32)
    cuts = [0.0]
    for seam in seams:
        right = columns >= seam.columns[:, None]
        grown = own & right & (side == len(cuts) - 1)
        if min(np.count_nonzero(grown), np.count_nonzero(own & ~right & (side == len(cuts) - 1))) > _least():
            side[grown] = len(cuts)
            cuts.append(seam.ink)
    return [
        _piece(own & (side == index), corner, blob, cut, marks, taken + index + 1) for index, cut in enumerate(cuts)
    ]


def _least() -> float:
    return SLIVER * DIGIT * DIGIT


def _piece(
    own: NDArray[np.bool_], corner: tuple[int, int], blob: int, cut: float, marks: NDArray[np.int32], number: int
) -> Piece:
    left, top = corner
    marks[top : top + own.shape[0], left : left + own.shape[1]][own] = number
    x, y, width, height = cv2.boundingRect(as_bytes(own))
    return Piece(number, left + x, top + y, left + x + width, top + y + height, blob, cut)
