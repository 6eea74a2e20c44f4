"""Runs of digits read whole, as lines: no cutting, and so nothing that is cut wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipelines.strings.decoding import Frames, likeliest, places
from pipelines.strings.line import HEIGHT, Line, find_line
from pipelines.strings.reading import ALTERNATIVES, NOTHING, Alternative, FoundDigit, StringReading, as_grey
from pipelines.strings.strip import INK

Picture = NDArray[np.uint8]
LinesReader = Callable[[Sequence[Picture]], list[Frames]]
"""Pictures of lines, [HEIGHT, W] each, to what their frames say."""

STEP = 2
"""Pixels of a line for each of its frames."""
ROOM = 0.4 * HEIGHT
"""How far from where it is said a digit's ink may lie."""


def read_as_lines(images: Sequence[Picture], reader: LinesReader) -> list[StringReading]:
    """Many pictures (grey or RGB) of one run each, in one call of the reader."""
    lines = [find_line(as_grey(image)) for image in images]
    read = iter(reader([line.picture for line in lines if line]))
    return [_reading(line, next(read)) if line else NOTHING for line in lines]


def _reading(line: Line, frames: Frames) -> StringReading:
    values = likeliest(frames)
    if not values[0].digits:
        return NOTHING
    likely = [value for value in values if value.digits][:ALTERNATIVES]
    alternatives = tuple(Alternative(value.digits, value.probability) for value in likely)
    return StringReading(values[0].digits, values[0].probability, _digits(line, frames, values[0].digits), alternatives)


def _digits(line: Line, frames: Frames, value: str) -> tuple[FoundDigit, ...]:
    spans = places(frames, value)
    middles = [STEP * (first + last) / 2 for first, last in spans]
    between = [(left + right) / 2 for left, right in pairwise(middles)]
    starts, ends = [0.0, *between], [*between, float(line.picture.shape[1])]
    found = []
    for digit, (first, last), middle, left, right in zip(value, spans, middles, starts, ends, strict=True):
        box = _ink_within(line.picture, max(left, middle - ROOM), min(right, middle + ROOM))
        found.append(FoundDigit(digit, float(frames[first:last, int(digit)].max()), line.box_in_image(*box)))
    return tuple(found)


def _ink_within(picture: Picture, left: float, right: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is written between two columns; the columns themselves if nothing is."""
    start, end = int(left), max(int(np.ceil(right)), int(left) + 1)
    rows, columns = np.nonzero(picture[:, start:end] > INK)
    if not len(rows):
        return start, 0, end, len(picture)
    return start + int(columns.min()), int(rows.min()), start + int(columns.max()) + 1, int(rows.max()) + 1
