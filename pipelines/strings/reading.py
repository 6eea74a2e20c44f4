"""Reading numbers without cells: they are found, levelled into a line, and read as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.levels import as_bytes
from pipelines.strings.ctc import Frames, Value, align, beam_search
from pipelines.strings.finding import PixelBox, Run, find_strings
from pipelines.strings.line import HEIGHT, TextLine, find_line
from pipelines.strings.strip import INK

Picture = NDArray[np.uint8]
ReadFrames = Callable[[Sequence[Picture]], list[Frames]]
"""Reads images of lines, [HEIGHT, W] each, and returns the probabilities of their frames."""

ALTERNATIVES = 5
STEP = 2
"""The width of a frame, in pixels of the line."""
ROOM = 0.4 * HEIGHT
"""How far a digit's ink may lie from the middle of its frames."""


@dataclass(frozen=True)
class FoundDigit:
    label: str
    confidence: float
    """The highest probability of this digit among its frames."""
    box: PixelBox


@dataclass(frozen=True)
class StringReading:
    value: str
    """Empty if there is no digit."""
    confidence: float
    digits: tuple[FoundDigit, ...]
    alternatives: tuple[Value, ...]
    """The likeliest values with their probabilities, best first, including `value`."""


NOTHING = StringReading("", 0.0, (), ())


@dataclass(frozen=True)
class FoundString:
    box: PixelBox
    reading: StringReading


def read_strings_of(images: Sequence[Picture], reader: ReadFrames) -> list[StringReading]:
    """Read many images (grey or RGB) of one run each, in one call of the reader."""
    return _read([find_line(as_grey(image)) for image in images], reader)


def _read(lines: Sequence[TextLine | None], reader: ReadFrames) -> list[StringReading]:
    read = iter(reader([line.picture for line in lines if line]))
    return [read_line(line, next(read)) if line else NOTHING for line in lines]


def read_strings(image: Picture, reader: ReadFrames) -> list[FoundString]:
    """Read every run of digits in a photo, in reading order; runs in which nothing is read are left out."""
    grey = as_grey(image)
    runs = find_strings(grey)
    readings = _read([_line_in(grey, run) for run in runs], reader)
    return [
        FoundString(run.box, _moved(reading, run.part[:2]))
        for run, reading in zip(runs, readings, strict=True)
        if reading.value
    ]


def _line_in(grey: Picture, run: Run) -> TextLine | None:
    left, top, width, height = run.part
    return find_line(grey[top : top + height, left : left + width], run.rules)


def as_grey(image: Picture) -> Picture:
    return image if image.ndim == 2 else as_bytes(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))


def read_line(line: TextLine, frames: Frames, expected: tuple[int, int] | None = None) -> StringReading:
    """Read a line from the probabilities of its frames, perhaps in another process than the one that found it.

    `expected` is the smallest and the largest number of digits. Values of such a length are among the alternatives with
    their probabilities among values of any length: normalised among themselves, they would make a number with a digit
    too many look like a sure reading of the expected length.
    """
    found = beam_search(frames)
    if not found[0].digits:
        return NOTHING
    values = [value for value in found if value.digits]
    fewest, most = expected or (1, len(frames))
    fitting = [value for value in values if fewest <= len(value.digits) <= most][:ALTERNATIVES]
    alternatives = (*values[:ALTERNATIVES], *(value for value in fitting if value not in values[:ALTERNATIVES]))
    digits = _digits(line, frames, [*fitting, values[0]][0].digits)
    return StringReading(values[0].digits, values[0].probability, digits, alternatives)


def _digits(line: TextLine, frames: Frames, value: str) -> tuple[FoundDigit, ...]:
    spans = align(frames, value)
    middles = [STEP * (first + last) / 2 for first, last in spans]
    between = [(left + right) / 2 for left, right in pairwise(middles)]
    starts, ends = [0.0, *between], [*between, float(line.picture.shape[1])]
    found = []
    for digit, (first, last), middle, left, right in zip(value, spans, middles, starts, ends, strict=True):
        box = _ink_within(line.picture, max(left, middle - ROOM), min(right, middle + ROOM))
        found.append(FoundDigit(digit, float(frames[first:last, int(digit)].max()), line.box_in_image(*box)))
    return tuple(found)


def _ink_within(picture: Picture, left: float, right: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the ink between two columns; the full height if there is none."""
    start, end = int(left), max(int(np.ceil(right)), int(left) + 1)
    rows, columns = np.nonzero(picture[:, start:end] > INK)
    if not len(rows):
        return start, 0, end, len(picture)
    return start + int(columns.min()), int(rows.min()), start + int(columns.max()) + 1, int(rows.max()) + 1


def _moved(reading: StringReading, by: tuple[int, int]) -> StringReading:
    return replace(reading, digits=tuple(replace(digit, box=_beside(digit.box, by)) for digit in reading.digits))


def _beside(box: PixelBox, by: tuple[int, int]) -> PixelBox:
    left, top, width, height = box
    return left + by[0], top + by[1], width, height
