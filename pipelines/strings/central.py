"""The digit of a line that lies most in the middle: where a picture of one digit holds parts of others beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.strings.ctc import BLANK, Frames
from pipelines.strings.line import HEIGHT, TextLine, find_line
from pipelines.strings.reading import STEP, ReadFrames

Picture = NDArray[np.uint8]
Seen = NDArray[np.float32]
"""How likely each of the ten digits is."""


def central_digits(images: Sequence[Picture], reader: ReadFrames) -> list[Seen | None]:
    """What a reader of lines says of the digit in the middle of each image; None where it sees no digit."""
    lines = [find_line(image) for image in images]
    read = iter(reader([line.picture for line in lines if line]))
    return [
        _central(line, next(read), image.shape[1] / 2) if line else None
        for image, line in zip(images, lines, strict=True)
    ]


def _central(line: TextLine, frames: Frames, column: float) -> Seen | None:
    digits = _digits(frames)
    if not digits:
        return None
    first, last = min(digits, key=lambda span: abs(_column_in_image(line, span) - column))
    return frames[first:last, :BLANK].max(0)


def _digits(frames: Frames) -> list[tuple[int, int]]:
    """The first frame of each digit on the likeliest path, and one past its last."""
    states = frames.argmax(1)
    starts = np.flatnonzero(np.diff(states, prepend=-1))
    ends = [*starts[1:].tolist(), len(states)]
    return [(first, last) for first, last in zip(starts.tolist(), ends, strict=True) if states[first] != BLANK]


def _column_in_image(line: TextLine, span: tuple[int, int]) -> float:
    return float(line.to_image[0] @ [STEP * sum(span) / 2, HEIGHT / 2, 1])
