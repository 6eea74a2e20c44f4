"""A run of handwritten digits without cells: cut, read in every way it could be meant, and the best way taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.levels import as_bytes
from pipelines.strings.finding import PixelBox, find_strings
from pipelines.strings.hypotheses import TALL, features, scores
from pipelines.strings.lattice import Path, best_paths
from pipelines.strings.segments import Pieces, Segment, find_pieces, is_digit_sized
from pipelines.strings.strip import Strip, find_strip

Picture = NDArray[np.uint8]
Reader = Callable[[list[Picture]], NDArray[np.float32]]
"""Pictures of any size, ink bright on black, to probabilities [N, classes]."""

MOST_PIECES = 60
"""A strip of more is no run of digits but a drawing, or noise."""
ALTERNATIVES = 5
UNREAD_LUMP = 0.2
"""How likely a value still is where a lump as tall as the digits, and too broad for one, could only be left out."""
SURENESS = (1.0, 0.0)
"""Slope and start of the line from the model's log odds to the odds that drawn strings bear out; `--fit` prints it.

The weights are fitted by likelihood, so that the odds are nearly right as they are; the line is not fitted yet."""


@dataclass(frozen=True)
class Alternative:
    value: str
    probability: float


@dataclass(frozen=True)
class FoundDigit:
    label: str
    confidence: float
    """What the reader says of this digit alone."""
    box: PixelBox


@dataclass(frozen=True)
class StringReading:
    value: str
    """Empty where there is no digit."""
    confidence: float
    digits: tuple[FoundDigit, ...]
    alternatives: tuple[Alternative, ...]
    """The likeliest values with their probabilities, best first, the value itself among them."""


NOTHING = StringReading("", 0.0, (), ())


@dataclass(frozen=True)
class FoundString:
    box: PixelBox
    reading: StringReading


@dataclass(frozen=True)
class CutString:
    """A strip with its pieces, before anything is read."""

    strip: Strip
    pieces: Pieces
    segments: tuple[Segment, ...]

    def to_read(self) -> list[int]:
        return [index for index, segment in enumerate(self.segments) if is_digit_sized(segment)]

    @property
    def trust(self) -> float:
        """How much of the ink that could be digits can be read at all, as a factor of any value's probability."""
        lumps = sum(segment.height >= TALL and not is_digit_sized(segment) for segment in self.segments)
        return UNREAD_LUMP**lumps

    def pictures(self) -> list[Picture]:
        return [self.pieces.picture(self.segments[index]) for index in self.to_read()]


def read_string(
    image: Picture, reader: Reader, classes: Sequence[str], length: tuple[int, int] | None = None
) -> StringReading:
    """The digits in a picture (grey or RGB) of one run; `length` is the fewest and the most there may be."""
    return read_strings_of([image], reader, classes, [length])[0]


def read_strings_of(
    images: Sequence[Picture],
    reader: Reader,
    classes: Sequence[str],
    lengths: Sequence[tuple[int, int] | None] | None = None,
) -> list[StringReading]:
    """Many pictures of one run each, all their segments in one call of the reader."""
    cuts = [cut_string(image) for image in images]
    probabilities = read_segments(cuts, reader, len(classes))
    wanted = lengths or [None] * len(cuts)
    return [
        NOTHING if cut is None else _decode(cut, found, classes, length)
        for cut, found, length in zip(cuts, probabilities, wanted, strict=True)
    ]


def read_strings(image: Picture, reader: Reader, classes: Sequence[str]) -> list[FoundString]:
    """Every run of digits anywhere in a photo, in reading order; runs in which nothing is read are left out."""
    grey = as_grey(image)
    boxes = find_strings(grey)
    parts = [grey[top : top + height, left : left + width] for left, top, width, height in boxes]
    readings = read_strings_of(parts, reader, classes)
    return [
        FoundString(box, _moved(reading, box[:2]))
        for box, reading in zip(boxes, readings, strict=True)
        if reading.value
    ]


def cut_string(image: Picture) -> CutString | None:
    """None where there is no ink, or far too much."""
    strip = find_strip(as_grey(image))
    if strip is None:
        return None
    pieces = find_pieces(strip.ink)
    if not 0 < len(pieces.pieces) <= MOST_PIECES:
        return None
    return CutString(strip, pieces, tuple(pieces.segments()))


def read_cut(
    cut: CutString, read: NDArray[np.float32], classes: Sequence[str], expected: tuple[int, int] | None = None
) -> StringReading:
    """A string that was cut before, perhaps in another process, by what was read in each of its pictures.

    Values of the expected length are among the alternatives, for what they are worth beside those of any other: had
    they to themselves all there is, a number with a digit too many would look like one that has the length.
    """
    probabilities = np.zeros((len(cut.segments), len(classes)))
    probabilities[cut.to_read()] = read
    return _decode(cut, probabilities, classes, None, expected)


def read_segments(cuts: Sequence[CutString | None], reader: Reader, classes: int) -> list[NDArray[np.float64]]:
    """For each string the probabilities [segments, classes]; 0 where a segment cannot be a digit."""
    pictures = [picture for cut in cuts if cut for picture in cut.pictures()]
    read = reader(pictures) if pictures else np.zeros((0, classes), np.float32)
    answers, at = [], 0
    for cut in cuts:
        found = np.zeros((len(cut.segments) if cut else 0, classes))
        if cut:
            chosen = cut.to_read()
            found[chosen] = read[at : at + len(chosen)]
            at += len(chosen)
        answers.append(found)
    return answers


def as_grey(image: Picture) -> Picture:
    return image if image.ndim == 2 else as_bytes(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))


def _decode(
    cut: CutString,
    probabilities: NDArray[np.float64],
    classes: Sequence[str],
    length: tuple[int, int] | None,
    expected: tuple[int, int] | None = None,
) -> StringReading:
    values, can_be = features(cut.pieces, cut.segments, probabilities, classes)
    paths = best_paths(len(cut.pieces.pieces), cut.segments, scores(values, can_be), length)
    if not paths or not paths[0].value:
        return NOTHING
    fewest, most = expected or (1, len(cut.pieces.pieces))
    fitting = [path for path in paths if fewest <= len(path.value) <= most][:ALTERNATIVES]
    kept = [*paths[:ALTERNATIVES], *(path for path in fitting if path not in paths[:ALTERNATIVES])]
    alternatives = tuple(Alternative(path.value, cut.trust * sureness(path.posterior)) for path in kept)
    digits = _digits(cut, [*fitting, paths[0]][0], probabilities, classes)
    return StringReading(paths[0].value, alternatives[0].probability, digits, alternatives)


def sureness(posterior: float) -> float:
    """How often such a reading is right."""
    inside = min(max(posterior, 1e-6), 1 - 1e-6)
    odds = SURENESS[0] * math.log(inside / (1 - inside)) + SURENESS[1]
    return 1 / (1 + math.exp(-odds))


def _digits(
    cut: CutString, path: Path, probabilities: NDArray[np.float64], classes: Sequence[str]
) -> tuple[FoundDigit, ...]:
    found = []
    for label, index in zip(path.value, path.segments, strict=True):
        segment = cut.segments[index]
        box = cut.strip.box_in_image(segment.left, segment.top, segment.right, segment.bottom)
        found.append(FoundDigit(label, float(probabilities[index, classes.index(label)]), box))
    return tuple(found)


def _moved(reading: StringReading, by: tuple[int, int]) -> StringReading:
    digits = tuple(
        FoundDigit(digit.label, digit.confidence, (digit.box[0] + by[0], digit.box[1] + by[1], *digit.box[2:]))
        for digit in reading.digits
    )
    return StringReading(reading.value, reading.confidence, digits, reading.alternatives)
